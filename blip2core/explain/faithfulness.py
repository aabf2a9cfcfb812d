"""Faithfulness of a map: deletion and insertion of patches (Petsiuk et al., "RISE", 2018).

Patches are hidden in the order of the map, and the score is computed again. Deletion hides the
strongest patches first: the lower the area under the score, the better the map. Insertion shows the
strongest first: the higher, the better. Both are compared with random orders. The image encoder
never runs: only the patches that the Q-Former may attend to change.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from threading import Event
from typing import Literal

import torch
from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain.heatmap import Heatmap
from blip2core.explain.occlusion import keep_patches
from blip2core.models import ImageFeatures, Matcher

ScoreKind = Literal["itm", "itc"]
STUDENT = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 7: 2.36, 9: 2.26, 14: 2.14, 19: 2.09}
"""Degrees of freedom -> 97.5 % quantile of Student's t; 1.96 for many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean, and the range in which a single value lies in 95 of 100 cases."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """How the score falls and rises in the order of a map, against random orders."""

    score: ScoreKind
    """itm: matching probability; itc: cosine, the best over the queries."""
    shown: tuple[float, ...]
    """Share of the patches that were not hidden, falling from 1."""
    deletion: tuple[float, ...]
    """Score at each share when the strongest are hidden first."""
    insertion: tuple[float, ...]
    """Score at each share when only the strongest are shown."""
    random: tuple[float, ...]
    """Mean score over the random orders."""
    deletion_area: float
    insertion_area: float
    random_area: Interval
    """Of a random order; for deletion and insertion alike, as a random order read backwards is
    one too."""

    @property
    def deletes_better(self) -> bool:
        """The score fell faster than in 95 of 100 random orders."""
        return self.deletion_area < self.random_area.low

    @property
    def inserts_better(self) -> bool:
        """The score rose faster than in 95 of 100 random orders."""
        return self.insertion_area > self.random_area.high

    @property
    def verdict(self) -> str:
        """One sentence for the reader of the map."""
        among = self.random_area
        chance = (
            f"random {among.mean:.2f}, 95 % of random orders {among.low:.2f} to {among.high:.2f}"
        )
        figures = (
            f"Deletion {self.deletion_area:.2f}, insertion {self.insertion_area:.2f}, {chance}"
        )
        if self.deletes_better and self.inserts_better:
            words = "the map shows what counts, better than chance"
        elif self.deletes_better:
            words = (
                "hiding what the map shows hurts more than chance, showing it alone helps no more"
            )
        elif self.inserts_better:
            words = "showing what the map shows helps more than chance, hiding it hurts no more"
        else:
            words = "no better than chance: do not read this map as a reason"
        return f"{figures}: {words}."


@dataclass(frozen=True, slots=True, kw_only=True)
class FaithfulnessProgress:
    """Steps done so far; the last one has the result."""

    done: int
    total: int
    result: Faithfulness | None = None


def faithfulness(
    matcher: Matcher,
    features: ImageFeatures,
    text: str,
    found: Heatmap,
    *,
    score: ScoreKind = "itm",
    orders: int = 20,
    steps: int = 16,
    seed: int = 0,
    stop: Event | None = None,
) -> Iterator[FaithfulnessProgress]:
    """Measure a map of one image and text by deletion and insertion (Petsiuk et al., "RISE", 2018).

    Yields a `FaithfulnessProgress` for each step; setting `stop` ends it early, without a result.
    `orders` random orders, the same for the same seed, in `steps` equal steps from the whole
    image to none of it. ConfigError where these are too few, or the map is flat.
    """
    if orders < 2 or steps < 2:
        raise ConfigError(f"orders ({orders}) and steps ({steps}) must be at least 2")
    if found.is_flat:
        raise ConfigError("a flat map has no order to measure: no part of the image stands out")
    rows, columns = found.values.shape
    total = rows * columns
    ranked = found.values.flatten().argsort(descending=True).tolist()
    least = 0 if features.vision.shape[1] > total else 1  # attention needs at least one patch
    counts = sorted({max(least, round(total * i / steps)) for i in range(steps + 1)}, reverse=True)
    draws = [random.Random(f"{seed} {k}").sample(range(total), total) for k in range(orders)]
    scores = []
    for done, count in enumerate(counts):
        if stop is not None and stop.is_set():
            return
        kept = [ranked[total - count :], ranked[:count], *(draw[:count] for draw in draws)]
        scores.append(_scores(matcher, features, text, kept, (rows, columns), score))
        if done + 1 < len(counts):
            yield FaithfulnessProgress(done=done + 1, total=len(counts))
    shown = [count / total for count in counts]
    result = _result(score, shown, torch.stack(scores))
    yield FaithfulnessProgress(done=len(counts), total=len(counts), result=result)


def _scores(
    matcher: Matcher,
    features: ImageFeatures,
    text: str,
    kept: Sequence[Sequence[int]],
    grid: tuple[int, int],
    score: ScoreKind,
) -> Tensor:
    """Return the score with each of N equally large sets of patches, (N,),
    computed in one batch.
    """
    parts = [keep_patches(features, patches, grid) for patches in kept]
    joined = ImageFeatures.join(parts)
    if score == "itm":
        return matcher.itm(joined, [text] * len(joined)).cpu()
    return matcher.itc(joined, [text])[:, 0].cpu()


def _result(score: ScoreKind, shown: Sequence[float], scores: Tensor) -> Faithfulness:
    """Return the result of scores (steps, 2 + orders): deletion, insertion, random orders."""
    curves = scores.T.tolist()
    deletion, insertion, *others = curves
    return Faithfulness(
        score=score,
        shown=tuple(shown),
        deletion=tuple(deletion),
        insertion=tuple(insertion),
        random=tuple(fmean(column) for column in zip(*others, strict=True)),
        deletion_area=area(shown, deletion),
        insertion_area=area(shown, insertion),
        random_area=interval([area(shown, curve) for curve in others]),
    )


def area(shown: Sequence[float], curve: Sequence[float]) -> float:
    """Return the area under the scores `curve` over the shares `shown` (trapezoids), divided by the
    range of the shares: a mean score.
    """
    strips = [
        (shown[i] - shown[i + 1]) * (curve[i] + curve[i + 1]) / 2 for i in range(len(shown) - 1)
    ]
    return sum(strips) / (shown[0] - shown[-1])


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of a sample and the range of one more value at 95 % (normal distribution)."""
    count = len(values)
    quantile = next((t for freedom, t in STUDENT.items() if freedom >= count - 1), 1.96)
    reach = quantile * stdev(values) * math.sqrt(1 + 1 / count)
    middle = fmean(values)
    return Interval(mean=middle, low=middle - reach, high=middle + reach)
