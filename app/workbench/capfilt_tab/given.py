"""The images for the next run as they are seen, each with a box for its web texts.

given.js keeps what is typed beside its image; given.css is the style sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from app.gradio_internals import event_values
from app.inference.capfilt_tasks import CapFiltSession, InputImage
from app.workbench.capfilt_tab.inputs import LONGEST_TYPED, read_uploads
from app.workbench.events import SKIP, Update
from app.workbench.image.uploads import uploads_from
from app.workbench.scripts import bundle
from app.workbench.widgets import tables
from blip2core.texts import count_of

_HERE = Path(__file__).parent
LONGEST_BOX = 4000
"""Characters of the texts beside one image."""
SEND_TYPED = bundle(
    [_HERE / "given.js"], 'return typedTexts(document.querySelector("#pair-given"));'
)
"""Returns what stands beside each image on screen, as `typed_from` reads it."""


class GivenUpdate(NamedTuple):
    """New values after the list of files changed."""

    pairs: Update
    given: Update = SKIP
    given_message: Update = SKIP


def build_given() -> gr.HTML:
    """Draw the component that shows the images; its `input` event tells what was typed."""
    return gr.HTML(
        css_template=(_HERE / "given.css").read_text("utf-8"),
        js_on_load=bundle([_HERE / "given.js"], "listenToGiven(element, trigger, watch);"),
        apply_default_css=False,
        container=False,
        elem_id="pair-given",
        elem_classes="results",
    )


def on_files(
    pairs: CapFiltSession, files: Sequence[dict[str, Any]] | None
) -> Iterator[GivenUpdate]:
    """Read the files that are listed now, and show the images in them with their texts."""
    uploads = uploads_from(files)
    if uploads:
        yield GivenUpdate(pairs, given_message=tables.status_html("The files are being read."))
    found = read_uploads(uploads)
    pairs.given = found.images
    message = tables.problems_html(found.problems)
    if uploads and not found.images:
        message = tables.status_html("There is no image in these files.", problem=True) + message
    yield GivenUpdate(pairs, given_html(pairs), message)


def on_typed(pairs: CapFiltSession, event: gr.EventData) -> CapFiltSession:
    """Remember what was typed beside an image, for a reload of the page."""
    sent = event_values(event)
    key, words = sent.get("key"), sent.get("words")
    typed = {one.key: pairs.typed.get(one.key, "") for one in pairs.given}
    if isinstance(key, str) and isinstance(words, str) and key in typed:
        typed[key] = words[:LONGEST_BOX]
        if sum(map(len, typed.values())) <= LONGEST_TYPED:
            pairs.typed = typed
    return pairs


def given_html(pairs: CapFiltSession) -> str:
    """Return HTML of the images for the next run."""
    if not pairs.given:
        return ""
    cards = "".join(_card(one, pairs.typed.get(one.key, "")) for one in pairs.given)
    return f'<p>{count_of(len(pairs.given), "image")}</p><div class="given">{cards}</div>'


def _card(one: InputImage, typed: str) -> str:
    name = escape(one.name)
    found = "".join(f"<li>{escape(text)}</li>" for text in one.texts)
    return (
        f'<article data-key="{one.key}" data-words="{escape(typed)}">'
        f'<img src="{one.thumbnail}" alt=""><div><h3>{name}</h3>'
        f"{f'<ul>{found}</ul>' if found else ''}"
        f'<textarea rows="2" maxlength="{LONGEST_BOX}" aria-label="Texts from the web for {name}"'
        ' placeholder="Texts from the web, one on each line"></textarea></div></article>'
    )
