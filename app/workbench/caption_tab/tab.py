"""Many captions of the image, each with its scores by the matcher."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from threading import Event
from typing import Any

import gradio as gr

from app.chat.features import image_doubt, pair_features
from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.chat.text_writer import TextWriter
from app.inference.cancellable import CancellableTask
from app.inference.capfilt_tasks import caption_config
from app.inference.captions import (
    LONGEST_PROMPT,
    MOST_CAPTIONS,
    CaptionRequest,
    ScoredCaption,
    caption_and_score,
    caption_request_from,
    describe_request,
    progress_of,
)
from app.inference.decoding import decode_from
from app.inference.engine import Engine
from app.services import Services
from app.workbench.address.settings import caption_fields, connect_settings
from app.workbench.caption_tab.batch import build_caption_batch
from app.workbench.events import MODEL_EVENT, paced
from app.workbench.inside_tab.table_link import connect_look_inside
from app.workbench.save_dialog.rows import connect_save_rows
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from app.workbench.widgets.caption_rows import Captioned, caption_links, caption_table
from app.workbench.widgets.generation_controls import build_decoding
from app.workbench.widgets.image_task import (
    TaskMessages,
    TaskOutput,
    TaskUpdate,
    build_image_task,
    run_image_task,
    wire_image_task,
)
from blip2core.models.specs import find_spec

_ABOUT = """<h2>What can be said of the image?</h2>
<p>The model writes several captions in one go; the matcher, which has not written them, says how
well each fits.</p>"""
_MESSAGES = TaskMessages(
    waiting="The model is loading; the captions will come by themselves.",
    failure="No captions",
    stopped="Stopped: what was not finished has no scores.",
)


def build_caption_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    with gr.Row():
        num = gr.Slider(1, MOST_CAPTIONS, 5, step=1, label="How many", buttons=[], min_width=160)
        prompt = gr.Textbox(
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
    request = [num, prompt, *decoding.inputs]
    screen = build_image_task(shared, "Write captions", name="caption", table_id="captions")
    written = screen.begin.click(
        partial(on_write_captions, services),
        [screen.session, screen.task, *request],
        screen.outputs,
        **MODEL_EVENT,
    )
    wire_image_task(screen, shared, written)
    connect_look_inside(screen.table, shared)
    connect_save_rows(screen.table, shared, services)
    connect_settings(shared.address, caption_fields("caption"), request)
    build_caption_batch(services, shared.session, request)


def on_write_captions(
    services: Services,
    session: ChatSession,
    task: CancellableTask,
    num: Any,
    prompt: Any,
    *decoding: Any,
) -> Iterator[TaskUpdate]:
    """Write captions and score them; yield the table as it grows.

    `decoding` are values in the order of `app.inference.decoding.DECODING`.
    """

    def work(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
        request = caption_request_from(
            num, prompt, decode_from(*decoding), find_spec(model).template
        )
        return paced(_captions(services.engine, session, image, model, request, stop))

    yield from run_image_task(services, session, task, work, _MESSAGES)


def _captions(
    engine: Engine,
    session: ChatSession,
    image: ChatImage,
    model: str,
    request: CaptionRequest,
    stop: Event,
) -> Generator[TaskOutput, None, None]:
    pair = engine.pair(model)
    captions: list[ScoredCaption] = []
    features = pair_features(engine, session, image, model)
    title = f"By {pair.generator.spec.name}: {describe_request(request)}"
    growing = caption_and_score(engine, model, features, request, stop)
    with closing(growing):
        for captions in growing:
            progress = tables.progress_html(*progress_of(captions, request))
            yield TaskOutput(progress, caption_table(captions, title))
    writer = TextWriter(
        model=pair.generator.spec.name,
        revision=pair.generator.revision,
        captions=caption_config(request),
    )
    session.note_written(image.key, (caption.text for caption in captions), writer)
    doubt = image_doubt(engine, session, image, model)
    done = Captioned(name=image.name, sha256=image.key, captions=captions, doubt=doubt)
    yield TaskOutput("", caption_table(captions, title, caption_links(pair, request, [done])))
