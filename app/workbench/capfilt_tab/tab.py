"""CapFilt on a handful of images: caption them, score all texts alike, keep the good ones."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from threading import Event
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.session import ChatSession
from app.inference.batches import process_turn
from app.inference.capfilt_tasks import (
    CapFiltRequest,
    CapFiltSession,
    ImageCard,
    JudgedText,
    judge_image,
    sha256_of,
)
from app.inference.captions import LONGEST_PROMPT, MOST_CAPTIONS, caption_request_from
from app.inference.decoding import decode_from
from app.inference.failures import error_message
from app.inference.pool import wait_until_loaded
from app.services import Services
from app.workbench.capfilt_tab.actions import build_acts, wire_acts
from app.workbench.capfilt_tab.cards import build_cards, cards_html, pair_links, summary
from app.workbench.capfilt_tab.inputs import Found, read_samples, read_uploads
from app.workbench.capfilt_tab.lesson import build_lesson
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
from app.workbench.image.uploads import uploads_from
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons, buttons
from app.workbench.widgets.generation_controls import build_decoding
from blip2core.errors import Blip2Error, ImageError
from blip2core.images import open_image
from blip2core.intake import check_image

LOADING = "The model is loading; the captions will come by themselves."
LONGEST_TYPED = 20_000
"""Characters of all typed texts."""
ABOUT = """<h2>From noisy web texts to good pairs</h2>
<p>CapFilt (BLIP, section 3.3): a <b>captioner</b> writes texts for each image, a <b>filter</b>
scores them and the text from the web as equals, and what fits is kept. Whole folders are the
curator's.</p>"""
HINT = """a whale on the beach
sea-1.png | a yellow car and an octopus"""


def build_capfilt_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(session=panel.session, pairs=gr.State(CapFiltSession()), turn=gr.State(0))
    gr.HTML(ABOUT, elem_classes="about", container=False)
    with gr.Accordion("One pair, step by step", open=False):
        build_lesson(services, panel)
    with gr.Row():
        ui.files = gr.File(
            label="Images, ZIP archives, CSV tables",
            file_count="multiple",
            height=140,
            elem_id="pair-files",
            elem_classes="drop",
        )
        ui.typed = gr.Textbox(
            label="Texts from the web, one on each line",
            info="In the order of the images, or: file name | text",
            placeholder=HINT,
            lines=4,
            max_lines=8,
            max_length=LONGEST_TYPED,
            elem_id="pair-texts",
        )
    with gr.Accordion("How captions are written", open=False):
        with gr.Row():
            ui.num = gr.Slider(
                1, MOST_CAPTIONS, 3, step=1, label="How many", buttons=[], min_width=160
            )
            ui.prompt = gr.Textbox(
                label="They begin with", placeholder="a photo of", max_length=LONGEST_PROMPT
            )
        longest = services.settings.max_new_tokens
        decoding = build_decoding(longest, mode="sample", elem_id="pair-mode")
    with gr.Row():
        ui.begin, ui.stop = build_buttons("Caption and filter", "pairs", ready=True)
        ui.samples = gr.Button("Try it with the sample set", size="sm", scale=0, min_width=200)
    ui.threshold = gr.Slider(
        0,
        1,
        0.5,
        step=0.01,
        label="Keep texts with an ITM of at least",
        buttons=[],
        elem_id="pair-threshold",
    )
    build_acts(ui, services)
    ui.said = gr.HTML(container=False, elem_classes="status-area")
    ui.cards = build_cards()
    ui.below = gr.HTML(container=False, elem_classes="status-area")
    ui.ordered = [ui.num, ui.prompt, *decoding.all]
    _wire(ui, services)
    wire_acts(ui, services, panel)


def _wire(ui: SimpleNamespace, services: Services) -> None:
    ui.screen = [ui.said, ui.cards, ui.below, ui.begin, ui.stop]
    begun = [ui.pairs, ui.turn, *ui.screen]
    given = [ui.session, ui.pairs, ui.turn]
    quiet = PRIVATE_EVENT | {"preprocess": False}
    ui.begin.click(on_begin, [*given, ui.files, ui.typed, *ui.ordered], begun, **quiet)
    ui.samples.click(on_samples, [*given, *ui.ordered], begun, **quiet)
    going = ui.turn.change(
        partial(continue_capfilt, services),
        [ui.pairs, ui.turn],
        [ui.turn, *ui.screen],
        **MODEL_EVENT,
    )
    going.failure(partial(on_stop, services), ui.pairs, [ui.pairs, *ui.screen], **PRIVATE_EVENT)
    ui.stop.click(partial(on_stop, services), ui.pairs, [ui.pairs, *ui.screen], **PRIVATE_EVENT)


def on_begin(
    session: ChatSession,
    pairs: CapFiltSession,
    turn: int,
    files: Sequence[dict[str, Any]] | None,
    typed: str | None,
    *ordered: Any,
) -> tuple[Update, ...]:
    """Reads what was dropped and begins, or says why it cannot."""
    uploads = uploads_from(files)
    if not uploads:
        return _refuse(pairs, turn, "Add some images first, or try the sample set.")
    return _begin(session, pairs, turn, read_uploads(uploads, str(typed or "")), ordered)


def on_samples(
    session: ChatSession, pairs: CapFiltSession, turn: int, *ordered: Any
) -> tuple[Update, ...]:
    """Begins with the images and noisy texts that come with the project."""
    return _begin(session, pairs, turn, read_samples(), ordered)


def _begin(
    session: ChatSession, pairs: CapFiltSession, turn: int, found: Found, ordered: Sequence[Any]
) -> tuple[Update, ...]:
    num, prompt, *decoding = ordered
    given, problems = found
    try:
        order = caption_request_from(num, prompt, decode_from(*decoding))
        if not given:
            raise ImageError("There is no image in these files.")
    except Blip2Error as error:
        return _refuse(pairs, turn, str(error), tables.problems(problems))
    pairs.start(CapFiltRequest(model=session.model, captions=order, images=tuple(given)), problems)
    return pairs, turn + 1, *show_capfilt(pairs)


def _refuse(pairs: CapFiltSession, turn: int, why: str, more: str = "") -> tuple[Update, ...]:
    said = tables.status(why, problem=True) + more
    return pairs, turn, said, gr.skip(), gr.skip(), *buttons(running=False)


def continue_capfilt(
    services: Services, pairs: CapFiltSession, turn: int
) -> Iterator[tuple[Update, ...]]:
    """One turn of captioning and scoring; the next is asked for where images are left."""
    try:
        pair = services.engine.pair(pairs.batch.request.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield gr.skip(), tables.status(LOADING), *(gr.skip(),) * 4
        for _ in process_turn(pairs.batch, partial(_work, services, pairs)):
            yield gr.skip(), *show_capfilt(pairs)
    except Exception as error:
        pairs.batch.give_up()
        said = tables.status(error_message(error, "No captions"), problem=True)
        yield gr.skip(), said, *show_capfilt(pairs, services)[1:]
        return
    yield turn + 1 if pairs.batch.is_left else gr.skip(), *show_capfilt(pairs, services)


def _work(
    services: Services, pairs: CapFiltSession, run: Event, index: int
) -> Generator[None, None, None]:
    """One image: checked, encoded once, captioned, its texts scored."""
    plan = pairs.batch.request
    given = plan.images[index]
    pairs.batch.change(run, index, state="working")
    yield
    try:
        clean = check_image(given.data)
        card = ImageCard(
            number=index,
            name=given.name,
            data=clean.data,
            sha256=sha256_of(clean.data),
            thumbnail=tables.thumbnail(open_image(clean.data)),
        )
        asked = (given.texts, card.data, card.sha256, plan.captions)
        for scored in services.engine.each(judge_image, plan.model, *asked, stop=run):
            texts = tuple(JudgedText(number=place, scored=one) for place, one in enumerate(scored))
            pairs.batch.change(run, index, state="done", result=replace(card, texts=texts))
    except Exception as error:
        pairs.batch.change(run, index, state="failed", problem=error_message(error, "Left out"))
    yield


def on_stop(services: Services, pairs: CapFiltSession) -> tuple[Update, ...]:
    """Nobody waits for the rest; what is done stays."""
    pairs.batch.give_up()
    return pairs, *show_capfilt(pairs, services)


def show_capfilt(pairs: CapFiltSession, services: Services | None = None) -> tuple[Update, ...]:
    """What is said, the cards, what can be taken along, and the two buttons.

    `services` where the work is over, so that the models can be named.
    """
    total = len(pairs.batch.items)
    said = summary(pairs) + tables.problems(pairs.problems)
    if pairs.batch.is_running:
        words = f"{pairs.batch.done} of {total} images"
        said = tables.progress(pairs.batch.done, total, words) + said
        return said, cards_html(pairs), "", *buttons(running=True)
    if any(job.state == "stopped" for job in pairs.batch.items):
        said = tables.status(f"Stopped after {len(pairs.cards)} of {total} images.") + said
    below = pair_links(pairs, _made_by(services, pairs)) if services and pairs.cards else gr.skip()
    return said, cards_html(pairs), below, *buttons(running=False)


def _made_by(services: Services, pairs: CapFiltSession) -> dict[str, Any]:
    pair = services.engine.pair(pairs.batch.request.model)
    return {
        "captioner": pair.generator.spec.name,
        "captioner_revision": pair.generator.revision,
        "filter": pair.matcher.spec.name,
        "filter_revision": pair.matcher.revision,
        "parameters": asdict(pairs.batch.request.captions),
        "rules": asdict(pairs.rules),
    }
