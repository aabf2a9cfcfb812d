"""How well texts fit the image, and which of several images a text fits best."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from threading import Event

import gradio as gr

from app.chat.features import pair_features
from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.captions import score_texts
from app.inference.engine import Engine
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP
from app.workbench.inside_tab.table_link import connect_look_inside
from app.workbench.match_tab.search import build_search
from app.workbench.save_dialog.rows import connect_save_rows
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
from blip2core.errors import TextError
from blip2core.records import Match
from blip2core.texts import clean_text

MOST_TEXTS = 100
"""Texts that are scored at once."""
LONGEST_SCORED = 1000
"""Characters of one text; a matcher reads far less of it."""
_COLUMNS = (tables.Column(label="Text"), ITM, ITC, tables.Column(label="", kind="act", sorts=False))
_ABOUT = """<h2>Which text fits the image?</h2>
<p><b>ITM</b> reads text and image together and gives the probability that they belong together.
<b>ITC</b> compares the two from afar: a cosine, quick and coarse.</p>"""
_MESSAGES = TaskMessages(
    waiting="The model is loading; the scores will come by themselves.", failure="No scores"
)


def build_match_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    texts = gr.Textbox(
        label="Texts, one on each line",
        placeholder="a pink key\na red bus\non the beach there is a whale",
        lines=4,
        max_lines=12,
        max_length=MOST_TEXTS * LONGEST_SCORED,
        elem_id="texts",
    )
    screen = build_image_task(shared, "Score the texts", name="match", table_id="matches")
    scored = screen.begin.click(
        partial(on_score_texts, services),
        [screen.session, screen.task, texts],
        screen.outputs,
        **MODEL_EVENT,
    )
    wire_image_task(screen, shared, scored)
    connect_look_inside(screen.table, shared)
    handed = shared.matched_texts
    handed.change(lambda given: given or SKIP, handed, texts, **PRIVATE_EVENT)
    connect_save_rows(screen.table, shared, services)
    build_search(services, shared.session)


def on_score_texts(
    services: Services, session: ChatSession, task: CancellableTask, typed: str
) -> Iterator[TaskUpdate]:
    """Score the typed texts for the image; yield the table as it grows."""

    def work(image: ChatImage, model: str, stop: Event) -> Iterator[TaskOutput]:
        given = services.engine, session, image, model
        return _scores(*given, texts_from(typed), stop)

    yield from run_image_task(services, session, task, work, _MESSAGES)


def _scores(
    engine: Engine,
    session: ChatSession,
    image: ChatImage,
    model: str,
    texts: Sequence[str],
    stop: Event,
) -> Generator[TaskOutput, None, None]:
    features = pair_features(engine, session, image, model).matcher
    title = f"Scored by {engine.pair(model).matcher.spec.name}, best first"
    table, total = "", len(texts)
    scores = engine.each(score_texts, model, features, texts, stop=stop)
    with closing(scores):
        for matches in scores:
            table, done = match_table(matches, title), len(matches)
            yield TaskOutput(tables.progress_html(done, total, f"{done} of {total}"), table)
    yield TaskOutput("", table)


def texts_from(typed: str) -> list[str]:
    """Return the lines that have words, each once. Raises TextError with what is wrong."""
    lines = (clean_text(line) for line in typed.splitlines())
    texts = list(dict.fromkeys(line for line in lines if line))
    if not texts:
        raise TextError("There is no text to score: give at least one, each on its line.")
    if len(texts) > MOST_TEXTS:
        raise TextError(f"{len(texts)} texts are too many at once: at most {MOST_TEXTS}.")
    for number, text in enumerate(texts, 1):
        if len(text) > LONGEST_SCORED:
            raise TextError(f"Text {number} has {len(text)} characters: at most {LONGEST_SCORED}.")
    return texts


def match_table(matches: Sequence[Match], title: str) -> str:
    """Return HTML of texts with their scores, likeliest first."""
    best = sorted(matches, key=lambda match: (-match.itm, -match.itc))
    return tables.table_html(_COLUMNS, [_row(match) for match in best], title=title, sorted_by=1)


def _row(match: Match) -> list[tables.Cell]:
    return [
        tables.text_cell(match.text, tables.TRUNCATED if match.truncated else ""),
        tables.score_cell(match.itm),
        tables.score_cell(match.itc),
        tables.action_cell(match.text),
    ]
