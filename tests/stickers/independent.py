"""Answers to questions, worked out from their words and the boxes of a scene alone.

A second way to the answers that `blip2core.stickers.questions` gives, sharing only the tables of
words with it.
"""

import re

from blip2core.stickers.scene import Group, Scene
from blip2core.stickers.words import COLOURS, NOUNS, NUMBERS, PLACES

PLAIN = 10
"""Pixels between two groups that are plainly beside one another."""
AXES = {"left": ("x", 1), "right": ("x", -1), "above": ("y", 1), "below": ("y", -1)}
SINGULAR = {word: n.singular for n in NOUNS.values() for word in (n.singular, n.plural)}


def answer(scene: Scene, question: str, topic: str | None = None) -> tuple[str, str | None]:
    """The right answer, and the noun that "it" would mean in the next question.

    `topic` is what "it" means in this one.
    """
    groups = {group.noun: group for group in scene.groups}
    text = question.lower().rstrip("?")
    if found := re.fullmatch(r"(?:what|which) (animal|food|plant|vehicle|thing) .+", text):
        (group,) = [g for g in scene.groups if NOUNS[g.noun].category == found[1]]
        return name(group), group.noun
    if text in ("what is in the picture", "what is there", "what do you see", "what can you see"):
        return listed(scene), scene.groups[0].noun if len(scene.groups) == 1 else None
    if found := re.match(r"how many (\w+)", text):
        noun = topic if found[1] in ("are", "of") else SINGULAR[found[1]]
        count = groups[noun].count if noun in groups else 0
        return ("none", None) if count == 0 else (NUMBERS[count], noun)
    if found := re.fullmatch(r"what colou?r (?:is|are) (.+)", text):
        group = groups[meant(found[1], topic)]
        return group.colour or NOUNS[group.noun].natural_colour, group.noun
    if found := re.fullmatch(r"where (?:is|are) (it|they)", text):
        return PLACES[scene.place], topic
    if text.startswith("where") or text == "what place is this":
        return PLACES[scene.place], None
    if found := re.fullmatch(r"(?:is there|are there|do you see) (.+)", text):
        return exists(scene, found[1])
    if found := re.fullmatch(r"what is to (?:its|their) (left|right)", text):
        return beside(scene, groups[topic], found[1])
    if found := re.fullmatch(r"what is (?:to the )?(left|right|above|below)(?: of)? (.+)", text):
        return beside(scene, groups[meant(found[2], topic)], found[1])
    pattern = r"(?:is|are) the (\w+) (?:to the )?(left|right|above|below)(?: of)? the (\w+)"
    if found := re.fullmatch(pattern, text):
        first, second = groups[SINGULAR[found[1]]], groups[SINGULAR[found[3]]]
        return "yes" if gap(first, second, found[2]) >= PLAIN else "no", first.noun
    pattern = r"(?:how big|what size) (?:is|are) (.+)|(?:is|are) (.+) big or small"
    if found := re.fullmatch(pattern, text):
        group = groups[meant(found[1] or found[2], topic)]
        return ("small" if group.boxes[0].side < 30 else "big"), group.noun
    raise AssertionError(f"a question of no known form: {question}")


def gap(first: Group, second: Group, direction: str) -> int:
    """Pixels by which all of `first` lies in that direction from all of `second`."""
    axis, sign = AXES[direction]
    return min(sign * getattr(box, axis) for box in second.boxes) - max(
        sign * getattr(box, axis) for box in first.boxes
    )


def beside(scene: Scene, group: Group, direction: str) -> tuple[str, str]:
    """The one other group in that direction; fails where there is more than one, or doubt."""
    gaps = {g.noun: gap(g, group, direction) for g in scene.groups if g is not group}
    assert not any(0 < pixels < PLAIN for pixels in gaps.values()), "not plain to see"
    (noun,) = [noun for noun, pixels in gaps.items() if pixels >= PLAIN]
    return name(next(g for g in scene.groups if g.noun == noun)), noun


def exists(scene: Scene, phrase: str) -> tuple[str, str | None]:
    """ "two red balloons": yes where just so many are there; "a balloon": yes for any number."""
    *words, last = phrase.split()
    group = next((g for g in scene.groups if g.noun == SINGULAR[last]), None)
    if group is None:
        return "no", None
    colours = [word for word in words if word in COLOURS]
    numbers = [NUMBERS.index(word) for word in words if word in NUMBERS]
    right = colours in ([], [group.colour]) and numbers in ([], [group.count])
    return ("yes", group.noun) if right else ("no", None)


def meant(words: str, topic: str | None) -> str | None:
    """The noun of "the dogs"; for "it", "they" and "them" the topic."""
    return topic if words in ("it", "they", "them") else SINGULAR[words.removeprefix("the ")]


def name(group: Group) -> str:
    noun = NOUNS[group.noun]
    if group.count > 1:
        return noun.plural
    return ("an " if noun.singular[0] in "aeiou" else "a ") + noun.singular


def listed(scene: Scene) -> str:
    """All groups from left to right, such as "an owl, a cat and two red birds"."""
    order = sorted(scene.groups, key=lambda g: (min(box.x for box in g.boxes), g.noun))
    phrases = []
    for group in order:
        words = " ".join(filter(None, (group.colour, name(group).split()[-1])))
        number = ("an" if words[0] in "aeiou" else "a") if group.count == 1 else None
        phrases.append(f"{number or NUMBERS[group.count]} {words}")
    return " and ".join(filter(None, (", ".join(phrases[:-1]), phrases[-1])))
