"""CapFilt on a handful of images: caption them, score all texts alike, keep the good ones."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from threading import Event
from typing import Any

import gradio as gr
from gradio.components import Component

from app.chat.session import ChatSession
from app.inference.batches import process_slice
from app.inference.capfilt_tasks import (
    CapFiltRequest,
    CapFiltSession,
    ImageCard,
    caption_and_score_image,
)
from app.inference.captions import LONGEST_PROMPT, MOST_CAPTIONS, caption_request_from
from app.inference.decoding import decode_from
from app.inference.doubts import calibration_of
from app.inference.failures import error_message
from app.inference.pool import wait_until_loaded
from app.roles import visitor_of
from app.services import Services
from app.workbench.address.settings import caption_fields, connect_settings
from app.workbench.capfilt_tab.actions import (
    AT_ONCE,
    build_actions,
    undo_button,
    wire_actions,
)
from app.workbench.capfilt_tab.cards import build_cards, cards_html, pair_links, summary_html
from app.workbench.capfilt_tab.given import (
    SEND_TYPED,
    GivenUpdate,
    build_given,
    given_html,
    on_files,
    on_typed,
)
from app.workbench.capfilt_tab.inputs import (
    CHANGED,
    PairInput,
    read_samples,
    typed_from,
    with_typed,
)
from app.workbench.capfilt_tab.remembered import RememberedPairs
from app.workbench.capfilt_tab.screen import CapFiltTab, CapFiltUpdate, ReturnUpdate
from app.workbench.capfilt_tab.walkthrough import build_walkthrough
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import BeginStop, build_buttons, buttons
from app.workbench.widgets.generation_controls import build_decoding
from blip2core.errors import Blip2Error
from blip2core.models.specs import find_spec
from blip2core.records import ReviewedText
from blip2core.texts import count_of

_LOADING = "The model is loading; the captions will come by themselves."
REMEMBERED = RememberedPairs()
"""Those of all pages of this process."""
HELD_AS = "capfilt pairs"
"""Where a browser tab holds the secret of its pairs."""
_ABOUT = """<h2>From noisy web texts to good pairs</h2>
<p>A <b>captioner</b> writes texts for each image, a <b>filter</b> scores them and the text from the
web as equals, and keeps what fits (BLIP, section 3.3). Whole folders are the curator's.</p>"""


def build_capfilt_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    tab = _build(services, shared)
    _wire(tab, services)
    connect_settings(shared.address, caption_fields("capfilt"), tab.request)
    _wire_return(tab, services, shared.page)
    wire_actions(
        tab.actions,
        services,
        shared,
        pairs=tab.pairs,
        message=tab.message,
        cards=tab.cards,
    )
    with gr.Accordion("One pair, step by step", open=False, elem_id="one-pair"):
        build_walkthrough(services, shared)


def _build(services: Services, shared: SharedComponents) -> CapFiltTab:
    inputs = gr.Accordion("Images and their texts from the web", open=True)
    with inputs:
        files = gr.File(
            label="Images, ZIP archives, CSV tables",
            file_count="multiple",
            height=140,
            elem_id="pair-files",
            elem_classes="drop",
        )
        given_message = gr.HTML(container=False, elem_classes="status-area")
        given = build_given()
        typed = gr.Textbox(visible="hidden", show_label=False)
    token = gr.Textbox(visible="hidden", show_label=False)
    with inputs:
        request = _build_request(services.settings.max_new_tokens)
    pairs = gr.State(CapFiltSession())
    pair, samples = _build_begin()
    message = gr.HTML(container=False, elem_classes="status-area")
    return CapFiltTab(
        session=shared.session,
        pairs=pairs,
        slices=gr.State(0),
        inputs=inputs,
        files=files,
        given=given,
        given_message=given_message,
        typed=typed,
        token=token,
        request=request,
        begin=pair.begin,
        stop=pair.stop,
        samples=samples,
        message=message,
        actions=build_actions(shared, services, pairs),
        cards=build_cards(),
        downloads=gr.HTML(container=False, elem_classes="status-area"),
    )


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
        samples = gr.Button(
            "Try it with the sample set", size="sm", scale=0, min_width=200, elem_id="pair-samples"
        )
    return pair, samples


def _wire(tab: CapFiltTab, services: Services) -> None:
    tab.files.change(
        on_files,
        [tab.pairs, tab.files],
        components_named(GivenUpdate._fields, tab),
        trigger_mode="always_last",
        **PRIVATE_EVENT | {"preprocess": False},
    )
    tab.given.input(on_typed, tab.pairs, tab.pairs, **AT_ONCE | {"trigger_mode": "multiple"})
    outputs = components_named(CapFiltUpdate._fields, tab, tab.actions)
    given = [tab.session, tab.pairs, tab.slices]
    begin: dict[str, Any] = PRIVATE_EVENT | {"preprocess": False}
    # The texts go with the press, so none is missed that was typed just before.
    tab.begin.click(
        on_capfilt,
        [*given, tab.typed, *tab.request],
        outputs,
        js=f"(...values) => {{ values[3] = (() => {{ {SEND_TYPED} }})(); return values; }}",
        **begin,
    )
    tab.samples.click(on_samples, [*given, *tab.request], outputs, **begin)
    going = tab.slices.change(
        partial(continue_capfilt, services), [tab.pairs, tab.slices], outputs, **MODEL_EVENT
    )
    stop = partial(on_stop_capfilt, services)
    going.failure(stop, tab.pairs, outputs, **PRIVATE_EVENT)
    tab.stop.click(stop, tab.pairs, outputs, **PRIVATE_EVENT)


def _wire_return(tab: CapFiltTab, services: Services, page: gr.Blocks) -> None:
    """Let a page that is loaded anew find its images and verdicts again, by a secret it holds."""

    def on_return(pairs: CapFiltSession, token: str, request: gr.Request) -> tuple[Update, ...]:
        found = REMEMBERED.recall(visitor_of(request.headers).name, str(token or ""))
        shown, more = show_again(services, found or pairs)
        return *shown, *more

    returned = page.load(
        on_return,
        [tab.pairs, tab.token],
        components_named((*CapFiltUpdate._fields, *ReturnUpdate._fields), tab, tab.actions),
        js=f"(...values) => [values[0], sessionStorage.getItem('{HELD_AS}') ?? '']",
        queue=False,
        **PRIVATE_EVENT,
    )
    hold = f"(token) => sessionStorage.setItem('{HELD_AS}', token)"
    returned.success(None, tab.token, js=hold, **PRIVATE_EVENT)

    def on_change(pairs: CapFiltSession, request: gr.Request) -> None:
        REMEMBERED.remember(visitor_of(request.headers).name, pairs)

    changed = [tab.given.change, tab.slices.change]
    gr.on(changed, on_change, tab.pairs, None, queue=False, **PRIVATE_EVENT)


def show_again(services: Services, pairs: CapFiltSession) -> tuple[CapFiltUpdate, ReturnUpdate]:
    """Return what there is to show of pairs on a page that has just been loaded.

    Work that was under way goes on.
    """
    pairs.batch.resume()
    more = ReturnUpdate(token=pairs.token, given=given_html(pairs), threshold=pairs.rules.threshold)
    if not pairs.batch.items:
        return CapFiltUpdate(pairs=pairs), more
    shown = show_capfilt(pairs, services)._replace(inputs=gr.update(open=False))
    return shown._replace(slices=1) if pairs.batch.is_left else shown, more


def on_capfilt(
    session: ChatSession,
    pairs: CapFiltSession,
    slices: int,
    typed: str | None,
    *request: Any,
) -> CapFiltUpdate:
    """Begin with the images on screen and the texts beside them, or say why it cannot begin.

    `request` are values in the order of `CapFiltTab.request`.
    """
    try:
        texts = typed_from(str(typed or ""))
    except Blip2Error as error:
        return _refuse(pairs, slices, str(error))
    if list(texts) != [image.key for image in pairs.given]:
        return _refuse(pairs, slices, CHANGED)
    if not pairs.given:
        return _refuse(pairs, slices, "Add some images first, or try the sample set.")
    pairs.typed = texts
    return _begin(session, pairs, slices, with_typed(pairs.given, texts), request)


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
    except Blip2Error as error:
        return _refuse(pairs, slices, str(error))
    pairs.start(
        CapFiltRequest(model=session.model, captions=captions, images=given.images),
        given.problems,
    )
    return show_capfilt(pairs)._replace(slices=slices + 1, inputs=gr.update(open=False))


def _refuse(pairs: CapFiltSession, slices: int, reason: str) -> CapFiltUpdate:
    message = tables.status_html(reason, problem=True)
    return CapFiltUpdate(
        pairs=pairs, slices=slices, message=message, **buttons(running=False)._asdict()
    )


def continue_capfilt(
    services: Services, pairs: CapFiltSession, slices: int
) -> Iterator[CapFiltUpdate]:
    """Caption and score for one time slice, and ask for the next one where images are left."""
    if not pairs.batch.is_left:  # the page was loaded: Gradio calls that a change of `slices` too
        yield CapFiltUpdate()
        return
    try:
        pair = services.engine.pair(pairs.batch.request.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield CapFiltUpdate(message=tables.status_html(_LOADING))
        pairs.doubt_by(calibration_of(pair))
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
    """Encode one image once, caption it and score its texts."""
    request = pairs.batch.request
    given = request.images[index]
    pairs.batch.change(stop, index, state="working")
    yield
    try:
        card = ImageCard(
            number=index,
            name=given.name,
            data=given.data,
            sha256=given.key,
            thumbnail=given.thumbnail,
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
            undo=undo_button(pairs),
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
        undo=undo_button(pairs),
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
