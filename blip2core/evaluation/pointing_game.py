"""Pointing game: how often the peak of a text's map is inside the sticker that the text names.

For each scene one of its groups is drawn and named ("two red cars"), and each method makes its
map of that text. A hit is a peak, the centre of one patch, inside the box of any sticker of the
group. Chance is the share of patches whose centre is; the best constant point is the one patch
that would be right most often.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from blip2core.evaluation.gallery import Figures, Gallery, mean
from blip2core.explain import METHODS, Focus, Method, trace
from blip2core.models import Matcher
from blip2core.stickers.captions import claim_of
from blip2core.stickers.scene import SIDE, Group, Scene

NORMAL = 1.96
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingGame:
    """One scene with its named group and the peak of each method."""

    right: frozenset[tuple[int, int]]
    """Patches whose centre lies in a box of the group."""
    peaks: Mapping[str, tuple[int, int] | None]
    """Method -> row and column of its peak; None for a flat map, which is a miss."""
    among_others: bool
    """The scene has groups that the text does not name."""
    grid: tuple[int, int]


def measure_pointing(
    matcher: Matcher, gallery: Gallery, methods: Mapping[str, Method] = METHODS
) -> Figures:
    """Return the hit rate of each method with its 95 % interval, of chance, and of the best
    constant point.

    `among_others` is the hit rate where the scene has something else to point at.
    """
    games = list(play_games(matcher, gallery, methods))
    crowded = [game for game in games if game.among_others]
    figures: dict[str, Figures | float] = {
        "chance": mean(_area(game) for game in games),
        "best_constant_point": best_constant_point(games),
    }
    for name in methods:
        hits = [game.peaks[name] in game.right for game in games]
        low, high = wilson(sum(hits), len(hits))
        rates = {"hits": mean(hits), "low": low, "high": high}
        if crowded:
            rates["among_others"] = mean(game.peaks[name] in game.right for game in crowded)
        figures[name] = rates
    return figures


def play_games(
    matcher: Matcher, gallery: Gallery, methods: Mapping[str, Method]
) -> Iterator[PointingGame]:
    """Yield one game for each scene."""
    for index, scene in enumerate(gallery.scenes):
        group = named_group(scene)
        text = claim_of(group).phrase()
        seen = trace(matcher, gallery.features[[index]], text, gradients=True)
        maps = {name: method(seen, Focus()) for name, method in methods.items()}
        yield PointingGame(
            right=patches_inside(group, seen.grid),
            peaks={name: None if one.is_flat else one.peak for name, one in maps.items()},
            among_others=len(scene.groups) > 1,
            grid=seen.grid,
        )


def named_group(scene: Scene) -> Group:
    """Return the group of a scene that is named: always the same one."""
    return random.Random(f"pointing {scene.seed}").choice(scene.groups)


def patches_inside(group: Group, grid: tuple[int, int]) -> frozenset[tuple[int, int]]:
    """Return rows and columns of the patches whose centre lies in a box of the group."""
    rows, columns = grid
    centres = {
        (row, column): ((column + 0.5) * SIDE / columns, (row + 0.5) * SIDE / rows)
        for row in range(rows)
        for column in range(columns)
    }
    return frozenset(
        place for place, (x, y) in centres.items() if any(box.contains(x, y) for box in group.boxes)
    )


def best_constant_point(games: Sequence[PointingGame]) -> float:
    """Return the share of games won by always pointing at one patch, the best of all for these
    games.
    """
    counts: dict[tuple[int, int], int] = {}
    for game in games:
        for place in game.right:
            counts[place] = counts.get(place, 0) + 1
    return max(counts.values()) / len(games)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the Wilson score interval, 95 %, of a share of `hits` in `count`."""
    share, weight = hits / count, NORMAL**2 / count
    middle = (share + weight / 2) / (1 + weight)
    reach = NORMAL * math.sqrt(share * (1 - share) / count + weight / count / 4) / (1 + weight)
    # Rounding must not leave the share itself outside, nor lead out of 0 to 1.
    return max(0.0, min(middle - reach, share)), min(1.0, max(middle + reach, share))


def _area(game: PointingGame) -> float:
    return len(game.right) / (game.grid[0] * game.grid[1])
