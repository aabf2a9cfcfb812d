"""Captions of several images, one row for each; a file that fails is a row with the reason."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from threading import Event
from typing import Any

import gradio as gr
from gradio.components import Component

from app.chat.session import ChatSession
from app.inference.batches import BatchItem, ImageBatch, process_slice
from app.inference.captions import (
    CaptionRequest,
    ScoredCaption,
    caption_and_score,
    caption_request_from,
    describe_request,
)
from app.inference.decoding import decode_from
from app.inference.doubts import find_doubt
from app.inference.failures import error_message
from app.inference.features import encode_for_pair
from app.inference.pool import wait_until_loaded
from app.services import Services
from app.workbench.events import PRIVATE_EVENT, paced
from app.workbench.image.uploads import Upload, build_drop_area, open_upload, too_many, uploads_from
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import buttons
from app.workbench.widgets.caption_rows import ITC, ITM, Captioned, caption_links, caption_notes
from app.workbench.widgets.image_batch import BatchUpdate, build_batch, wire_batch
from blip2core.errors import Blip2Error
from blip2core.images import open_image
from blip2core.models.specs import find_spec
from blip2core.texts import count_of

_COLUMNS = (
    tables.Column(label="Image", kind="image"),
    tables.Column(label="Best caption"),
    ITM,
    ITC,
    tables.Column(label="", kind="act", sorts=False),
)
_SECONDS_BETWEEN = 0.5
"""Least time between two updates of a row while its captions grow."""
_LOADING = "The model is loading; the captions will come by themselves."
_ABOUT = "<h2>Several images at once</h2><p>Captioned as set above, each image on its own.</p>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionBatchRequest:
    """The captions that are asked for, and of which images."""

    model: str
    """Name of the model that writes them."""
    captions: CaptionRequest
    uploads: tuple[Upload, ...]
    """One for each item of the batch."""


CaptionedBatch = ImageBatch[CaptionBatchRequest, Captioned]
"""Images with the captions of each."""


def build_caption_batch(
    services: Services, session: gr.State, request: Sequence[Component]
) -> None:
    """Draw and wire the batch inside the tab that is being built.

    `request` are the components that say which captions are asked for.
    """
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    files = build_drop_area(label="Images to caption", elem_id="caption-files")
    components = build_batch(
        ImageBatch(), files, begin="Caption all", name="caption-many", table_id="captioned"
    )
    components.begin.click(
        partial(on_caption_batch, services),
        [session, components.batch, components.slices, files, *request],
        components.outputs,
        preprocess=False,
        **PRIVATE_EVENT,
    )
    wire_batch(
        components,
        session,
        on_slice=partial(continue_captions, services),
        on_stop=partial(on_stop_captions, services),
    )


def on_caption_batch(
    services: Services,
    session: ChatSession,
    batch: CaptionedBatch,
    slices: int,
    files: Sequence[dict[str, Any]] | None,
    num: Any,
    prompt: Any,
    *decoding: Any,
) -> BatchUpdate:
    """Begin a batch, or say why it cannot begin.

    `decoding` are values in the order of `app.inference.decoding.DECODING`.
    """
    uploads = uploads_from(files)
    problem = too_many(uploads) if uploads else "Add some images first."
    try:
        captions = caption_request_from(
            num, prompt, decode_from(*decoding), find_spec(session.model).template
        )
    except Blip2Error as error:
        problem = problem or str(error)
    if problem:
        message = tables.status_html(problem, problem=True)
        return BatchUpdate(
            batch=batch, slices=slices, message=message, **buttons(running=False)._asdict()
        )
    request = CaptionBatchRequest(model=session.model, captions=captions, uploads=tuple(uploads))
    batch.start([upload.name for upload in uploads], request)
    return show_captions(services, batch)._replace(slices=slices + 1)


def continue_captions(
    services: Services, session: ChatSession, batch: CaptionedBatch, slices: int
) -> Iterator[BatchUpdate]:
    """Caption images for one time slice, and ask for the next one where images are left."""
    try:
        pair = services.engine.pair(batch.request.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield BatchUpdate(message=tables.status_html(_LOADING))
        for _ in process_slice(
            batch, partial(_caption, services, batch), longest=services.settings.longest_job
        ):
            yield show_captions(services, batch)
    except Exception as error:
        batch.give_up()
        message = tables.status_html(error_message(error, "No captions"), problem=True)
        yield BatchUpdate(message=message, table="", **buttons(running=False)._asdict())
        return
    shown = show_captions(services, batch)
    yield shown._replace(slices=slices + 1) if batch.is_left else shown


def _caption(
    services: Services, batch: CaptionedBatch, stop: Event, index: int
) -> Generator[None, None, None]:
    """Open one image, encode it once, caption it and score the captions."""
    request, upload = batch.request, batch.request.uploads[index]
    batch.change(stop, index, state="working")
    yield
    try:
        image = open_upload(upload)
        batch.change(stop, index, thumbnail=tables.thumbnail_address(image.shown))
        yield
        opened = open_image(image.data)
        features = encode_for_pair(services.engine, request.model, opened)
        doubt = find_doubt(services.engine, request.model, opened, features.generator)
        growing = caption_and_score(
            services.engine, request.model, features, request.captions, stop
        )
        for captions in paced(growing, _SECONDS_BETWEEN):
            result = Captioned(name=upload.name, sha256=image.key, captions=captions, doubt=doubt)
            batch.change(stop, index, result=result)
            yield
        batch.change(stop, index, state="done")
    except Exception as error:
        batch.change(stop, index, state="failed", problem=error_message(error, "Not captioned"))
    yield


def on_stop_captions(services: Services, batch: CaptionedBatch) -> BatchUpdate:
    """Stop the batch; the captions so far stay."""
    batch.give_up()
    return show_captions(services, batch)


def show_captions(services: Services, batch: CaptionedBatch) -> BatchUpdate:
    """Return what there is to show of the batch; it asks for no further slice."""
    if not batch.items:
        return BatchUpdate(batch=batch, message="", table="", **buttons(running=False)._asdict())
    request, total = batch.request, len(batch.items)
    pair = services.engine.pair(request.model)
    rows = [_row(item) for item in batch.items]
    title = f"By {pair.spec.name}: {describe_request(request.captions)}"
    if batch.is_running:
        table = tables.table_html(_COLUMNS, rows, title=title)
        words = f"{batch.done} of {count_of(total, 'image')}"
        message = tables.progress_html(batch.done, total, words)
        return BatchUpdate(
            batch=batch, message=message, table=table, **buttons(running=True)._asdict()
        )
    finished = [_result(item) for item in batch.items if item.state in ("done", "failed")]
    links = caption_links(pair, request.captions, finished) if finished else ""
    table = tables.table_html(_COLUMNS, rows, title=title, below=links)
    message = ""
    if any(item.state == "stopped" for item in batch.items):
        words = f"Stopped after {len(finished)} of {count_of(total, 'image')}."
        message = tables.status_html(words)
    return BatchUpdate(
        batch=batch, message=message, table=table, **buttons(running=False)._asdict()
    )


def _result(item: BatchItem[Captioned]) -> Captioned:
    return item.result or Captioned(name=item.name, problem=item.problem)


def _row(item: BatchItem[Captioned]) -> list[tables.Cell]:
    image = tables.image_cell(item.thumbnail, item.name)
    nothing = tables.score_cell(None)
    if item.result is None or not item.result.captions:
        words = tables.text_cell("", empty=item.problem or _STATES[item.state])
        return [image, words, nothing, nothing, tables.action_cell("")]
    best, *others = item.result.captions
    doubted = DOUBTED if item.result.is_doubted else ""
    words = tables.text_cell(best.text, doubted, *caption_notes(best))
    return [
        image,
        tables.Cell(html=words.html + _others(others), order=words.order),
        tables.score_cell(best.itm),
        tables.score_cell(best.itc),
        tables.action_cell(best.text, inside=False),
    ]


DOUBTED = "unlike anything this model has seen"
"""The note beside what is said of an image in doubt."""
_STATES = {
    "waiting": "waiting",
    "working": "writing …",
    "done": "nothing was written",
    "stopped": "stopped",
}


def _others(captions: Sequence[ScoredCaption]) -> str:
    """Return HTML of the captions below the best one, folded away."""
    if not captions:
        return ""
    lines = "".join(
        f"<li>{escape(one.text)}{'' if one.itm is None else f' ({one.itm:.3f})'}</li>"
        for one in captions
    )
    return f"<details><summary>{len(captions)} more</summary><ol start='2'>{lines}</ol></details>"
