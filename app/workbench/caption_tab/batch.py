"""Captions of several images at once, one row for each; a bad file is a row with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from threading import Event
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.session import ChatSession
from app.inference.batches import BatchItem, ImageBatch, process_turn
from app.inference.captions import (
    CaptionRequest,
    ScoredCaption,
    caption_request_from,
    captions_of,
    words_for,
)
from app.inference.decoding import decode_from
from app.inference.failures import error_message
from app.inference.features import look_at
from app.inference.pool import until_done
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update, paced
from app.workbench.image.uploads import build_drop_area, open_upload, too_many, uploads_from
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons, buttons
from app.workbench.widgets.caption_rows import ITC, ITM, Captioned, caption_links, notes
from blip2core.errors import Blip2Error
from blip2core.images import open_image

COLUMNS = (
    tables.Column(label="Picture", kind="picture"),
    tables.Column(label="Best caption"),
    ITM,
    ITC,
    tables.Column(label="", kind="act", sorts=False),
)
SECONDS_BETWEEN = 0.5
"""Between two looks at an image's captions as they grow."""
LOADING = "The model is loading; the captions will come by themselves."
ABOUT = "<h2>Several images at once</h2><p>Captioned as set above, each image on its own.</p>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionBatchRequest:
    """What a batch is for, and with which model."""

    order: CaptionRequest
    model: str


def build_many(services: Services, panel: SimpleNamespace, ordered: Sequence[Any]) -> None:
    """Draws and wires the part of the page inside the tab that is being built.

    `ordered` are the components that say what is to be written.
    """
    ui = SimpleNamespace(session=panel.session, batch=gr.State(ImageBatch()), turn=gr.State(0))
    gr.HTML(ABOUT, elem_classes="about", container=False)
    ui.files = build_drop_area(label="Images to caption", elem_id="caption-files")
    ui.begin, ui.stop = build_buttons("Caption all", "caption-many", ready=True)
    ui.said = gr.HTML(container=False, elem_classes="saying")
    ui.table = tables.build_table(elem_id="captioned")
    screen = [ui.said, ui.table, ui.begin, ui.stop]
    given = [ui.session, ui.batch, ui.turn]
    ui.begin.click(
        partial(on_begin, services),
        [*given, ui.files, *ordered],
        [ui.batch, ui.turn, *screen],
        preprocess=False,
        **PRIVATE_EVENT,
    )
    going = ui.turn.change(
        partial(continue_captions, services), given, [ui.turn, *screen], **MODEL_EVENT
    )
    stopped = [ui.batch, *screen]
    going.failure(partial(on_stop, services), ui.batch, stopped, **PRIVATE_EVENT)
    ui.stop.click(partial(on_stop, services), ui.batch, stopped, **PRIVATE_EVENT)


def on_begin(
    services: Services,
    session: ChatSession,
    batch: ImageBatch,
    turn: int,
    files: Sequence[dict[str, Any]] | None,
    num: Any,
    prompt: Any,
    *decoding: Any,
) -> tuple[Update, ...]:
    """Begins a batch, or says why it cannot."""
    uploads = uploads_from(files)
    problem = too_many(uploads) if uploads else "Add some images first."
    try:
        order = caption_request_from(num, prompt, decode_from(*decoding))
    except Blip2Error as error:
        problem = problem or str(error)
    if problem:
        said = tables.status(problem, problem=True)
        return batch, turn, said, gr.skip(), *buttons(running=False)
    batch.start(uploads, CaptionBatchRequest(order=order, model=session.model))
    return batch, turn + 1, *show_captions(services, batch)


def continue_captions(
    services: Services, session: ChatSession, batch: ImageBatch, turn: int
) -> Iterator[tuple[Update, ...]]:
    """One turn of a batch; the next is asked for where images are left."""
    try:
        pair = services.engine.pair(batch.order.model)
        for _ in until_done(pair.loading, pair.loading_matcher()):
            yield gr.skip(), tables.status(LOADING), gr.skip(), gr.skip(), gr.skip()
        for _ in process_turn(batch, partial(_caption, services, batch)):
            yield gr.skip(), *show_captions(services, batch)
    except Exception as error:
        batch.give_up()
        said = tables.status(error_message(error, "No captions"), problem=True)
        yield gr.skip(), said, "", *buttons(running=False)
        return
    yield turn + 1 if batch.is_left else gr.skip(), *show_captions(services, batch)


def _caption(services: Services, batch: ImageBatch, run: Event, index: int) -> Iterator[None]:
    """One image: opened, encoded once, captioned, scored."""
    plan, upload = batch.order, batch.jobs[index].upload
    batch.change(run, index, state="working")
    yield
    try:
        image = open_upload(upload)
        batch.change(run, index, thumbnail=tables.thumbnail(image.shown))
        yield
        seen = look_at(services.engine, plan.model, open_image(image.data))
        growing = captions_of(services.engine, plan.model, seen, plan.order, run)
        for captions in paced(growing, SECONDS_BETWEEN):
            result = Captioned(name=upload.name, sha256=image.key, captions=captions)
            batch.change(run, index, result=result)
            yield
        batch.change(run, index, state="done")
    except Exception as error:
        batch.change(run, index, state="failed", problem=error_message(error, "Not captioned"))
    yield


def on_stop(services: Services, batch: ImageBatch) -> tuple[Update, ...]:
    """Nobody waits for the rest; what is done stays."""
    batch.give_up()
    return batch, *show_captions(services, batch)


def show_captions(services: Services, batch: ImageBatch) -> tuple[Update, ...]:
    """What is said, the table so far, and the two buttons."""
    if not batch.jobs:
        return "", "", *buttons(running=False)
    plan, total = batch.order, len(batch.jobs)
    pair = services.engine.pair(plan.model)
    rows = [_row(job) for job in batch.jobs]
    words = f"{batch.done} of {total} images"
    title = f"By {pair.spec.name}: {words_for(plan.order)}"
    if batch.is_running:
        table = tables.table(COLUMNS, rows, title=title)
        return tables.progress(batch.done, total, words), table, *buttons(running=True)
    finished = [_taken_along(job) for job in batch.jobs if job.state in ("done", "failed")]
    links = caption_links(pair, plan.order, finished) if finished else ""
    stopped = any(job.state == "stopped" for job in batch.jobs)
    said = tables.status(f"Stopped after {len(finished)} of {total} images." if stopped else "")
    return said, tables.table(COLUMNS, rows, title=title, below=links), *buttons(running=False)


def _taken_along(job: BatchItem) -> Captioned:
    return job.result or Captioned(name=job.upload.name, problem=job.problem)


def _row(job: BatchItem) -> list[tables.Cell]:
    image = tables.image_cell(job.thumbnail, job.upload.name)
    nothing = tables.score_cell(None)
    if job.result is None or not job.result.captions:
        words = tables.text_cell("", empty=job.problem or STATES[job.state])
        return [image, words, nothing, nothing, tables.act_cell("")]
    best, *others = job.result.captions
    words = tables.text_cell(best.text, *notes(best))
    return [
        image,
        tables.Cell(html=words.html + _others(others), order=words.order),
        tables.score_cell(best.itm),
        tables.score_cell(best.itc),
        tables.act_cell(best.text, inside=False),
    ]


STATES = {
    "waiting": "waiting",
    "working": "writing …",
    "done": "nothing was written",
    "stopped": "stopped",
}


def _others(captions: Sequence[ScoredCaption]) -> str:
    """HTML of the captions below the best one, folded away."""
    if not captions:
        return ""
    lines = "".join(
        f"<li>{escape(one.text)}{'' if one.itm is None else f' ({one.itm:.3f})'}</li>"
        for one in captions
    )
    return f"<details><summary>{len(captions)} more</summary><ol start='2'>{lines}</ol></details>"
