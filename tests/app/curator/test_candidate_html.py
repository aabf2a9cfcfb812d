"""Candidate texts as HTML: bars that stay in their box, and texts that stay texts."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.curator.candidate_html import chosen_text_html, doubt_of, text_html
from app.curator.review_session import ReviewSession
from blip2core.storage.cards import Card, ShownScore, ShownText, ShownVerdict

HOSTILE = "<b>&"


def score(value: float, *, truncated: bool = False) -> ShownScore:
    return ShownScore(
        value=value, tokens=40, truncated=truncated, text_limit=32, scorer=f"m@{HOSTILE}"
    )


def text(itm: ShownScore | None = None, itc: ShownScore | None = None) -> ShownText:
    when = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    said = ShownVerdict(handle=HOSTILE, verdict="accept", when=when, by_threshold=True)
    return ShownText(
        caption_id=1,
        text=HOSTILE,
        source="web",
        parent_id=None,
        author=HOSTILE,
        writer=None,
        itm=itm,
        itc=itc,
        verdicts=(said,),
    )


@pytest.mark.parametrize(("value", "width"), [(-0.3, "0.0"), (0.25, "25.0"), (1.2, "100.0")])
def test_a_bar_stays_in_its_box(value: float, width: str) -> None:
    assert f"width:{width}%" in text_html(text(itc=score(value)), 0.5, chosen=False)


def test_the_threshold_is_marked_on_the_itm_bar_alone() -> None:
    assert 'style="left:62.5%"' in text_html(text(itm=score(0.2)), 0.625, chosen=False)
    assert "left:" not in text_html(text(itc=score(0.2)), 0.625, chosen=False)


def test_everything_is_escaped() -> None:
    html = text_html(text(itm=score(0.2, truncated=True)), 0.5, chosen=True)
    assert HOSTILE not in html and html.count("&lt;b&gt;&amp;") == 4  # text, scorer, author, who
    assert "scored on the first 32 of 40 tokens" in html
    assert "✓ &lt;b&gt;&amp; (threshold), 02 Jan 03:04" in html
    assert 'class="text chosen"' in html


def card(*texts: ShownText) -> Card:
    return Card(
        item_id=1,
        dataset_id=1,
        image_sha256="0" * 64,
        format="PNG",
        width=1,
        height=1,
        state="ok",
        status="pending",
        row_version=1,
        sources=(),
        texts=texts,
        history=(),
        draft=None,
        held_by=None,
    )


def test_the_chosen_text_is_told_by_its_number() -> None:
    shown = card(text())
    assert "<b>Text 1:</b> &lt;b&gt;&amp;" in chosen_text_html(ReviewSession(chosen=1), shown)
    assert chosen_text_html(ReviewSession(chosen=None), shown) == ""


def test_an_image_is_in_doubt_by_the_captions_that_were_written_of_it() -> None:
    web = text(itc=score(-0.9))
    good, bad = (replace(text(itc=score(itc)), source="synthetic") for itc in (0.9, 0.5))
    assert "0.70 on average, below 0.71" in doubt_of(card(web, good, bad), 0.71)
    assert doubt_of(card(web, good, bad), 0.7) == ""
    assert doubt_of(card(web), 0.7) == ""
    assert doubt_of(card(bad), None) == ""
    unscored = replace(text(), source="synthetic")
    assert doubt_of(card(unscored), 0.7) == ""
