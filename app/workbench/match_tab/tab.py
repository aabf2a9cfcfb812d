"""How well texts fit the image, and which of several images a text fits best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from threading import Event
from types import SimpleNamespace

import gradio as gr

from app.chat.features import pair_features
from app.chat.session import ChatImage, ChatSession
from app.inference.cancellable import CancellableTask
from app.inference.captions import score_texts
from app.services import Services
from app.workbench.events import MODEL_EVENT, Update
from app.workbench.image.task import Shown, Words, build_saying, run, wire_run
from app.workbench.inside_tab.link import connect_look_inside
from app.workbench.match_tab.search import build_search
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons
from app.workbench.widgets.caption_rows import ITC, ITM
from blip2core.errors import TextError
from blip2core.records import Match
from blip2core.texts import clean_text

MOST_TEXTS = 100
LONGEST_TEXT = 1000
"""Characters of one text; a matcher reads far less of it."""
COLUMNS = (tables.Column(label="Text"), ITM, ITC, tables.Column(label="", kind="act", sorts=False))
ABOUT = """<h2>Which text fits the image?</h2>
<p><b>ITM</b> reads text and image together and gives the probability that they belong together.
<b>ITC</b> compares the two from afar: a cosine, quick and coarse.</p>"""
WORDS = Words(
    waiting="The model is loading; the scores will come by themselves.", sorry="No scores"
)


def build_match_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(session=panel.session, task=gr.State(CancellableTask()))
    gr.HTML(ABOUT, elem_classes="about", container=False)
    ui.texts = gr.Textbox(
        label="Texts, one on each line",
        placeholder="a pink key\na red bus\non the beach there is a whale",
        lines=4,
        max_lines=12,
        max_length=MOST_TEXTS * LONGEST_TEXT,
        elem_id="texts",
    )
    ready = bool(panel.topic.value)
    ui.begin, ui.stop = build_buttons("Score the texts", "match", ready=ready)
    ui.said = build_saying(ready=ready)
    ui.table = tables.build_table(elem_id="matches")
    screen = [ui.said, ui.table, ui.begin, ui.stop]
    given = [ui.session, ui.task, ui.texts]
    wire_run(ui, panel, ui.begin.click(partial(score, services), given, screen, **MODEL_EVENT))
    connect_look_inside(ui.table, panel)
    build_search(services, panel)


def score(
    services: Services, session: ChatSession, task: CancellableTask, typed: str
) -> Iterator[tuple[Update, ...]]:
    """Scores the texts for the image; yields what is said, the table and the two buttons."""

    def work(image: ChatImage, stop: Event) -> Iterator[Shown]:
        return _scores(services, session, image, texts_from(typed), stop)

    yield from run(services, session, task, work, WORDS)


def _scores(
    services: Services, session: ChatSession, image: ChatImage, texts: Sequence[str], stop: Event
) -> Iterator[Shown]:
    features = pair_features(services.engine, session, image).matcher
    title = f"Scored by {services.engine.pair(session.model).matcher.spec.name}, best first"
    found, shown = services.engine.each(score_texts, session.model, features, texts, stop=stop), ""
    with closing(found):
        for matches in found:
            shown, done, total = table_of(matches, title), len(matches), len(texts)
            yield tables.progress(done, total, f"{done} of {total}"), shown
    yield "", shown


def texts_from(typed: str) -> list[str]:
    """Each line that has words is a text, equal ones are one. TextError says what is wrong."""
    lines = (clean_text(line) for line in typed.splitlines())
    texts = list(dict.fromkeys(line for line in lines if line))
    if not texts:
        raise TextError("There is no text to score: give at least one, each on its line.")
    if len(texts) > MOST_TEXTS:
        raise TextError(f"{len(texts)} texts are too many at once: at most {MOST_TEXTS}.")
    for number, text in enumerate(texts, 1):
        if len(text) > LONGEST_TEXT:
            raise TextError(f"Text {number} has {len(text)} characters: at most {LONGEST_TEXT}.")
    return texts


def table_of(matches: Sequence[Match], title: str) -> str:
    """HTML of texts with their scores, likeliest first."""
    best = sorted(matches, key=lambda match: (-match.itm, -match.itc))
    return tables.table(COLUMNS, [_row(match) for match in best], title=title, sorted_by=1)


def _row(match: Match) -> list[tables.Cell]:
    return [
        tables.text_cell(match.text, tables.TRUNCATED if match.truncated else ""),
        tables.score_cell(match.itm),
        tables.score_cell(match.itc),
        tables.act_cell(match.text),
    ]
