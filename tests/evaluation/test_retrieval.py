"""Recall in pools, where truth decides what a hit is."""

import pytest
import torch

from blip2core.evaluation import retrieval
from blip2core.evaluation.gallery import Gallery
from blip2core.evaluation.retrieval import measure_retrieval, recall
from tests.evaluation.oracle import Scorer, gallery_of

COSINES = torch.tensor([[0.9, 0.1, 0.5], [0.8, 0.2, 0.7], [0.1, 0.2, 0.3]])


def test_recall_looks_as_deep_as_asked() -> None:
    own = torch.eye(3, dtype=torch.bool)
    assert [recall(COSINES, own, depth) for depth in (1, 2, 9)] == pytest.approx([2 / 3, 2 / 3, 1])


def test_a_text_that_is_also_true_is_a_hit() -> None:
    truth = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 1]]).bool()
    assert recall(COSINES, truth, 1) == 1.0


def test_truth_scores_one_in_every_pool(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "POOL", 50)
    figures = measure_retrieval(Scorer(scenes=gallery.scenes), gallery)
    assert (figures["pool"], figures["pools"]) == (50, 2)
    hits = {name: value for name, value in figures.items() if "_at_" in name}
    assert len(hits) == 4 and set(hits.values()) == {1.0}


def test_few_scenes_make_one_small_pool(gallery: Gallery) -> None:
    few = gallery_of(gallery.scenes[:4])
    figures = measure_retrieval(Scorer(scenes=few.scenes, constant=0.0), few)
    assert (figures["pool"], figures["pools"]) == (4, 1)
    assert figures["image_to_text_at_1"] == 0.25
    assert figures["image_to_text_at_5"] == 1.0
