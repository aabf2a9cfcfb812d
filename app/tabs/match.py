"""How well texts fit the picture, and which of several pictures a text fits best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from threading import Event
from types import SimpleNamespace

import gradio as gr

from app import tables
from app.buttons import build_buttons, buttons
from app.caption_rows import ITC, ITM
from app.captioning import score_texts
from app.errand import Errand
from app.lane import MODEL_LANE, QUIET, Update, explain, until_done
from app.looking import matched, picture_of
from app.probe import wire_probe
from app.services import Services
from app.tabs.search import build_search
from app.visit import Picture, Visit
from blip2core.errors import TextError
from blip2core.records import Match

MOST_TEXTS = 100
LONGEST_TEXT = 1000
"""Characters of one text; a matcher reads far less of it."""
COLUMNS = (tables.Column(label="Text"), ITM, ITC, tables.Column(label="", kind="act", sorts=False))
ABOUT = """<h2>Which text fits the picture?</h2>
<p><b>ITM</b> reads text and picture together and gives the probability that they belong together.
<b>ITC</b> compares the two from afar: a cosine, quick and coarse.</p>"""
NO_PICTURE = "There is no picture yet: drop one at the left, or take an example."


def build_match_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(visit=panel.visit, errand=gr.State(Errand()))
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
    ui.said = gr.HTML(
        "" if ready else tables.status(NO_PICTURE), container=False, elem_classes="saying"
    )
    ui.table = tables.build_table(elem_id="matches")
    screen = [ui.said, ui.table, ui.begin, ui.stop]
    given = [ui.visit, ui.errand]
    scored = ui.begin.click(partial(score, services), [*given, ui.texts], screen, **MODEL_LANE)
    scored.failure(on_picture, given, screen, **QUIET)
    ui.stop.click(on_stop, ui.errand, [ui.errand, ui.begin, ui.stop], **QUIET)
    panel.topic.change(on_picture, given, screen, **QUIET)
    wire_probe(ui.table, panel)
    build_search(services, panel)


def score(
    services: Services, visit: Visit, errand: Errand, typed: str
) -> Iterator[tuple[Update, ...]]:
    """Scores the texts for the picture; yields what is said, the table and the two buttons."""
    picture, said, shown = visit.picture, "", ""
    stop = errand.begin(picture.key if picture else "")
    try:
        picture, texts = picture_of(visit), texts_from(typed)
        for said, shown in _scores(services, visit, picture, texts, stop):
            yield said, shown, *buttons(running=True)
        said = tables.status("Stopped.") if stop.is_set() else ""
    except Exception as error:
        said = tables.status(explain(error, "No scores"), problem=True)
    errand.end(stop)
    if picture is not None and not visit.is_about(picture):
        yield on_picture(visit, errand)
    else:
        yield said, shown, *buttons(running=False, ready=picture is not None)


def _scores(
    services: Services, visit: Visit, picture: Picture, texts: Sequence[str], stop: Event
) -> Iterator[tuple[str, str]]:
    """What is said, and the table so far."""
    pair = services.engine.pair(visit.model)
    for _ in until_done(pair.loading, pair.loading_matcher()):
        if stop.is_set():
            return
        yield tables.status("The model is loading; the scores will come by themselves."), ""
    features = matched(services, visit, picture).scored
    found = services.engine.each(score_texts, visit.model, features, texts, stop=stop)
    with closing(found):
        for matches in found:
            said = tables.progress(len(matches), len(texts), f"{len(matches)} of {len(texts)}")
            yield said, table_of(matches, f"Scored by {pair.matcher.spec.name}, best first")


def texts_from(typed: str) -> list[str]:
    """Each line that has words is a text, equal ones are one. TextError says what is wrong."""
    texts = list(dict.fromkeys(line for part in typed.splitlines() if (line := part.strip())))
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


def on_stop(errand: Errand) -> tuple[Update, ...]:
    """Nobody waits for the rest."""
    errand.stop()
    return errand, *buttons(running=False)


def on_picture(visit: Visit, errand: Errand) -> tuple[Update, ...]:
    """Another picture, or none: what is on screen is about another."""
    there = visit.picture is not None
    if not errand.turn_to(visit.picture.key if there else ""):
        return (gr.skip(),) * 4
    said = "" if there else tables.status(NO_PICTURE)
    return said, "", *buttons(running=False, ready=there)
