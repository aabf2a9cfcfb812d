"""A `Scene` is the exact truth of one image: where it is, and which stickers stand where.

Scenes are drawn from a seed alone. The seed ranges in `SPLITS` keep training, validation and test
apart, and a fixed tenth of the (noun, colour) and (noun, place) combinations never occurs in an
ordinary scene: `draw_scene(seed, held_out=True)` draws scenes that hold at least one of them.
"""

import random
import zlib
from dataclasses import dataclass

from blip2core.stickers.words import COLOURS, NOUNS, PLACES, SIZES

SIDE = 112
"""Width and height of an image, in pixels."""
GRID = 4
"""An image is thought of as GRID x GRID cells; no two stickers have their centre in one cell."""
CELL = SIDE // GRID
MARGIN = 10
"""Pixels by which all of one group must clear another before it counts as left of it, or above."""

NOWHERE = "nowhere"
"""The backdrop of many crowds: no place at all, so that no sticker is tied to the places it is
seen at."""
LATTICE = 7
"""Pixels between the points where stickers may have their centre, as on squared paper."""

SPLITS: dict[str, range] = {
    "train": range(0, 10_000_000),
    "validation": range(10_000_000, 11_000_000),
    "test": range(20_000_000, 30_000_000),
    "web": range(30_000_000, 31_000_000),
}

_PIXELS = {"small": (22, 24, 26), "big": (36, 38, 40, 42)}
_GROUP_WEIGHTS = (0.22, 0.38, 0.28, 0.12)
_COUNT_WEIGHTS = {"small": (0.50, 0.22, 0.16, 0.12), "big": (0.75, 0.25, 0.0, 0.0)}


@dataclass(frozen=True, slots=True)
class Box:
    """A square sticker: its centre and its side, in pixels of the image."""

    x: int
    y: int
    side: int

    @property
    def cell(self) -> int:
        """Index of the cell that holds the centre, row by row from the top left."""
        return (self.y // CELL) * GRID + self.x // CELL

    def overlaps(self, other: "Box") -> bool:
        """Return whether the two squares share area beyond the transparent rim of a glyph."""
        reach = (self.side + other.side) / 2 - 2
        return abs(self.x - other.x) < reach and abs(self.y - other.y) < reach

    def contains(self, x: float, y: float) -> bool:
        """Return whether the point, in pixels, is inside the square."""
        return abs(x - self.x) <= self.side / 2 and abs(y - self.y) <= self.side / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All the stickers of one noun in a scene; a noun has one group at most."""

    noun: str
    colour: str | None
    """One of `COLOURS`, or None where the noun has its natural colour."""
    size: str
    boxes: tuple[Box, ...]

    @property
    def count(self) -> int:
        """Number of stickers, 1 to 4."""
        return len(self.boxes)

    def is_left_of(self, other: "Group") -> bool | None:
        """Return True or False where it is plain to see, None where it is not."""
        return _clears(
            max(box.x for box in self.boxes) - min(box.x for box in other.boxes),
        )

    def is_above(self, other: "Group") -> bool | None:
        """Return True or False where it is plain to see, None where it is not."""
        return _clears(
            max(box.y for box in self.boxes) - min(box.y for box in other.boxes),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is in an image."""

    seed: int
    place: str
    groups: tuple[Group, ...]

    def group(self, noun: str) -> Group | None:
        """Return the group of a noun, or None."""
        return next((group for group in self.groups if group.noun == noun), None)


def _clears(gap: int) -> bool | None:
    if gap <= -MARGIN:
        return True
    return False if gap >= 0 else None


def is_held_out(noun: str, other: str) -> bool:
    """Return whether a (noun, colour) or (noun, place) pair is in the tenth kept from training."""
    return zlib.crc32(f"{noun}|{other}".encode()) % 10 == 0


def has_held_out_pair(scene: Scene) -> bool:
    """Return whether a group's colour or its place is a combination that training never showed."""
    return any(
        is_held_out(group.noun, scene.place)
        or (group.colour is not None and is_held_out(group.noun, group.colour))
        for group in scene.groups
    )


def draw_scene(seed: int, *, held_out: bool = False) -> Scene:
    """Draw the scene of a seed; with `held_out`, one with at least one combination unseen in
    training.

    Always the same scene for the same arguments.
    """
    rng = random.Random(f"scene {seed} {held_out}")
    while True:
        scene = _attempt(rng, seed, held_out)
        if has_held_out_pair(scene) == held_out:
            return scene


def draw_crowd(seed: int) -> Scene:
    """Draw a scene full of different stickers, to train an image encoder; never a held-out pair."""
    rng = random.Random(f"crowd {seed}")
    place = NOWHERE if rng.random() < 0.6 else rng.choice(tuple(PLACES))
    boxes = _packed(rng) if rng.random() < 0.7 else _scattered(rng)
    nouns = rng.sample(_nouns_of(place, held_out=False), len(boxes))
    groups = [
        _group(rng, noun, "small" if box.side < min(_PIXELS["big"]) else "big", [box], False)
        for noun, box in zip(nouns, boxes, strict=True)
    ]
    return Scene(seed=seed, place=place, groups=tuple(groups))


def _packed(rng: random.Random) -> list[Box]:
    """Draw small stickers on a shifted grid: as many as fit."""
    shift_x, shift_y = (rng.randrange(0, CELL, LATTICE) for _ in range(2))
    taken: list[Box] = []
    for index in range((GRID + 1) ** 2):
        row, column = divmod(index, GRID + 1)
        side = rng.choice(_PIXELS["small"])
        x, y = column * CELL - shift_x + CELL, row * CELL - shift_y + CELL
        box = Box(x, y, side)
        inside = side // 2 <= min(x, y) and max(x, y) <= SIDE - side // 2
        if inside and not any(box.cell == other.cell or box.overlaps(other) for other in taken):
            taken.append(box)
    return taken


def _scattered(rng: random.Random) -> list[Box]:
    """Draw stickers of both sizes anywhere."""
    taken: list[Box] = []
    for _ in range(12):
        taken.extend(_place_boxes(rng, rng.choice(SIZES), 1, taken))
    return taken


def _group(rng: random.Random, noun: str, size: str, boxes: list[Box], held_out: bool) -> Group:
    colour = rng.choice(_colours_of(noun, held_out)) if NOUNS[noun].coloured else None
    return Group(noun=noun, colour=colour, size=size, boxes=tuple(boxes))


def _attempt(rng: random.Random, seed: int, held_out: bool) -> Scene:
    place = rng.choice(tuple(PLACES))
    number = rng.choices((1, 2, 3, 4), _GROUP_WEIGHTS)[0]
    names = rng.sample(_nouns_of(place, held_out), number)
    taken: list[Box] = []
    groups = []
    for name in names:
        size = rng.choice(SIZES)
        count = rng.choices((1, 2, 3, 4), _COUNT_WEIGHTS[size])[0]
        boxes = _place_boxes(rng, size, count, taken)
        if not boxes:
            continue
        taken.extend(boxes)
        groups.append(_group(rng, name, size, boxes, held_out))
    return Scene(seed=seed, place=place, groups=tuple(groups))


def _nouns_of(place: str, held_out: bool) -> list[str]:
    free = held_out or place == NOWHERE
    return [noun for noun in NOUNS if free or not is_held_out(noun, place)]


def _colours_of(noun: str, held_out: bool) -> list[str]:
    return [colour for colour in COLOURS if held_out or not is_held_out(noun, colour)]


def _place_boxes(rng: random.Random, size: str, count: int, taken: list[Box]) -> list[Box]:
    """Draw up to `count` boxes that overlap nothing, the later ones near the first;
    fewer if full.
    """
    boxes: list[Box] = []
    for _ in range(count):
        free = [box for _ in range(40) if (box := _try_box(rng, size, taken + boxes)) is not None]
        if not free:
            break
        if boxes:
            first = boxes[0]
            free.sort(key=lambda box: (box.x - first.x) ** 2 + (box.y - first.y) ** 2)
        boxes.append(free[0])
    return boxes


def _try_box(rng: random.Random, size: str, taken: list[Box]) -> Box | None:
    side = rng.choice(_PIXELS[size])
    points = range(LATTICE * -(-side // 2 // LATTICE), SIDE - side // 2 + 1, LATTICE)
    box = Box(rng.choice(points), rng.choice(points), side)
    if any(box.cell == other.cell or box.overlaps(other) for other in taken):
        return None
    return box
