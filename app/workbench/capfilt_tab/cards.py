"""Images with their web and written texts as HTML cards, each text with score and verdict.

pairs.js handles the buttons on the cards; pairs.css is the style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr

from app.inference.batches import BatchItem
from app.inference.capfilt_tasks import CapFiltSession, ImageCard, filtered_texts
from app.workbench.scripts import bundle
from app.workbench.widgets import downloads, tables
from blip2core.config import FilterConfig
from blip2core.records import Decision, ReviewedText, Scored
from blip2core.texts import count_of

_HERE = Path(__file__).parent
PAIR_FIELDS = ("image", "sha256", "caption", "source", "verdict", "kept", "reason", "itm", "itc")
"""Columns of the CSV."""


def build_cards() -> gr.HTML:
    """Draw the component that shows the cards.

    Its events: `decide` (card, text, verdict), `edit` (card, text, words) and `why` (card, text).
    """
    return gr.HTML(
        css_template=(_HERE / "pairs.css").read_text("utf-8"),
        js_on_load=bundle([_HERE / "pairs.js"], "listenToPairs(element, trigger, watch);"),
        apply_default_css=False,
        container=False,
        elem_id="pairs",
        elem_classes="results",
    )


def summary_html(pairs: CapFiltSession) -> str:
    """Return HTML of how many texts the filter keeps, by their source."""
    counts = {"web": [0, 0], "synthetic": [0, 0]}
    accepted = 0
    for card in pairs.cards:
        for text, decision in filtered_texts(card, pairs.rules):
            kind = "web" if text.scored.candidate.source == "web" else "synthetic"
            counts[kind][0] += decision.kept
            counts[kind][1] += 1
            accepted += text.verdict == "accepted"
    if not pairs.cards:
        return ""
    (web, webs), (written, writtens) = counts.values()
    return (
        f'<p class="statistics" role="status">Kept: <b>{web}</b> of {count_of(webs, "web text")}, '
        f"<b>{written}</b> of {count_of(writtens, 'written one')}. "
        f"Accepted by you: <b>{accepted}</b>.</p>"
    )


def cards_html(pairs: CapFiltSession) -> str:
    """Return HTML of all images of a session, those still waiting too."""
    body = "".join(_item(item, pairs.rules) for item in pairs.batch.items)
    return f'<div class="pairs">{body}</div>' if body else ""


def _item(item: BatchItem[ImageCard], rules: FilterConfig) -> str:
    if isinstance(item.result, ImageCard):
        return card_html(item.result, rules)
    state = item.problem or {"waiting": "waiting", "working": "writing …"}.get(
        item.state, "stopped"
    )
    return (
        f'<article class="pair {item.state}"><header><span class="blank"></span>'
        f"<h3>{escape(item.name)}</h3><p>{escape(state)}</p></header></article>"
    )


def card_html(card: ImageCard, rules: FilterConfig) -> str:
    """Return HTML of one image with its texts."""
    pairs = filtered_texts(card, rules)
    web = [pair for pair in pairs if pair[0].scored.candidate.source == "web"]
    written = [pair for pair in pairs if pair[0].scored.candidate.source != "web"]
    return (
        f'<article class="pair" data-card="{card.number}"><header>'
        f'<img src="{card.thumbnail}" alt=""><h3>{escape(card.name)}</h3></header>'
        f'<div class="sides">{_side("From the web", web, rules, "no text came with it")}'
        f"{_side('Written', written, rules, 'nothing was written')}</div></article>"
    )


def _side(
    title: str, pairs: Sequence[tuple[ReviewedText, Decision]], rules: FilterConfig, empty: str
) -> str:
    rows = "".join(_row(text, decision, rules) for text, decision in pairs)
    body = f"<ul>{rows}</ul>" if rows else f'<p class="none">({empty})</p>'
    return f"<section><h4>{title}</h4>{body}</section>"


def _row(text: ReviewedText, decision: Decision, rules: FilterConfig) -> str:
    scored, words = text.scored, escape(text.words)
    state = "kept" if decision.kept else "dropped"
    notes = ["edited"] if scored.candidate.source == "edited" else []
    notes += [tables.TRUNCATED] if scored.truncated else []
    said = "".join(f' <small class="note">{escape(note)}</small>' for note in notes)
    return (
        f'<li class="{state} {text.verdict}" data-text="{text.number}">'
        f'<p class="words"><span>{words}</span>{said}</p>{_bar(scored, rules.threshold)}'
        f'<p class="reason"><b>{state}</b>: {escape(decision.reason)}</p>'
        f'<p class="actions">{_button("decide", "accepted", "Accept", text)}'
        f"{_button('decide', 'rejected', 'Reject', text)}"
        f'<button type="button" data-act="edit" aria-label="Edit: {words}">Edit</button>'
        f'<button type="button" data-act="why" aria-label="Why: {words}">Why?</button></p></li>'
    )


def _button(act: str, verdict: str, label: str, text: ReviewedText) -> str:
    pressed = "true" if text.verdict == verdict else "false"
    return (
        f'<button type="button" data-act="{act}" data-verdict="{verdict}" aria-pressed="{pressed}"'
        f' aria-label="{label}: {escape(text.words)}">{label}</button>'
    )


def _bar(scored: Scored, threshold: float | None) -> str:
    mark = "" if threshold is None else f'<em style="left:{threshold:.1%}"></em>'
    return (
        f'<p class="score"><span class="bar" aria-hidden="true">'
        f'<i style="width:{scored.itm:.1%}"></i>{mark}</span>'
        f"<span>ITM {scored.itm:.3f}</span><span>ITC {scored.itc:.2f}</span></p>"
    )


def pair_links(pairs: CapFiltSession, made_by: dict[str, object]) -> str:
    """Return HTML of the links that save all pairs with scores and verdicts."""
    rows = [
        {
            "image": card.name,
            "sha256": card.sha256,
            "caption": text.words,
            "source": text.scored.candidate.source,
            "verdict": text.verdict,
            "kept": decision.kept,
            "reason": decision.reason,
            "itm": text.scored.itm,
            "itc": text.scored.itc,
        }
        for card in pairs.cards
        for text, decision in filtered_texts(card, pairs.rules)
    ]
    if not rows:
        return ""
    return downloads.links("pairs", PAIR_FIELDS, rows, made_by | {"pairs": rows})
