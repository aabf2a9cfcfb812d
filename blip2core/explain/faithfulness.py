"""Faithfulness of a map: deletion and insertion of patches (Petsiuk et al., "RISE", 2018).

Patches are hidden in the order of the map, and the score is computed again. Deletion hides the
strongest patches first: the lower the area under the score, the better the map. Insertion shows the
strongest first: the higher, the better. Both are compared with random orders, each of which is read
in both directions, too. The image encoder never runs: only the patches that the Q-Former may attend
to change.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from threading import Event
from typing import Literal

import torch
from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain.fit import Fit, fit_of
from blip2core.explain.heatmap import Heatmap
from blip2core.explain.occlusion import keep_patches
from blip2core.models import ImageFeatures, Matcher

ScoreKind = Literal["itm", "itc"]
LEAST_EFFECT = 0.05
"""How far each area must lie on the right side of that of random orders, in ITM.

Beyond chance alone lie the maps of up to half of the false texts, whose areas are near 0; with
this effect on both sides 0 to 3 of 104 are left by each method, even without a floor for ITM. Twice
of it would cost a sixth of the true ones (docs/LOG.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """How the score falls and rises in the order of a map, against random orders."""

    score: ScoreKind
    """itm: matching probability; itc: cosine, the best over the queries."""
    fit: Fit
    """How well the text fits the whole image."""
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
    random_areas: tuple[float, ...]
    """Of each random order; for deletion and insertion alike, as a random order read backwards is
    one too."""
    random_difference: float
    """The largest difference between the areas of a random order and of its reverse."""

    @property
    def random_area(self) -> float:
        """The mean over the random orders."""
        return fmean(self.random_areas)

    @property
    def is_beyond_chance(self) -> bool:
        """The text fits, and insertion lies further above deletion than in any random order.

        By chance that happens once in 22 maps, with 10 random orders.
        """
        return self.fit.fits and self.insertion_area - self.deletion_area > self.random_difference

    @property
    def deletes_better(self) -> bool:
        """Hiding the strongest patches costs at least LEAST_EFFECT more than hiding any."""
        return self.random_area - self.deletion_area >= LEAST_EFFECT

    @property
    def inserts_better(self) -> bool:
        """Showing the strongest patches gains at least LEAST_EFFECT more than showing any."""
        return self.insertion_area - self.random_area >= LEAST_EFFECT

    @property
    def shows_what_counts(self) -> bool:
        """The text fits, and the map is better than chance on both sides."""
        return self.is_beyond_chance and self.deletes_better and self.inserts_better

    @property
    def verdict(self) -> str:
        """One sentence for the reader of the map."""
        low, high = min(self.random_areas), max(self.random_areas)
        random_orders = f"random orders {self.random_area:.2f} ({low:.2f} to {high:.2f})"
        figures = (
            f"Deletion {self.deletion_area:.2f}, insertion {self.insertion_area:.2f}, "
            f"{random_orders}"
        )
        return f"{figures}: {self._words()}."

    def _words(self) -> str:
        if self.fit.unlearned:
            return "the matcher never learned some of these words: do not read this map"
        if not self.fit.fits:
            return "the text does not fit, so nothing shows why it would: do not read this map"
        if not self.is_beyond_chance:
            return "no better than chance: do not read this map as a reason"
        if self.shows_what_counts:
            return "the map shows what counts, better than chance"
        if self.deletes_better:
            return "hiding what the map shows hurts more than chance, showing it helps no more"
        if self.inserts_better:
            return "showing what the map shows helps more than chance, hiding it hurts no more"
        return "better than chance, but by too little to read much into this map"


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
    orders: int = 10,
    steps: int = 16,
    seed: int = 0,
    stop: Event | None = None,
) -> Iterator[FaithfulnessProgress]:
    """Measure a map of one image and text by deletion and insertion (Petsiuk et al., "RISE", 2018).

    Yields a `FaithfulnessProgress` for each step; setting `stop` ends it early, without a result.
    `orders` random orders and their reverses, the same for the same seed, in `steps` equal steps
    from the whole image to none of it. ConfigError where these are too few, or the map is flat.
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
    draws += [draw[::-1] for draw in draws]
    fit = fit_of(matcher, text, float(matcher.itm(features, [text])))
    scores = []
    for done, count in enumerate(counts):
        if stop is not None and stop.is_set():
            return
        kept = [ranked[total - count :], ranked[:count], *(draw[:count] for draw in draws)]
        scores.append(_scores(matcher, features, text, kept, (rows, columns), score))
        if done + 1 < len(counts):
            yield FaithfulnessProgress(done=done + 1, total=len(counts))
    shown = [count / total for count in counts]
    result = _result(score, fit, shown, torch.stack(scores))
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


def _result(score: ScoreKind, fit: Fit, shown: Sequence[float], scores: Tensor) -> Faithfulness:
    """Return the result of scores (steps, 2 + 2 * orders): deletion, insertion, random orders, and
    their reverses in the same order.
    """
    curves = scores.T.tolist()
    deletion, insertion, *others = curves
    areas = [area(shown, curve) for curve in others]
    half = len(areas) // 2
    pairs = zip(areas[:half], areas[half:], strict=True)
    return Faithfulness(
        score=score,
        fit=fit,
        shown=tuple(shown),
        deletion=tuple(deletion),
        insertion=tuple(insertion),
        random=tuple(fmean(column) for column in zip(*others, strict=True)),
        deletion_area=area(shown, deletion),
        insertion_area=area(shown, insertion),
        random_areas=tuple(areas),
        random_difference=max(abs(one - reverse) for one, reverse in pairs),
    )


def area(shown: Sequence[float], curve: Sequence[float]) -> float:
    """Return the area under the scores `curve` over the shares `shown` (trapezoids), divided by the
    range of the shares: a mean score, between the lowest and the highest.
    """
    strips = [
        (shown[i] - shown[i + 1]) * (curve[i] + curve[i + 1]) / 2 for i in range(len(shown) - 1)
    ]
    found = sum(strips) / (shown[0] - shown[-1])
    return min(max(found, min(curve)), max(curve))  # rounding must not lead out of 0 to 1
