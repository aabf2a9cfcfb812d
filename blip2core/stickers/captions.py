"""Captions with exact meaning: claims, whether they are true of a scene, and one-word changes.

A `SceneCaption` is a set of claims and a sentence form; its words follow from them. So a false
caption has just the words and forms of a true one, and whether two captions say the same, or
whether one is also true of another image, is decided exactly. `parse` reads claims back from any
text, for evaluation.
"""

import random
import re
from dataclasses import dataclass, replace
from functools import lru_cache

from blip2core.stickers.scene import GRID, Group, Scene, is_held_out
from blip2core.stickers.words import COLOURS, NOUNS, NUMBERS, PLACES, SIZES

FORMS: tuple[str, ...] = (
    "{list} {place}",
    "there {be} {list} {place}",
    "{place} there {be} {list}",
    "a photo of {list} {place}",
    "a picture of {list} {place}",
)
"""Sentence forms; the place is left out where a caption does not claim one."""
BESIDE = "next to {anchor} there {be} {list} {place}"
"""The form of a caption that names one group only to say what else there is."""

CHANGES: tuple[str, ...] = ("noun", "colour", "count", "place")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a text says of one group; None where it does not say."""

    noun: str
    count: int | None = None
    colour: str | None = None
    size: str | None = None

    def is_true_of(self, scene: Scene) -> bool:
        """Return whether the scene has a group that fits."""
        group = scene.group(self.noun)
        return (
            group is not None
            and self.count in (None, group.count)
            and self.colour in (None, group.colour)
            and self.size in (None, group.size)
        )

    def phrase(self) -> str:
        """Return "two small red balloons"; without a count, "the balloon"."""
        count = 1 if self.count is None else self.count
        noun = NOUNS[self.noun].singular if count == 1 else NOUNS[self.noun].plural
        words = " ".join(word for word in (self.size, self.colour, noun) if word)
        if self.count is None:
            return f"the {words}"
        if count > 1:
            return f"{NUMBERS[count]} {words}"
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCaption:
    """A sentence about an image."""

    claims: tuple[Claim, ...]
    place: str | None
    form: str
    anchor: Claim | None = None
    """The group a caption of form `BESIDE` starts from."""

    @property
    def text(self) -> str:
        """The words, in lower case, without a full stop."""
        total = sum(claim.count or 1 for claim in self.claims)
        words = self.form.format(
            list=join([claim.phrase() for claim in self.claims]),
            place=PLACES[self.place] if self.place else "",
            anchor=self.anchor.phrase() if self.anchor else "",
            be="is" if total == 1 else "are",
        )
        return " ".join(words.split())

    def is_true_of(self, scene: Scene) -> bool:
        """Return whether every claim holds."""
        anchored = self.anchor is None or self.anchor.is_true_of(scene)
        placed = self.place in (None, scene.place)
        return anchored and placed and all(claim.is_true_of(scene) for claim in self.claims)

    def changed(
        self, scene: Scene, rng: random.Random, kind: str, *, held_out: bool = False
    ) -> "SceneCaption | None":
        """Return the same sentence with one word made false; None where it has no such word.

        `kind` is one of `CHANGES`. Without `held_out` the new word makes no held-out combination,
        so that training never learns that those are always false.
        """
        if kind == "place":
            return self._with_other_place(rng, held_out)
        order = list(range(len(self.claims)))
        rng.shuffle(order)
        for index in order:
            claim = _CHANGERS[kind](self.claims[index], scene, rng, held_out)
            if claim is not None:
                claims = (*self.claims[:index], claim, *self.claims[index + 1 :])
                return replace(self, claims=claims)
        return None

    def _with_other_place(self, rng: random.Random, held_out: bool) -> "SceneCaption | None":
        if self.place is None:
            return None
        nouns = [claim.noun for claim in self.claims]
        places = [
            place
            for place in PLACES
            if place != self.place
            and (held_out or not any(is_held_out(noun, place) for noun in nouns))
        ]
        return replace(self, place=rng.choice(places)) if places else None


def _other_noun(claim: Claim, scene: Scene, rng: random.Random, held_out: bool) -> Claim | None:
    """Return another noun that can stand in the same words;
    half the time one of the same category.
    """
    old = NOUNS[claim.noun]
    fitting = [
        noun
        for noun, entry in NOUNS.items()
        if scene.group(noun) is None
        and entry.coloured == old.coloured
        and (held_out or not is_held_out(noun, scene.place))
        and (held_out or claim.colour is None or not is_held_out(noun, claim.colour))
    ]
    alike = [noun for noun in fitting if NOUNS[noun].category == old.category]
    choices = alike if alike and rng.random() < 0.5 else fitting
    return replace(claim, noun=rng.choice(choices)) if choices else None


def _other_colour(claim: Claim, scene: Scene, rng: random.Random, held_out: bool) -> Claim | None:
    if claim.colour is None:
        return None
    choices = [
        colour
        for colour in COLOURS
        if colour != claim.colour and (held_out or not is_held_out(claim.noun, colour))
    ]
    return replace(claim, colour=rng.choice(choices))


def _other_count(claim: Claim, scene: Scene, rng: random.Random, held_out: bool) -> Claim | None:
    if claim.count is None:
        return None
    return replace(claim, count=rng.choice([n for n in (1, 2, 3, 4) if n != claim.count]))


_CHANGERS = {"noun": _other_noun, "colour": _other_colour, "count": _other_count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What some cells of an image hold: a dense caption, for training only."""

    cells: tuple[tuple[str, str], ...]
    """Name of a cell ("b2") and its words ("small red car"), each."""

    @property
    def text(self) -> str:
        """ "in b2: small red car in a1: nothing"."""
        return " ".join(f"in {name}: {words}" for name, words in self.cells)

    def is_true_of(self, scene: Scene) -> bool:
        """Return whether each cell holds just this."""
        truth = {name: " ".join(words) for name, words in read_cells(scene)}
        return all(truth[name] == words for name, words in self.cells)


NOTHING: tuple[str, ...] = ("nothing",)
"""The words of an empty cell."""


def read_cells(scene: Scene, *, counted: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    """Return name and words of each cell, row by row from the top left; "nothing" where it is
    empty.

    With `counted`, the words also say how many of its kind there are.
    """
    cells = [NOTHING] * (GRID * GRID)
    for group in scene.groups:
        number = NUMBERS[group.count] if counted else None
        words = tuple(word for word in (number, group.size, group.colour, group.noun) if word)
        for box in group.boxes:
            cells[box.cell] = words
    return [(f"{'abcd'[at // GRID]}{at % GRID + 1}", words) for at, words in enumerate(cells)]


def draw_reading(scene: Scene, rng: random.Random) -> Reading:
    """Draw up to three cells with stickers, and any other one."""
    cells = [(name, " ".join(words)) for name, words in read_cells(scene)]
    filled = [cell for cell in cells if cell[1] != "nothing"]
    chosen = rng.sample(filled, min(3, len(filled)))
    chosen.append(rng.choice([cell for cell in cells if cell not in chosen]))
    rng.shuffle(chosen)
    return Reading(cells=tuple(chosen))


def join(phrases: list[str]) -> str:
    """Join phrases: "a dog", "a dog and a cat", "a dog, a cat and two birds"."""
    if len(phrases) == 1:
        return phrases[0]
    return ", ".join(phrases[:-1]) + " and " + phrases[-1]


def left_to_right(scene: Scene) -> list[Group]:
    """Return the groups in the order that captions name them: by their leftmost sticker."""
    return sorted(scene.groups, key=lambda group: (min(box.x for box in group.boxes), group.noun))


def claim_of(group: Group, *, sized: bool = False) -> Claim:
    """Return all that is true of a group, its size only where asked for."""
    return Claim(
        noun=group.noun,
        count=group.count,
        colour=group.colour,
        size=group.size if sized else None,
    )


def full_caption(scene: Scene, rng: random.Random) -> SceneCaption:
    """Return a caption of every group and the place, in a random form; sizes in one caption of
    five.
    """
    sized = rng.random() < 0.2
    claims = tuple(claim_of(group, sized=sized) for group in left_to_right(scene))
    return SceneCaption(claims=claims, place=scene.place, form=rng.choice(FORMS))


def partial_caption(scene: Scene, rng: random.Random) -> SceneCaption:
    """Return a caption of some of the groups, with or without the place."""
    groups = left_to_right(scene)
    kept = [group for group in groups if rng.random() < 0.6] or [rng.choice(groups)]
    sized = rng.random() < 0.2
    claims = tuple(claim_of(group, sized=sized) for group in kept)
    place = scene.place if rng.random() < 0.5 else None
    return SceneCaption(claims=claims, place=place, form=rng.choice((*FORMS[:2], *FORMS[3:])))


def beside_caption(scene: Scene, rng: random.Random) -> SceneCaption | None:
    """Return "next to the dog there is ..." with all the other groups; None where there is no
    other.
    """
    groups = left_to_right(scene)
    if len(groups) < 2:
        return None
    anchor = rng.choice(groups)
    claims = tuple(claim_of(group) for group in groups if group is not anchor)
    place = scene.place if rng.random() < 0.5 else None
    return SceneCaption(claims=claims, place=place, form=BESIDE, anchor=Claim(noun=anchor.noun))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What `parse` found in a text."""

    claims: tuple[Claim, ...]
    place: str | None


@lru_cache(maxsize=1)
def _singular() -> dict[str, str]:
    words = {entry.plural: noun for noun, entry in NOUNS.items()}
    return words | {entry.singular: noun for noun, entry in NOUNS.items()}


def noun_of(word: str) -> str | None:
    """Return the noun that a word in singular or plural names, or None."""
    return _singular().get(word.lower())


def parse(text: str) -> Meaning:
    """Return the claims of any text made of the world's words; other words are passed over.

    "the dog" claims no count. Of several places the last one counts.
    """
    words = re.findall(r"[a-z]+", text.lower())
    claims: list[Claim] = []
    found: dict[str, str] = {}
    place = None
    for word in words:
        noun = noun_of(word)
        if noun is not None:
            claims.append(_claim_from(noun, found))
            found = {}
        elif word in PLACES:
            place = word
        elif word in NUMBERS or word in ("a", "an"):
            found["count"] = word
        elif word in COLOURS:
            found["colour"] = word
        elif word in SIZES:
            found["size"] = word
        elif word not in ("and",):
            found = {}
    return Meaning(claims=tuple(claims), place=place)


def _claim_from(noun: str, found: dict[str, str]) -> Claim:
    number = found.get("count")
    count = None if number is None else NUMBERS.index(number) if number in NUMBERS else 1
    return Claim(noun=noun, count=count, colour=found.get("colour"), size=found.get("size"))
