"""CapFilt on one image and one text, step by step, with the reason of each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from html import escape
from threading import Event

import gradio as gr

from app.chat.features import pair_features
from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.capfilt_tasks import caption_and_filter
from app.inference.captions import CaptionRequest
from app.services import Services
from app.workbench.capfilt_tab.cards import LESS
from app.workbench.events import MODEL_EVENT
from app.workbench.inside_tab.table_link import connect_look_inside
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from app.workbench.widgets.caption_rows import ITC, ITM
from app.workbench.widgets.image_task import (
    TaskMessages,
    TaskOutput,
    TaskUpdate,
    build_image_task,
    run_image_task,
    wire_image_task,
)
from blip2core.capfilt import decide, says_less
from blip2core.config import DecodeConfig, FilterConfig
from blip2core.records import Candidate, Decision, Scored
from blip2core.texts import clean_text, count_of

LONGEST_WEB_TEXT = 1000
"""Characters of the text from the web."""
_MESSAGES = TaskMessages(
    waiting="The model is loading; the steps will come by themselves.", failure="No steps"
)
_COLUMNS = (
    tables.Column(label="Text"),
    ITM,
    ITC,
    tables.Column(label="The filter says"),
    tables.Column(label="", kind="act", sorts=False),
)
_ABOUT = """<p>With the image at the left, and a text as the web might have put beside it.</p>"""


def build_walkthrough(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the walkthrough inside the tab that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    text = gr.Textbox(
        label="Text from the web",
        placeholder="buy stickers online, free shipping",
        max_length=LONGEST_WEB_TEXT,
        elem_id="lesson-text",
    )
    screen = build_image_task(shared, "Show the steps", name="lesson", table_id="lesson")
    begun = gr.on(
        [screen.begin.click, text.submit],
        partial(on_walkthrough, services),
        [screen.session, screen.task, text],
        screen.outputs,
        **MODEL_EVENT,
    )
    wire_image_task(screen, shared, begun)
    connect_look_inside(screen.table, shared)


def on_walkthrough(
    services: Services, session: ChatSession, task: CancellableTask, typed: str
) -> Iterator[TaskUpdate]:
    """Caption and filter the image with the typed text; yield the steps as they happen."""

    def work(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
        web = clean_text(typed or "")[:LONGEST_WEB_TEXT]
        return _steps(services, session, image, model, web, stop)

    yield from run_image_task(services, session, task, work, _MESSAGES)


def _steps(
    services: Services, session: ChatSession, image: ChatImage, model: str, web: str, stop: Event
) -> Iterator[TaskOutput]:
    pair = services.engine.pair(model)
    steps = [_encoding_step(is_known=image.features is not None)]
    features = pair_features(services.engine, session, image, model)
    yield TaskOutput(steps_html(steps), "")
    request = walkthrough_request(services.settings.usual_new_tokens)
    given = (features.generator, features.matcher, image.key, web, request)
    work = services.engine.each(caption_and_filter, model, *given, stop=stop)
    with closing(work):
        written: Sequence[Candidate] = next(work, [])
        if stop.is_set():
            return
        steps.append(
            f"The captioner, {pair.generator.spec.name}, draws "
            f"{count_of(len(written), 'different text')} word by word (nucleus sampling): "
            "one that always said the likeliest would teach less."
        )
        yield TaskOutput(steps_html(steps), "")
        scored: Sequence[Scored] = next(work, ())
    if not scored:
        return
    steps.append(
        f"The filter, {pair.matcher.spec.name}, reads each text together with the image. It does "
        "not know which came from the web: it has other weights than the captioner, for a model "
        "that judges its own texts likes them too well."
    )
    decisions = decide(scored, FilterConfig())
    kept = sum(decision.kept for decision in decisions)
    steps.append(
        f"What has an ITM of at least 0.50 is kept: {kept} of {len(scored)}. {_outcome(decisions)}"
    )
    yield TaskOutput(steps_html(steps), decision_table(decisions))


def walkthrough_request(max_new_tokens: int) -> CaptionRequest:
    """Return which captions are written: always the same, so that the steps repeat."""
    decode = DecodeConfig(mode="sample", top_p=0.9, seed=0, max_new_tokens=max_new_tokens)
    return CaptionRequest(num=4, decode=decode)


def _encoding_step(*, is_known: bool) -> str:
    if is_known:
        return "The image was encoded before, and the image encoder does not run again."
    return "The image encoder encodes the image, once for everything below."


def _outcome(decisions: list[Decision]) -> str:
    web = [one for one in decisions if one.scored.candidate.source == "web"]
    if not web:
        return "Give a text from the web to see it compete."
    if web[0].kept:
        return "The text from the web stays, beside the written ones."
    return "The text from the web goes, and the written ones take its place."


def steps_html(steps: list[str]) -> str:
    """Return HTML of the steps so far."""
    lines = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return f'<ol class="steps" role="status">{lines}</ol>'


def decision_table(decisions: list[Decision]) -> str:
    """Return HTML of the texts with what the filter decided, likeliest first."""
    less = zip(decisions, says_less(decisions), strict=True)
    best = sorted(less, key=lambda pair: -pair[0].scored.itm)
    rows = [
        [
            tables.text_cell(
                one.scored.candidate.text,
                "from the web" if one.scored.candidate.source == "web" else "",
            ),
            tables.score_cell(one.scored.itm),
            tables.score_cell(one.scored.itc),
            tables.text_cell(
                f"{'kept' if one.kept else 'dropped'}: {one.reason}", LESS if is_less else ""
            ),
            tables.action_cell(one.scored.candidate.text),
        ]
        for one, is_less in best
    ]
    return tables.table_html(_COLUMNS, rows, title="All texts, judged alike", sorted_by=1)
