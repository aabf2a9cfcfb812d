"""Area under ROC and accuracy, on scores whose figures are known."""

import pytest

from blip2core.evaluation.gallery import Gallery
from blip2core.evaluation.matching import area_under_roc, measure_matching
from tests.evaluation.oracle import Scorer


@pytest.mark.parametrize(
    ("positive", "negative", "area"),
    [
        ([0.8, 0.4], [0.6, 0.2], 0.75),
        ([1.0], [0.0], 1.0),
        ([0.0], [1.0], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        ([0.9, 0.5], [0.5, 0.1, 0.7], (3 + 1.5) / 6),
    ],
)
def test_area_is_the_share_of_pairs_in_order(
    positive: list[float], negative: list[float], area: float
) -> None:
    assert area_under_roc(positive, negative) == pytest.approx(area)


def test_truth_scores_one(gallery: Gallery) -> None:
    figures = measure_matching(Scorer(scenes=gallery.scenes), gallery)
    kinds = dict.fromkeys(("noun", "colour", "count", "place"), 1.0)
    assert figures["auc_changed_by_kind"] == figures["refused_changed_by_kind"] == kinds
    names = ("auc_random", "auc_changed", "accuracy", "accepted_true", "refused_random")
    assert [figures[name] for name in names] == [1.0] * 5


@pytest.mark.parametrize(("score", "accepted"), [(0.7, 1.0), (0.3, 0.0)])
def test_one_score_for_everything_is_chance(
    gallery: Gallery, score: float, accepted: float
) -> None:
    figures = measure_matching(Scorer(scenes=gallery.scenes, constant=score), gallery)
    assert (figures["auc_random"], figures["auc_changed"], figures["accuracy"]) == (0.5, 0.5, 0.5)
    assert figures["accepted_true"] == accepted
    assert figures["refused_random"] == 1 - accepted
