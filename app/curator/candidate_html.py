"""The candidate texts of an image as HTML, everything in them escaped."""

from __future__ import annotations

from html import escape

from app.curator.review_session import ReviewSession
from blip2core.storage.cards import Card, ShownScore, ShownText


def text_html(text: ShownText, threshold: float, *, chosen: bool) -> str:
    """Return a candidate as HTML: its words, who wrote them, its scores, and its verdicts."""
    verdicts = "".join(
        f'<span class="verdict {escape(one.verdict)}">{escape(_sign(one.verdict))} '
        f"{escape(one.handle)}{' (threshold)' if one.by_threshold else ''}, "
        f"{one.when:%d %b %H:%M}</span>"
        for one in text.verdicts
    )
    by = text.author or text.writer or ""
    return (
        f'<div class="text {"chosen" if chosen else ""}"><p>{escape(text.text)}</p>'
        f'<div class="scores"><span class="source {escape(text.source)}">{escape(text.source)}'
        f"</span>{_score_bar('ITM', text.itm, threshold)}{_score_bar('ITC', text.itc)}"
        f'<span class="by">{escape(by)}</span>{_truncation(text.itm)}{verdicts}</div></div>'
    )


def doubt_of(shown: Card, least: float | None) -> str:
    """Return why nothing that the models say of an image is to be trusted, as plain text; "" where
    there is no reason. The rule is that of the filter, see `FilterConfig.own_caption_itc`.
    """
    own = [text.itc.value for text in shown.texts if text.source == "synthetic" and text.itc]
    if least is None or not own or sum(own) / len(own) >= least:
        return ""
    return (
        "This image is unlike anything these models have seen: their captions fit with ITC "
        f"{sum(own) / len(own):.2f} on average, below {least:.2f}. Do not trust their scores."
    )


def chosen_text_html(review: ReviewSession, shown: Card) -> str:
    """Return number and words of the chosen text as a line of HTML; "" where none is chosen."""
    for number, text in enumerate(shown.texts, 1):
        if text.caption_id == review.chosen:
            return f'<p class="meant"><b>Text {number}:</b> {escape(text.text)}</p>'
    return ""


def _sign(verdict: str) -> str:
    return {"accept": "✓", "reject": "✗", "edit": "replaced by"}[verdict]


def _score_bar(name: str, score: ShownScore | None, threshold: float | None = None) -> str:
    if score is None:
        return f'<span class="score">{name} –</span>'
    share = max(0.0, min(score.value, 1.0)) * 100
    mark = f'<i style="left:{threshold * 100:.1f}%"></i>' if threshold is not None else ""
    return (
        f'<span class="score" title="{escape(score.scorer)}">{name} {score.value:.2f}'
        f'<span class="bar"><b style="width:{share:.1f}%"></b>{mark}</span></span>'
    )


def _truncation(score: ShownScore | None) -> str:
    if score is None or not score.truncated:
        return ""
    return (
        f'<span class="truncated">scored on the first {score.text_limit} of {score.tokens} tokens'
        "</span>"
    )
