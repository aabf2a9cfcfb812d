"""What stands on a card: texts in their order, and why a text was dropped."""

from app.inference.capfilt_tasks import CapFiltSession, ImageCard
from app.workbench.capfilt_tab.cards import LESS, card_html
from blip2core.config import FilterConfig
from blip2core.doubt import DoubtCalibration
from blip2core.records import (
    DOUBT_WARNING,
    Candidate,
    CaptionSource,
    ReviewedText,
    Scored,
)

CALIBRATION = DoubtCalibration(
    captioner="c",
    captioner_revision="0",
    matcher="m",
    matcher_revision="1",
    threshold=0.6,
    known=100,
    doubted=0.05,
)


def text(number: int, words: str, itm: float, source: CaptionSource) -> ReviewedText:
    candidate = Candidate(text=words, source=source)
    scored = Scored(candidate=candidate, itm=itm, itc=0.5, tokens=3, truncated=False)
    return ReviewedText(number=number, scored=scored)


def rows_of(*texts: ReviewedText) -> list[str]:
    card = ImageCard(number=0, name="a.png", data=b"", sha256="", thumbnail="", texts=texts)
    return card_html(card, FilterConfig()).split("<li ")[1:]


def test_a_short_text_that_was_dropped_is_named_where_a_kept_text_has_all_its_words() -> None:
    short, other, whole = rows_of(
        text(0, "two red cars", 0.24, "web"),
        text(1, "two blue cars", 0.1, "web"),
        text(2, "two red cars and a whale", 0.97, "synthetic"),
    )
    assert "two red cars</span>" in short and "<b>dropped</b> 0.24" in short and LESS in short
    assert "two blue cars</span>" in other and "<b>dropped</b> 0.10" in other and LESS not in other
    assert "<b>kept</b> 0.97" in whole and LESS not in whole


def test_another_reason_than_the_score_is_told_in_words() -> None:
    dropped, kept = rows_of(text(0, "A dog.", 0.7, "web"), text(1, "a dog", 0.9, "synthetic"))
    assert "the same words as another text (synthetic)</p>" in dropped
    assert "ITM 0.90 is at least 0.50" in kept


def test_texts_from_the_web_stand_first_whatever_their_score() -> None:
    rows = rows_of(text(0, "one", 0.9, "synthetic"), text(1, "two", 0.1, "web"))
    assert [">web<" in row for row in rows] == [True, False]


def test_a_card_of_an_image_in_doubt_says_so_once_and_keeps_nothing() -> None:
    texts = (text(0, "a web text", 0.9, "web"), text(1, "a dog", 0.9, "synthetic"))
    card = ImageCard(number=0, name="a.png", data=b"", sha256="", thumbnail="", texts=texts)
    session = CapFiltSession()
    session.doubt_by(CALIBRATION)
    html = card_html(card, session.rules)
    assert html.count(DOUBT_WARNING) == 1
    assert "0 of 2 texts kept" in html and 'class="hint"' not in html
    session.doubt_by(None)
    assert DOUBT_WARNING not in card_html(card, session.rules)
    assert "2 of 2 texts kept" in card_html(card, session.rules)
