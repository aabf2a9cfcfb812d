"""Images with their web and written texts as HTML cards, each text with score and verdict.

pairs.js handles the buttons on the cards; pairs.css is the style sheet.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr

from app.inference.batches import BatchItem
from app.inference.capfilt_tasks import CapFiltSession, ImageCard, filtered_texts
from app.workbench.scripts import bundle
from app.workbench.widgets import downloads, tables
from blip2core.capfilt import says_less
from blip2core.config import FilterConfig
from blip2core.records import DOUBT_WARNING, Decision, ReviewedText, Scored
from blip2core.texts import count_of

_HERE = Path(__file__).parent
PAIR_FIELDS = ("image", "sha256", "caption", "source", "verdict", "kept", "reason", "itm", "itc")
"""Columns of the CSV."""
LESS = "Says less than a kept text, and may be true."
"""What stands below a dropped text of which all words stand in a kept one."""
_SOURCES = {"web": "web", "synthetic": "written", "edited": "edited"}
_ICONS = {
    "accepted": "M3 8.5l3.5 3.5L13 4.5",
    "rejected": "M4 4l8 8M12 4l-8 8",
    "edit": "M3 13l.7-3L11 2.7 13.3 5 6 12.3z",
    "why": "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.8M8 12.5v.5",
}
"""What stands on a button -> the lines drawn on it, on a field of 16 by 16."""


def build_cards() -> gr.HTML:
    """Draw the component that shows the cards.

    Its events name run, card and text: `decide` (verdict), `edit` (words) and `why`.
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
    return f'<div class="pairs" data-run="{pairs.name}">{body}</div>' if body else ""


def _item(item: BatchItem[ImageCard], rules: FilterConfig) -> str:
    if isinstance(item.result, ImageCard):
        return card_html(item.result, rules)
    state = item.problem or {"waiting": "waiting", "working": "writing …"}.get(
        item.state, "stopped"
    )
    return (
        f'<article class="pair {item.state}"><header><span class="blank"></span>'
        f"<div><h3>{escape(item.name)}</h3><p>{escape(state)}</p></div></header></article>"
    )


def card_html(card: ImageCard, rules: FilterConfig) -> str:
    """Return HTML of one image with its texts: those from the web, then the others."""
    pairs = filtered_texts(card, rules)
    less = says_less([decision for _, decision in pairs])
    drawn = [
        (text.source == "web", _row(text, decision, rules, LESS if is_less else ""))
        for (text, decision), is_less in zip(pairs, less, strict=True)
    ]
    web = [row for is_web, row in drawn if is_web]
    rows = "".join([*web, *(row for is_web, row in drawn if not is_web)])
    kept = sum(decision.kept for _, decision in pairs)
    doubts = [decision.reason for _, decision in pairs if decision.doubted]
    warning = f'<p class="doubted">{DOUBT_WARNING} {_why_doubted(doubts[0])}</p>' if doubts else ""
    said = f"{kept} of {count_of(len(pairs), 'text')} kept"
    said += "" if web else "; none came from the web"
    return (
        f'<article class="pair" data-card="{card.number}"><header>'
        f'<img src="{card.thumbnail}" alt=""><div><h3 title="{escape(card.name)}">'
        f"{escape(card.name)}</h3><p>{said}</p>{warning}</div></header><ul>{rows}</ul></article>"
    )


def _why_doubted(reason: str) -> str:
    """Return HTML of the figures in the reason of a doubt: they say how near it was."""
    return f"<small>({escape(reason.partition(': ')[2])})</small>"


def _row(text: ReviewedText, decision: Decision, rules: FilterConfig, hint: str) -> str:
    scored, words = text.scored, escape(text.words)
    state = "kept" if decision.kept else "dropped"
    note = f' <small class="note">{tables.TRUNCATED}</small>' if scored.truncated else ""
    verdicts = [("accepted", "Accept"), ("rejected", "Reject")]
    decide = "".join(_verdict_button(verdict, label, text) for verdict, label in verdicts)
    by_score = decision.reason.startswith("ITM")  # the bar and its mark say the rest
    said = f"{scored.itm:.2f}" if by_score else ""
    hint = hint if by_score or decision.doubted else decision.reason
    below = f'<p class="hint">{escape(hint)}</p>' if hint else ""
    return (
        f'<li class="{state} {text.verdict}" data-text="{text.number}"><p class="words">'
        f'<small class="source">{_SOURCES[text.source]}</small> <span>{words}</span>{note}</p>'
        f"{_bar(scored, rules.threshold)}"
        f'<p class="reason" title="{escape(decision.reason)}; ITC {scored.itc:.2f}">'
        f'<b>{state}</b> {said}</p><p class="actions">{decide}'
        f"{_button('edit', f'Edit: {words}')}{_button('why', f'Why: {words}')}</p>{below}</li>"
    )


def _verdict_button(verdict: str, label: str, text: ReviewedText) -> str:
    pressed = "true" if text.verdict == verdict else "false"
    more = f' data-verdict="{verdict}" aria-pressed="{pressed}"'
    return _button("decide", f"{label}: {escape(text.words)}", more, icon=verdict)


def _button(act: str, label: str, more: str = "", icon: str = "") -> str:
    """Return HTML of a button; `label` is HTML that is read out, its first word is the tooltip."""
    return (
        f'<button type="button" data-act="{act}"{more} aria-label="{label}"'
        f' title="{label.partition(":")[0]}"><svg viewBox="0 0 16 16" aria-hidden="true">'
        f'<path d="{_ICONS[icon or act]}"/></svg></button>'
    )


def _bar(scored: Scored, threshold: float | None) -> str:
    mark = "" if threshold is None else f'<em style="left:{threshold:.1%}"></em>'
    return f'<p class="bar" aria-hidden="true"><i style="width:{scored.itm:.1%}"></i>{mark}</p>'


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
