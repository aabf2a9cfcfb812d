"""CapFilt on a handful of images: caption them, score all texts alike, keep the good ones."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from threading import Event
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from app.chat.session import ChatSession
from app.inference.batches import process_slice
from app.inference.capfilt_tasks import (
    CapFiltRequest,
    CapFiltSession,
    ImageCard,
    caption_and_score_image,
    sha256_of,
)
from app.inference.captions import LONGEST_PROMPT, MOST_CAPTIONS, caption_request_from
from app.inference.decoding import decode_from
from app.inference.failures import error_message
from app.inference.pool import wait_until_loaded
from app.services import Services
from app.workbench.capfilt_tab.actions import PairActions, build_actions, wire_actions
from app.workbench.capfilt_tab.cards import build_cards, cards_html, pair_links, summary_html
from app.workbench.capfilt_tab.inputs import LONGEST_TYPED, PairInput, read_samples, read_uploads
from app.workbench.capfilt_tab.walkthrough import build_walkthrough
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.image.uploads import uploads_from
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import BeginStop, build_buttons, buttons
from app.workbench.widgets.generation_controls import build_decoding
from blip2core.errors import Blip2Error, ImageError
from blip2core.images import open_image
from blip2core.intake import check_image
from blip2core.models.specs import find_spec
from blip2core.records import ReviewedText
from blip2core.texts import count_of

_LOADING = "The model is loading; the captions will come by themselves."
_ABOUT = """<h2>From noisy web texts to good pairs</h2>
<p>CapFilt (BLIP, section 3.3): a <b>captioner</b> writes texts for each image, a <b>filter</b>
scores them and the text from the web as equals, and what fits is kept. Whole folders are the
curator's.</p>"""
_HINT = """a whale on the beach
sea-1.png | a yellow car and an octopus"""


class CapFiltUpdate(NamedTuple):
    """New values of the components of the tab."""

    pairs: Update = SKIP
    slices: Update = SKIP
    message: Update = SKIP
    cards: Update = SKIP
    downloads: Update = SKIP
    begin: Update = SKIP
    stop: Update = SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class CapFiltTab:
    """The components of the tab."""

    session: gr.State
    """The visitor's `ChatSession`."""
    pairs: gr.State
    """The visitor's `CapFiltSession`."""
    slices: gr.State
    """Counts the time slices of the work; its `.change` begins the next one."""
    files: gr.File
    typed: gr.Textbox
    """Texts from the web, one on each line."""
    request: Sequence[Component]
    """How many captions, the words they begin with, then the controls of decoding."""
    begin: gr.Button
    stop: gr.Button
    samples: gr.Button
    """Begins with the sample set."""
    threshold: gr.Slider
    """The ITM from which on a text is kept."""
    actions: PairActions
    message: gr.HTML
    cards: gr.HTML
    downloads: gr.HTML
    """Links that save the pairs."""


def build_capfilt_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    with gr.Accordion("One pair, step by step", open=False):
        build_walkthrough(services, shared)
    tab = _build(services, shared.session)
    _wire(tab, services)
    wire_actions(
        tab.actions,
        services,
        shared,
        pairs=tab.pairs,
        message=tab.message,
        cards=tab.cards,
        threshold=tab.threshold,
    )


def _build(services: Services, session: gr.State) -> CapFiltTab:
    files, typed = _build_inputs()
    request = _build_request(services.settings.max_new_tokens)
    pair, samples = _build_begin()
    return CapFiltTab(
        session=session,
        pairs=gr.State(CapFiltSession()),
        slices=gr.State(0),
        files=files,
        typed=typed,
        request=request,
        begin=pair.begin,
        stop=pair.stop,
        samples=samples,
        threshold=gr.Slider(
            0,
            1,
            0.5,
            step=0.01,
            label="Keep texts with an ITM of at least",
            buttons=[],
            elem_id="pair-threshold",
        ),
        actions=build_actions(services),
        message=gr.HTML(container=False, elem_classes="status-area"),
        cards=build_cards(),
        downloads=gr.HTML(container=False, elem_classes="status-area"),
    )


def _build_inputs() -> tuple[gr.File, gr.Textbox]:
    with gr.Row():
        files = gr.File(
            label="Images, ZIP archives, CSV tables",
            file_count="multiple",
            height=140,
            elem_id="pair-files",
            elem_classes="drop",
        )
        typed = gr.Textbox(
            label="Texts from the web, one on each line",
            info="In the order of the images, or: file name | text",
            placeholder=_HINT,
            lines=4,
            max_lines=8,
            max_length=LONGEST_TYPED,
            elem_id="pair-texts",
        )
    return files, typed


def _build_request(max_new_tokens: int) -> list[Component]:
    with gr.Accordion("How captions are written", open=False):
        with gr.Row():
            num = gr.Slider(
                1, MOST_CAPTIONS, 3, step=1, label="How many", buttons=[], min_width=160
            )
            prompt = gr.Textbox(
                label="They begin with", placeholder="a photo of", max_length=LONGEST_PROMPT
            )
        decoding = build_decoding(max_new_tokens, mode="sample", elem_id="pair-mode")
    return [num, prompt, *decoding.inputs]


def _build_begin() -> tuple[BeginStop, gr.Button]:
    with gr.Row():
        pair = build_buttons("Caption and filter", "pairs", ready=True)
        samples = gr.Button("Try it with the sample set", size="sm", scale=0, min_width=200)
    return pair, samples


def _wire(tab: CapFiltTab, services: Services) -> None:
    outputs = components_named(CapFiltUpdate._fields, tab)
    given = [tab.session, tab.pairs, tab.slices]
    from_files = [*given, tab.files, tab.typed, *tab.request]
    begin: dict[str, Any] = PRIVATE_EVENT | {"preprocess": False}
    tab.begin.click(on_capfilt, from_files, outputs, **begin)
    tab.samples.click(on_samples, [*given, *tab.request], outputs, **begin)
    going = tab.slices.change(
        partial(continue_capfilt, services), [tab.pairs, tab.slices], outputs, **MODEL_EVENT
    )
    stop = partial(on_stop_capfilt, services)
    going.failure(stop, tab.pairs, outputs, **PRIVATE_EVENT)
    tab.stop.click(stop, tab.pairs, outputs, **PRIVATE_EVENT)


def on_capfilt(
    session: ChatSession,
    pairs: CapFiltSession,
    slices: int,
    files: Sequence[dict[str, Any]] | None,
    typed: str | None,
    *request: Any,
) -> CapFiltUpdate:
    """Read the files and begin, or say why it cannot begin.

    `request` are values in the order of `CapFiltTab.request`.
    """
    uploads = uploads_from(files)
    if not uploads:
        return _refuse(pairs, slices, "Add some images first, or try the sample set.")
    return _begin(session, pairs, slices, read_uploads(uploads, str(typed or "")), request)


def on_samples(
    session: ChatSession, pairs: CapFiltSession, slices: int, *request: Any
) -> CapFiltUpdate:
    """Begin with the images and noisy texts that come with the project."""
    return _begin(session, pairs, slices, read_samples(), request)


def _begin(
    session: ChatSession,
    pairs: CapFiltSession,
    slices: int,
    given: PairInput,
    request: Sequence[Any],
) -> CapFiltUpdate:
    num, prompt, *decoding = request
    try:
        captions = caption_request_from(
            num, prompt, decode_from(*decoding), find_spec(session.model).template
        )
        if not given.images:
            raise ImageError("There is no image in these files.")
    except Blip2Error as error:
        return _refuse(pairs, slices, str(error), tables.problems_html(given.problems))
    pairs.start(
        CapFiltRequest(model=session.model, captions=captions, images=tuple(given.images)),
        given.problems,
    )
    return show_capfilt(pairs)._replace(slices=slices + 1)


def _refuse(pairs: CapFiltSession, slices: int, reason: str, problems: str = "") -> CapFiltUpdate:
    message = tables.status_html(reason, problem=True) + problems
    return CapFiltUpdate(
        pairs=pairs, slices=slices, message=message, **buttons(running=False)._asdict()
    )


def continue_capfilt(
    services: Services, pairs: CapFiltSession, slices: int
) -> Iterator[CapFiltUpdate]:
    """Caption and score for one time slice, and ask for the next one where images are left."""
    try:
        pair = services.engine.pair(pairs.batch.request.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield CapFiltUpdate(message=tables.status_html(_LOADING))
        for _ in process_slice(
            pairs.batch,
            partial(_caption_and_score, services, pairs),
            longest=services.settings.longest_job,
        ):
            yield show_capfilt(pairs)
    except Exception as error:
        pairs.batch.give_up()
        message = tables.status_html(error_message(error, "No captions"), problem=True)
        yield show_capfilt(pairs, services)._replace(message=message)
        return
    shown = show_capfilt(pairs, services)
    yield shown._replace(slices=slices + 1) if pairs.batch.is_left else shown


def _caption_and_score(
    services: Services, pairs: CapFiltSession, stop: Event, index: int
) -> Generator[None, None, None]:
    """Check one image, encode it once, caption it and score its texts."""
    request = pairs.batch.request
    given = request.images[index]
    pairs.batch.change(stop, index, state="working")
    yield
    try:
        clean = check_image(given.data)
        card = ImageCard(
            number=index,
            name=given.name,
            data=clean.data,
            sha256=sha256_of(clean.data),
            thumbnail=tables.thumbnail_address(open_image(clean.data)),
        )
        asked = (given.texts, card.data, card.sha256, request.captions)
        for scored in services.engine.each(
            caption_and_score_image, request.model, *asked, stop=stop
        ):
            texts = tuple(
                ReviewedText(number=place, scored=one) for place, one in enumerate(scored)
            )
            pairs.batch.change(stop, index, state="done", result=replace(card, texts=texts))
    except Exception as error:
        pairs.batch.change(stop, index, state="failed", problem=error_message(error, "Left out"))
    yield


def on_stop_capfilt(services: Services, pairs: CapFiltSession) -> CapFiltUpdate:
    """Stop the work; the cards so far stay."""
    pairs.batch.give_up()
    return show_capfilt(pairs, services)


def show_capfilt(pairs: CapFiltSession, services: Services | None = None) -> CapFiltUpdate:
    """Return what there is to show of the pairs; it asks for no further slice.

    `services` where the work is over, so that the links can name the models.
    """
    total = count_of(len(pairs.batch.items), "image")
    message = summary_html(pairs) + tables.problems_html(pairs.problems)
    cards = cards_html(pairs)
    if pairs.batch.is_running:
        words = f"{pairs.batch.done} of {total}"
        progress = tables.progress_html(pairs.batch.done, len(pairs.batch.items), words)
        return CapFiltUpdate(
            pairs=pairs,
            message=progress + message,
            cards=cards,
            downloads="",
            **buttons(running=True)._asdict(),
        )
    if any(item.state == "stopped" for item in pairs.batch.items):
        stopped = tables.status_html(f"Stopped after {len(pairs.cards)} of {total}.")
        message = stopped + message
    links = pair_links(pairs, _made_by(services, pairs)) if services and pairs.cards else SKIP
    return CapFiltUpdate(
        pairs=pairs,
        message=message,
        cards=cards,
        downloads=links,
        **buttons(running=False)._asdict(),
    )


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
