"""The model card's table holds every floor and hides nothing."""

from typing import Any

from blip2core.evaluation.gallery import Gallery
from blip2core.evaluation.report import ROWS, look_up, table
from blip2core.evaluation.suite import TASKS, measure
from tests.evaluation.oracle import Scorer, Writer, gallery_of


def test_every_row_is_a_figure_that_is_measured(gallery: Gallery, monkeypatch: Any) -> None:
    scenes = gallery.scenes
    monkeypatch.setattr("blip2core.evaluation.suite.build_gallery", lambda _, s: gallery_of(s))
    figures = measure(scenes, TASKS, Writer(scenes=scenes), Scorer(scenes=scenes))
    assert [row.path for row in ROWS if look_up(figures, row.path) is None] == []
    assert len(table(figures).splitlines()) == len(ROWS) + 2
    assert "(below)" not in table(figures, figures)


def test_floors_are_these() -> None:
    floors = [(row.floor, row.held_out_floor) for row in ROWS if row.floor is not None]
    assert floors == [
        (0.98, 0.95),
        (0.98, 0.95),
        (0.995, 0.99),
        (0.95, 0.92),
        (0.90, 0.87),
        (0.92, 0.85),
        (0.80, 0.70),
        (0.99, 0.98),
        (0.85, None),
        (0.90, 0.83),
        (0.75, 0.65),
        (0.85, 0.75),
    ]


def test_what_falls_short_is_marked() -> None:
    ordinary = {"vqa": {"accuracy": 0.91, "worst_kind": 0.7}}
    lines = table(ordinary, {"vqa": {"accuracy": 0.5}}).splitlines()
    assert lines[2:] == [
        "| VQA accuracy, all types | 0.9 | 0.910 | 0.83 | **0.500** (below) |",
        "| VQA accuracy, worst type | 0.75 | **0.700** (below) | 0.65 | - |",
    ]


def test_missing_figures_are_none() -> None:
    assert look_up({"vqa": {"by_kind": {"how many": 0.5}}}, "vqa.by_kind.how many") == 0.5
    assert look_up({"vqa": {"by_kind": {}}}, "vqa.by_kind.size") is None
    assert look_up({"vqa": {"by_kind": {}}}, "vqa.by_kind") is None
