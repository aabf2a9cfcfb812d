"""Many captions of the image, each with what the matcher says of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from threading import Event
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.features import pair_features
from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.captions import (
    LONGEST_PROMPT,
    MOST_CAPTIONS,
    CaptionRequest,
    caption_and_score,
    caption_request_from,
    describe_request,
    progress_of,
)
from app.inference.decoding import decode_from
from app.services import Services
from app.workbench.caption_tab.several import build_many
from app.workbench.events import MODEL_EVENT, Update, paced
from app.workbench.image.task import Shown, Words, build_saying, run, wire_run
from app.workbench.inside_tab.link import connect_look_inside
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons
from app.workbench.widgets.caption_rows import Captioned, caption_links, caption_table
from app.workbench.widgets.generation_controls import build_decoding

ABOUT = """<h2>What can be said of the image?</h2>
<p>The model writes several captions in one go; the matcher, which has not written them, says how
well each fits.</p>"""
WORDS = Words(
    waiting="The model is loading; the captions will come by themselves.",
    sorry="No captions",
    stopped="Stopped: what was not finished has no scores.",
)


def build_caption_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(session=panel.session, task=gr.State(CancellableTask()))
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
    ui.said = build_saying(ready=ready)
    ui.table = tables.build_table(elem_id="captions")
    screen, given = [ui.said, ui.table, ui.begin, ui.stop], [ui.session, ui.task]
    ordered = [ui.num, ui.prompt, *decoding.all]
    written = ui.begin.click(partial(write, services), [*given, *ordered], screen, **MODEL_EVENT)
    wire_run(ui, panel, written)
    connect_look_inside(ui.table, panel)
    build_many(services, panel, ordered)


def write(
    services: Services,
    session: ChatSession,
    task: CancellableTask,
    num: Any,
    prompt: Any,
    *decoding: Any,
) -> Iterator[tuple[Update, ...]]:
    """Writes captions and scores them; yields what is said, the table and the two buttons."""

    def work(image: ChatImage, stop: Event) -> Iterator[Shown]:
        order = caption_request_from(num, prompt, decode_from(*decoding))
        return paced(_written(services, session, image, order, stop))

    yield from run(services, session, task, work, WORDS)


def _written(
    services: Services, session: ChatSession, image: ChatImage, order: CaptionRequest, stop: Event
) -> Iterator[Shown]:
    pair, captions = services.engine.pair(session.model), []
    features = pair_features(services.engine, session, image)
    title = f"By {pair.generator.spec.name}: {describe_request(order)}"
    growing = caption_and_score(services.engine, session.model, features, order, stop)
    with closing(growing):
        for captions in growing:
            said = tables.progress(*progress_of(captions, order))
            yield said, caption_table(captions, title)
    done = Captioned(name=image.name, sha256=image.key, captions=captions)
    yield "", caption_table(captions, title, caption_links(pair, order, [done]))
