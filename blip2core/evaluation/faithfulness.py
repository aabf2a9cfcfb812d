"""Faithfulness of the explanation methods: deletion, insertion and random weights.

For each scene one of its groups is named, as in the pointing game, and each method's map is
measured by `explain.faithfulness` and `explain.sanity`.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from blip2core.evaluation.gallery import Figures, Gallery
from blip2core.evaluation.pointing_game import NORMAL, named_group
from blip2core.explain import METHODS, Focus, Heatmap, Method, trace
from blip2core.explain.faithfulness import Faithfulness, ScoreKind, faithfulness
from blip2core.explain.sanity import randomised, rank_correlation
from blip2core.models import ImageFeatures, Matcher
from blip2core.stickers.captions import claim_of

_ORDERS, _STEPS = 5, 8
"""Random orders of each map, which are read backwards, too; and steps from the whole image to none
of it."""
RANDOM_QFORMERS = 3
"""Q-Formers with random weights that each map is compared with."""
SCORES: tuple[ScoreKind, ...] = ("itm", "itc")


def measure_faithfulness(
    matcher: Matcher, gallery: Gallery, methods: Mapping[str, Method] = METHODS
) -> Figures:
    """Return for each method and score the areas under deletion, insertion and random orders; by
    how much deletion is below random and insertion above, with 95 % intervals over the scenes; and
    the mean rank correlation with the maps of random Q-Formers.

    Flat maps have no order: they are left out of the areas, and count as correlation 0.
    """
    random_matchers = [randomised(matcher, seed) for seed in range(RANDOM_QFORMERS)]
    tested: dict[tuple[str, ScoreKind], list[Faithfulness]] = {
        (name, score): [] for name in methods for score in SCORES
    }
    alike: dict[str, list[float]] = {name: [] for name in methods}
    for index, scene in enumerate(gallery.scenes):
        features, text = gallery.features[[index]], claim_of(named_group(scene)).phrase()
        maps = _maps(matcher, features, text, methods)
        others = [
            _maps(random_matcher, features, text, methods) for random_matcher in random_matchers
        ]
        for name, found in maps.items():
            alike[name] += [rank_correlation(found, other[name]) for other in others]
            for score in SCORES if not found.is_flat else ():
                tested[name, score].append(_tested(matcher, features, text, found, score))
    return {
        name: {
            **{score: _figures(tested[name, score]) for score in SCORES},
            "random_weights": fmean(alike[name]),
        }
        for name in methods
    }


def _maps(
    matcher: Matcher, features: ImageFeatures, text: str, methods: Mapping[str, Method]
) -> dict[str, Heatmap]:
    seen = trace(matcher, features, text, gradients=True)
    return {name: method(seen, Focus()) for name, method in methods.items()}


def _tested(
    matcher: Matcher, features: ImageFeatures, text: str, found: Heatmap, score: ScoreKind
) -> Faithfulness:
    steps = faithfulness(
        matcher, features, text, found, score=score, orders=_ORDERS, steps=_STEPS, seed=0
    )
    *_, last = steps
    assert last.result is not None  # nobody stopped it
    return last.result


def _figures(tested: Sequence[Faithfulness]) -> Figures:
    """Return means over the scenes; only their number where too few had a map with an order."""
    if len(tested) < 2:
        return {"measured": len(tested)}
    most = 1.0 if tested[0].score == "itm" else 2.0
    return {
        "measured": len(tested),
        "deletion": fmean(one.deletion_area for one in tested),
        "insertion": fmean(one.insertion_area for one in tested),
        "random": fmean(one.random_area for one in tested),
        "deletion_gain": _gain([one.random_area - one.deletion_area for one in tested], most),
        "insertion_gain": _gain([one.insertion_area - one.random_area for one in tested], most),
    }


def _gain(differences: Sequence[float], most: float) -> Figures:
    """Return the mean over the scenes and the 95 % interval of that mean, within `most` of 0."""
    middle = fmean(differences)
    reach = NORMAL * stdev(differences) / math.sqrt(len(differences))
    return {
        "mean": middle,
        "low": max(-most, middle - reach),
        "high": min(most, middle + reach),
    }
