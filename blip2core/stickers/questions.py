"""Questions with exact answers, and dialogues whose later turns say "it" and "them"."""

import random
from dataclasses import dataclass

from blip2core.stickers.captions import Claim, claim_of, join, left_to_right, noun_of
from blip2core.stickers.scene import Group, Scene, is_held_out
from blip2core.stickers.words import CATEGORIES, COLOURS, NOUNS, NUMBERS, PLACES

KINDS: tuple[str, ...] = (
    "what",
    "how many",
    "what colour",
    "where",
    "is there",
    "spatial",
    "size",
)
"""Kinds of question that `ask` can draw; "list" ("what is in the picture?") is an extra one."""

DIRECTIONS: tuple[str, ...] = ("left", "right", "above", "below")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about a scene."""

    kind: str
    text: str
    answer: str
    topic: str | None
    """Noun of the group that a pronoun in the next question would mean; None where unclear."""


def ask(scene: Scene, rng: random.Random, kind: str) -> Question | None:
    """Draw a question of one of `KINDS` or "list"; None where the scene allows none."""
    return _ASKERS[kind](scene, rng)


def follow_up(scene: Scene, rng: random.Random, topic: str) -> Question | None:
    """Draw a question that calls the group of the noun `topic` "it" or "them"."""
    group = scene.group(topic)
    if group is None:
        return None
    kind = rng.choice(("colour", "count", "size", "spatial", "spatial", "where"))
    return _FOLLOW_UPS[kind](scene, group, rng)


def dialogue(scene: Scene, rng: random.Random, turns: int) -> tuple[Question, ...]:
    """Draw `turns` questions (fewer where the scene gives no more); from the second on with
    pronouns.
    """
    first = None
    while first is None or first.topic is None:
        first = ask(scene, rng, rng.choice(("what", "how many", "is there", "spatial", "size")))
    asked = [first]
    for _ in range(20):
        topic = asked[-1].topic
        if len(asked) == turns or topic is None:
            break
        question = follow_up(scene, rng, topic)
        if question is not None and all(question.text != other.text for other in asked):
            asked.append(question)
    return tuple(asked)


def long_dialogue(scene: Scene, rng: random.Random, turns: int) -> tuple[Question, ...]:
    """Draw `turns` questions of all kinds, as somebody asks who goes on about one image.

    Three in five follow up on the turn before with a pronoun, where that named something. A
    question may come again, though not within four turns.
    """
    asked: list[Question] = []
    while len(asked) < turns:
        topic = asked[-1].topic if asked else None
        question = follow_up(scene, rng, topic) if topic and rng.random() < 0.6 else None
        question = question or ask(scene, rng, rng.choice((*KINDS, "list")))
        if question and all(question.text != other.text for other in asked[-4:]):
            asked.append(question)
    return tuple(asked)


def _named(group: Group) -> str:
    """Return how an answer names a group: "a dog", or "dogs" where there are several."""
    return (
        Claim(noun=group.noun, count=1).phrase() if group.count == 1 else NOUNS[group.noun].plural
    )


def _the(group: Group) -> str:
    noun = NOUNS[group.noun]
    return f"the {noun.singular if group.count == 1 else noun.plural}"


def _is(group: Group) -> str:
    return "is" if group.count == 1 else "are"


def _what(scene: Scene, rng: random.Random) -> Question | None:
    found: dict[str, list[Group]] = {category: [] for category in CATEGORIES}
    for group in scene.groups:
        found[NOUNS[group.noun].category].append(group)
    single = [groups[0] for groups in found.values() if len(groups) == 1]
    if not single:
        return None
    group = rng.choice(single)
    category = NOUNS[group.noun].category
    text = rng.choice(
        (
            f"what {category} is there?",
            f"what {category} is there?",
            f"what {category} is in the picture?",
            f"which {category} do you see?",
            f"what {category} can you see?",
            f"what {category} is this?",
        )
    )
    return Question(kind="what", text=text, answer=_named(group), topic=group.noun)


def _list(scene: Scene, rng: random.Random) -> Question | None:
    text = rng.choice(
        ("what is in the picture?", "what is there?", "what do you see?", "what can you see?")
    )
    answer = join([claim_of(group).phrase() for group in left_to_right(scene)])
    topic = scene.groups[0].noun if len(scene.groups) == 1 else None
    return Question(kind="list", text=text, answer=answer, topic=topic)


def _how_many(scene: Scene, rng: random.Random) -> Question | None:
    if rng.random() < 0.12:
        noun = rng.choice([noun for noun in NOUNS if scene.group(noun) is None])
        answer, topic = "none", None
    else:
        group = rng.choice(scene.groups)
        noun, answer, topic = group.noun, NUMBERS[group.count], group.noun
    plural = NOUNS[noun].plural
    text = rng.choice(
        (
            f"how many {plural} are there?",
            f"how many {plural} are there?",
            f"how many {plural} do you see?",
            f"how many {plural} are in the picture?",
        )
    )
    return Question(kind="how many", text=text, answer=answer, topic=topic)


def _colour_of(group: Group) -> str:
    return group.colour or NOUNS[group.noun].natural_colour or ""


def _colour(scene: Scene, rng: random.Random) -> Question | None:
    tinted = [group for group in scene.groups if group.colour is not None]
    pool = tinted if tinted and rng.random() < 0.8 else list(scene.groups)
    group = rng.choice(pool)
    word = rng.choice(("colour", "colour", "color"))
    text = f"what {word} {_is(group)} {_the(group)}?"
    return Question(kind="what colour", text=text, answer=_colour_of(group), topic=group.noun)


def _where(scene: Scene, rng: random.Random) -> Question | None:
    text = rng.choice(
        (
            "where is this?",
            "where are we?",
            "where was this picture taken?",
            "what place is this?",
            f"where {_is(scene.groups[0])} {_the(scene.groups[0])}?",
        )
    )
    return Question(kind="where", text=text, answer=PLACES[scene.place], topic=None)


def _is_there(scene: Scene, rng: random.Random) -> Question | None:
    group = rng.choice(scene.groups)
    tinted = group.colour is not None and rng.random() < 0.6
    claim = Claim(noun=group.noun, count=group.count, colour=group.colour if tinted else None)
    if rng.random() < 0.2:
        claim = Claim(noun=group.noun, count=1, colour=claim.colour)
    answer = "yes"
    topic: str | None = group.noun
    if rng.random() < 0.5:
        claim, answer, topic = _false_claim(scene, claim, rng), "no", None
    phrase = claim.phrase()
    be = "is" if claim.count == 1 else "are"
    text = rng.choice((f"{be} there {phrase}?", f"{be} there {phrase}?", f"do you see {phrase}?"))
    # "is there a dog?" is also true of two dogs: one claimed means at least one.
    return Question(kind="is there", text=text, answer=answer, topic=topic)


def _false_claim(scene: Scene, claim: Claim, rng: random.Random) -> Claim:
    """Return the claim with an absent noun, another colour, or another count from two up."""
    kinds = ["noun", "noun"]
    if claim.colour is not None:
        kinds += ["colour"] * 2
    if claim.count is not None and claim.count > 1:
        kinds.append("count")
    kind = rng.choice(kinds)
    if kind == "colour":
        colours = [
            colour
            for colour in COLOURS
            if colour != claim.colour and not is_held_out(claim.noun, colour)
        ]
        return Claim(noun=claim.noun, count=claim.count, colour=rng.choice(colours))
    if kind == "count":
        group = scene.group(claim.noun)
        others = [n for n in (2, 3, 4) if group is not None and n != group.count]
        return Claim(noun=claim.noun, count=rng.choice(others), colour=claim.colour)
    coloured = claim.colour is not None
    nouns = [
        noun
        for noun, entry in NOUNS.items()
        if scene.group(noun) is None
        and (entry.coloured or not coloured)
        and (claim.colour is None or not is_held_out(noun, claim.colour))
    ]
    return Claim(noun=rng.choice(nouns), count=claim.count, colour=claim.colour)


def _related(scene: Scene, group: Group, direction: str) -> Group | None:
    """Return the one group that plainly stands in the relation, where no other is in doubt."""
    found = []
    for other in scene.groups:
        if other is group:
            continue
        holds = _holds(other, group, direction)
        if holds is None:
            return None
        if holds:
            found.append(other)
    return found[0] if len(found) == 1 else None


def _holds(other: Group, group: Group, direction: str) -> bool | None:
    """Return whether `other` is left of (right of, above, below) `group`."""
    if direction == "left":
        return other.is_left_of(group)
    if direction == "right":
        return group.is_left_of(other)
    return other.is_above(group) if direction == "above" else group.is_above(other)


def _beside(direction: str) -> str:
    return f"to the {direction} of" if direction in ("left", "right") else direction


def _spatial(scene: Scene, rng: random.Random) -> Question | None:
    if len(scene.groups) < 2:
        return None
    if rng.random() < 0.3:
        return _spatial_check(scene, rng)
    for _ in range(6):
        group, direction = rng.choice(scene.groups), rng.choice(DIRECTIONS)
        other = _related(scene, group, direction)
        if other is not None:
            return Question(
                kind="spatial",
                text=f"what is {_beside(direction)} {_the(group)}?",
                answer=_named(other),
                topic=other.noun,
            )
    return None


def _spatial_check(scene: Scene, rng: random.Random) -> Question | None:
    """Draw "is the dog to the left of the cat?" The opposite must be as plain for a "no"."""
    first, second = rng.sample(scene.groups, 2)
    direction = rng.choice(DIRECTIONS)
    answer = "yes" if _holds(first, second, direction) else "no"
    if answer == "no" and not _holds(second, first, direction):
        return None
    text = f"{_is(first)} {_the(first)} {_beside(direction)} {_the(second)}?"
    return Question(kind="spatial", text=text, answer=answer, topic=first.noun)


def _size(scene: Scene, rng: random.Random) -> Question | None:
    group = rng.choice(scene.groups)
    text = rng.choice(
        (
            f"how big {_is(group)} {_the(group)}?",
            f"{_is(group)} {_the(group)} big or small?",
            f"what size {_is(group)} {_the(group)}?",
        )
    )
    return Question(kind="size", text=text, answer=group.size, topic=group.noun)


def _it(group: Group) -> str:
    return "it" if group.count == 1 else "they"


def _follow_colour(scene: Scene, group: Group, rng: random.Random) -> Question | None:
    word = rng.choice(("colour", "colour", "color"))
    text = f"what {word} {_is(group)} {_it(group)}?"
    return Question(kind="what colour", text=text, answer=_colour_of(group), topic=group.noun)


def _follow_count(scene: Scene, group: Group, rng: random.Random) -> Question | None:
    text = rng.choice(("how many are there?", "how many of them are there?"))
    return Question(kind="how many", text=text, answer=NUMBERS[group.count], topic=group.noun)


def _follow_size(scene: Scene, group: Group, rng: random.Random) -> Question | None:
    text = rng.choice(
        (f"how big {_is(group)} {_it(group)}?", f"{_is(group)} {_it(group)} big or small?")
    )
    return Question(kind="size", text=text, answer=group.size, topic=group.noun)


def _follow_where(scene: Scene, group: Group, rng: random.Random) -> Question | None:
    text = f"where {_is(group)} {_it(group)}?"
    return Question(kind="where", text=text, answer=PLACES[scene.place], topic=group.noun)


def _follow_spatial(scene: Scene, group: Group, rng: random.Random) -> Question | None:
    direction = rng.choice(DIRECTIONS)
    other = _related(scene, group, direction)
    if other is None:
        return None
    its, them = ("its", "it") if group.count == 1 else ("their", "them")
    if direction in ("left", "right"):
        text = rng.choice(
            (f"what is to {its} {direction}?", f"what is to the {direction} of {them}?")
        )
    else:
        text = f"what is {direction} {them}?"
    return Question(kind="spatial", text=text, answer=_named(other), topic=other.noun)


_ASKERS = {
    "what": _what,
    "how many": _how_many,
    "what colour": _colour,
    "where": _where,
    "is there": _is_there,
    "spatial": _spatial,
    "size": _size,
    "list": _list,
}
_FOLLOW_UPS = {
    "colour": _follow_colour,
    "count": _follow_count,
    "size": _follow_size,
    "spatial": _follow_spatial,
    "where": _follow_where,
}


def normal_answer(text: str) -> str:
    """Return an answer as it is compared: lower case, no article or full stop, nouns in the
    singular.
    """
    words = text.lower().strip().rstrip(".").split()
    return " ".join(noun_of(word) or word for word in words if word not in ("a", "an", "the"))
