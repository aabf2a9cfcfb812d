"""One pair, step by step: what the captioner does, what the filter does, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from html import escape
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.chat.features import matched
from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.capfilt_tasks import caption_config
from app.inference.captions import CaptionRequest
from app.inference.pool import ModelPair
from app.services import Services
from app.workbench.events import MODEL_EVENT, Update
from app.workbench.image.task import Shown, Words, build_saying, run, wire_run
from app.workbench.inside_tab.link import connect_look_inside
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons
from app.workbench.widgets.caption_rows import ITC, ITM
from blip2core.capfilt import decide
from blip2core.config import DecodeConfig, FilterConfig
from blip2core.records import Candidate, Decision, Scored
from blip2core.texts import clean_text

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures

ORDER = CaptionRequest(
    num=4, decode=DecodeConfig(mode="sample", top_p=0.9, seed=0, max_new_tokens=40)
)
"""Fixed, so that the lesson is the same each time."""
LONGEST_TEXT = 1000
WORDS = Words(waiting="The model is loading; the lesson will begin by itself.", sorry="No lesson")
COLUMNS = (
    tables.Column(label="Text"),
    ITM,
    ITC,
    tables.Column(label="The filter says"),
    tables.Column(label="", kind="act", sorts=False),
)
ABOUT = """<p>With the image at the left, and a text as the web might have put beside it.</p>"""


def build_lesson(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the part of the page inside the tab that is being built."""
    ui = SimpleNamespace(session=panel.session, task=gr.State(CancellableTask()))
    gr.HTML(ABOUT, elem_classes="about", container=False)
    ui.text = gr.Textbox(
        label="Text from the web",
        placeholder="buy stickers online, free shipping",
        max_length=LONGEST_TEXT,
        elem_id="lesson-text",
    )
    ready = bool(panel.topic.value)
    ui.begin, ui.stop = build_buttons("Show the steps", "lesson", ready=ready)
    ui.said = build_saying(ready=ready)
    ui.table = tables.build_table(elem_id="lesson")
    screen, given = [ui.said, ui.table, ui.begin, ui.stop], [ui.session, ui.task]
    taught = gr.on(
        [ui.begin.click, ui.text.submit],
        partial(teach, services),
        [*given, ui.text],
        screen,
        **MODEL_EVENT,
    )
    wire_run(ui, panel, taught)
    connect_look_inside(ui.table, panel)


def teach(
    services: Services, session: ChatSession, task: CancellableTask, typed: str
) -> Iterator[tuple[Update, ...]]:
    """The steps as they happen; yields what is said, the table and the two buttons."""

    def work(image: ChatImage, stop: Event) -> Iterator[Shown]:
        web = clean_text(typed or "")[:LONGEST_TEXT]
        return _steps(services, session, image, web, stop)

    yield from run(services, session, task, work, WORDS)


def _steps(
    services: Services, session: ChatSession, image: ChatImage, web: str, stop: Event
) -> Iterator[Shown]:
    pair = services.engine.pair(session.model)
    known = image.features is not None
    image = matched(services.engine, session, image)
    steps = [
        "The image encoder has looked at the image before, and does not look again."
        if known
        else "The image encoder looks at the image, once for everything below."
    ]
    yield told(steps), ""
    asked = (image.features, image.scored, image.key, web)
    with closing(
        services.engine.each(caption_and_filter, session.model, *asked, stop=stop)
    ) as work:
        written: list[Candidate] = next(work, [])
        if stop.is_set():
            return
        steps.append(
            f"The captioner, {pair.generator.spec.name}, draws {len(written)} different texts word "
            "by word (nucleus sampling): one that always said the likeliest would teach less."
        )
        yield told(steps), ""
        scored: tuple[Scored, ...] = next(work, ())
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
        f"What has an ITM of at least 0.50 is kept: {kept} of {len(scored)}. {_verdict(decisions)}"
    )
    yield told(steps), lesson_table(decisions)


def caption_and_filter(
    pair: ModelPair,
    features: ImageFeatures,
    for_matcher: ImageFeatures,
    key: str,
    web: str,
    *,
    stop: Event | None,
) -> Iterator[Any]:
    """Done by the engine: first the written texts, then all texts with their scores."""
    from blip2core.capfilt import score, write_captions  # loads torch: the page need not wait

    config = caption_config(ORDER)
    written = write_captions(pair.generator, features, [key], config, stop=stop)[0]
    yield written
    texts = [Candidate(text=web, source="web")] if web else []
    yield tuple(score(pair.matcher, for_matcher, [[*texts, *written]])[0])


def _verdict(decisions: list[Decision]) -> str:
    web = [one for one in decisions if one.scored.candidate.source == "web"]
    if not web:
        return "Give a text from the web to see it compete."
    if web[0].kept:
        return "The text from the web stays, beside the written ones."
    return "The text from the web goes, and the written ones take its place."


def told(steps: list[str]) -> str:
    """HTML of the steps so far."""
    lines = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return f'<ol class="steps" role="status">{lines}</ol>'


def lesson_table(decisions: list[Decision]) -> str:
    """HTML of the texts as the filter leaves them, likeliest first."""
    best = sorted(decisions, key=lambda one: -one.scored.itm)
    rows = [
        [
            tables.text_cell(
                one.scored.candidate.text,
                "from the web" if one.scored.candidate.source == "web" else "",
            ),
            tables.score_cell(one.scored.itm),
            tables.score_cell(one.scored.itc),
            tables.text_cell(f"{'kept' if one.kept else 'dropped'}: {one.reason}"),
            tables.act_cell(one.scored.candidate.text),
        ]
        for one in best
    ]
    return tables.table(COLUMNS, rows, title="All texts, judged alike", sorted_by=1)
