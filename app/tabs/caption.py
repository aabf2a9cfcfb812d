"""Many captions of the picture, each with what the matcher says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from threading import Event
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app import tables
from app.asking import decode_from
from app.buttons import build_buttons, buttons
from app.caption_rows import Captioned, caption_links, caption_table
from app.captioning import (
    LONGEST_PROMPT,
    MOST_CAPTIONS,
    Order,
    captions_of,
    order_from,
    progress_of,
    words_for,
)
from app.controls import build_decoding
from app.errand import Errand
from app.lane import MODEL_LANE, QUIET, Update, explain, paced, until_done
from app.looking import matched, picture_of
from app.probe import wire_probe
from app.services import Services
from app.tabs.caption_many import build_many
from app.visit import Picture, Visit

ABOUT = """<h2>What can be said of the picture?</h2>
<p>The model writes several captions in one go; the matcher, which has not written them, says how
well each fits.</p>"""
STOPPED = "Stopped: what was not finished has no scores."
NO_PICTURE = "There is no picture yet: drop one at the left, or take an example."


def build_caption_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(visit=panel.visit, errand=gr.State(Errand()))
    ready = bool(panel.topic.value)
    gr.HTML(ABOUT, elem_classes="about", container=False)
    with gr.Row():
        ui.num = gr.Slider(1, MOST_CAPTIONS, 5, step=1, label="How many", buttons=[], min_width=160)
        ui.prompt = gr.Textbox(
            label="They begin with",
            placeholder="a photo of",
            max_length=LONGEST_PROMPT,
            scale=2,
            min_width=200,
            elem_id="caption-prompt",
        )
    with gr.Accordion("How words are chosen", open=False):
        longest = services.settings.max_new_tokens
        decoding = build_decoding(longest, mode="sample", elem_id="caption-mode")
    ui.begin, ui.stop = build_buttons("Write captions", "caption", ready=ready)
    ui.said = gr.HTML(
        "" if ready else tables.status(NO_PICTURE), container=False, elem_classes="saying"
    )
    ui.table = tables.build_table(elem_id="captions")
    screen, given = [ui.said, ui.table, ui.begin, ui.stop], [ui.visit, ui.errand]
    ordered = [ui.num, ui.prompt, *decoding.all]
    written = ui.begin.click(partial(write, services), [*given, *ordered], screen, **MODEL_LANE)
    written.failure(on_picture, given, screen, **QUIET)
    ui.stop.click(on_stop, ui.errand, [ui.errand, ui.stop], **QUIET)
    panel.topic.change(on_picture, given, screen, **QUIET)
    wire_probe(ui.table, panel)
    build_many(services, panel, ordered)


def write(
    services: Services, visit: Visit, errand: Errand, num: Any, prompt: Any, *decoding: Any
) -> Iterator[tuple[Update, ...]]:
    """Writes captions and scores them; yields what is said, the table and the two buttons."""
    picture, said, shown = visit.picture, "", ""
    stop = errand.begin(picture.key if picture else "")
    try:
        picture = picture_of(visit)
        order = order_from(num, prompt, decode_from(*decoding))
        for said, shown in paced(_written(services, visit, picture, order, stop)):
            yield said, shown, *buttons(running=True)
        said = (
            tables.status("Stopped: what was not finished has no scores.") if stop.is_set() else ""
        )
    except Exception as error:
        said = tables.status(explain(error, "No captions"), problem=True)
    errand.end(stop)
    if picture is not None and not visit.is_about(picture):
        yield on_picture(visit, errand)
    else:
        yield said, shown, *buttons(running=False, ready=picture is not None)


def _written(
    services: Services, visit: Visit, picture: Picture, order: Order, stop: Event
) -> Iterator[tuple[str, str]]:
    """What is said, and the table so far."""
    pair, captions = services.engine.pair(visit.model), []
    for _ in until_done(pair.loading, pair.loading_matcher()):
        if stop.is_set():
            return
        yield tables.status("The model is loading; the captions will come by themselves."), ""
    picture = matched(services, visit, picture)
    title = f"By {pair.generator.spec.name}: {words_for(order)}"
    seen = (picture.features, picture.scored)
    growing = captions_of(services, visit.model, seen, order, stop)
    with closing(growing):
        for captions in growing:
            said = tables.progress(*progress_of(captions, order))
            yield said, caption_table(captions, title)
    done = Captioned(name=picture.name, sha256=picture.key, captions=captions)
    yield "", caption_table(captions, title, caption_links(pair, order, [done]))


def on_stop(errand: Errand) -> tuple[Update, ...]:
    """Nobody waits for the rest; `write` says what became of it."""
    errand.stop()
    return errand, gr.update(visible=False)


def on_picture(visit: Visit, errand: Errand) -> tuple[Update, ...]:
    """Another picture, or none: what is on screen is about another."""
    there = visit.picture is not None
    if not errand.turn_to(visit.picture.key if there else ""):
        return (gr.skip(),) * 4
    said = "" if there else tables.status(NO_PICTURE)
    return said, "", *buttons(running=False, ready=there)
