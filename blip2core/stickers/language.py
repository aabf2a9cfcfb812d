"""The texts of the sticker world: training passages, descriptions for the language model, and the
noisy texts that stand beside images on the web.

Every text is drawn again each time from a scene and a random state; nothing is stored.
"""

import random
from dataclasses import dataclass

from blip2core.records import Passage, Segment
from blip2core.stickers.captions import (
    CHANGES,
    FORMS,
    SceneCaption,
    beside_caption,
    draw_reading,
    full_caption,
    partial_caption,
    read_cells,
)
from blip2core.stickers.questions import KINDS, Question, ask, dialogue
from blip2core.stickers.scene import Scene, draw_scene
from blip2core.stickers.words import NOUNS

END = "\n"
"""Ends a caption or an answer; also stands between the turns of a dialogue."""

_KIND_WEIGHTS = {
    "what": 2,
    "how many": 3,
    "what colour": 1.5,
    "where": 0.7,
    "is there": 5,
    "spatial": 6,
    "size": 1.2,
    "list": 1,
}
"""Questions that need several cells to be compared are asked more often: they are learned last."""


def passage(scene: Scene, rng: random.Random) -> Passage:
    """Draw a caption, a chain of questions or a dialogue about a scene."""
    draw = rng.random()
    if draw < 0.25:
        return caption_passage(scene, rng)
    if draw < 0.75:
        return talk(question_chain(scene, rng, rng.randint(1, 4)))
    return talk(dialogue(scene, rng, rng.randint(2, 4)))


def probe_passage(scene: Scene, rng: random.Random) -> Passage:
    """Draw practice in reading a description, for language-model pre-training only.

    Either what single cells hold ("in b2: small red car"), or in which cells a noun is
    ("the car: b2 b3", "the dog: nothing").
    """
    rows = _cell_probes(scene, rng) if rng.random() < 0.4 else _noun_probes(scene, rng)
    segments = []
    for asked, told in rows:
        segments.append(Segment(text=f"{asked}:", target=False))
        segments.append(Segment(text=f" {told}{END}", target=True))
    return tuple(segments)


def _cell_probes(scene: Scene, rng: random.Random) -> list[tuple[str, str]]:
    return [(f"in {name}", words) for name, words in draw_reading(scene, rng).cells]


def _noun_probes(scene: Scene, rng: random.Random) -> list[tuple[str, str]]:
    present = [group.noun for group in scene.groups]
    absent = [noun for noun in NOUNS if noun not in present]
    chosen = rng.sample(present, min(2, len(present))) + rng.sample(absent, 2)
    rng.shuffle(chosen)
    cells = description(scene)
    found = {noun: [name for name, *words, _ in cells if noun in words] for noun in chosen}
    return [(f"the {noun}", " ".join(found[noun]) or "nothing") for noun in chosen]


def page(scene: Scene, rng: random.Random, *, probes: float, words: int = 34) -> Passage:
    """Return passages about one scene, one after another, until there are `words` words.

    `probes` is the share of `probe_passage` among them.
    """
    segments: list[Segment] = []
    length = 0
    while length < words:
        drawn = (probe_passage if rng.random() < probes else passage)(scene, rng)
        segments += drawn
        length += sum(len(segment.text.split()) for segment in drawn)
    return tuple(segments)


def caption_passage(scene: Scene, rng: random.Random) -> Passage:
    """Draw a caption of the whole scene; one in five says what is next to one of its groups."""
    beside = beside_caption(scene, rng) if rng.random() < 0.2 else None
    caption = beside or full_caption(scene, rng)
    return (Segment(text=caption.text + END, target=True),)


def question_chain(scene: Scene, rng: random.Random, number: int) -> tuple[Question, ...]:
    """Draw up to `number` questions that do not refer to one another."""
    kinds = rng.choices(list(_KIND_WEIGHTS), list(_KIND_WEIGHTS.values()), k=number)
    asked = [question for kind in kinds if (question := ask(scene, rng, kind)) is not None]
    return tuple(asked) or tuple(filter(None, [ask(scene, rng, "is there")]))


def talk(questions: tuple[Question, ...]) -> Passage:
    """Return question and answer in turn; only the answers are targets."""
    segments = []
    for question in questions:
        segments.append(Segment(text=f"Question: {question.text} Answer:", target=False))
        segments.append(Segment(text=f" {question.answer}{END}", target=True))
    return tuple(segments)


def description(scene: Scene, *, counted: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return the scene in words, GRID * GRID tuples: the words of a cell between its name and the
    place.

    The small language model is pre-trained on these, as a reader of images it never saw.
    """
    return tuple((name, *words, scene.place) for name, words in read_cells(scene, counted=counted))


def vocabulary_texts(count: int, seed: int = 0) -> list[str]:
    """Return texts that contain every word of the world, for training the tokenizers."""
    texts = []
    for index in range(count):
        scene, rng = draw_scene(index, held_out=index % 2 == 1), random.Random(f"{seed} {index}")
        texts.append("".join(segment.text for segment in passage(scene, rng)))
        texts.append(" ".join(word for cell in description(scene) for word in cell))
        texts.append(web_text(scene, rng).text)
    for noun in NOUNS.values():
        texts += [f"how many {noun.plural} are there?", f"a {noun.singular} or an {noun.singular}"]
    return texts


WEB_KINDS: tuple[str, ...] = (
    "right",
    "wordy",
    "wrong object",
    "wrong count or colour",
    "unrelated",
    "empty",
)
_WEB_WEIGHTS = (0.28, 0.16, 0.18, 0.16, 0.14, 0.08)
_BRANDS = ("PixMart", "SnapBay", "Stickerly", "ShopZilla", "CutePics", "FotoHub")
_JUNK = (
    "{text} | {brand}",
    "IMG_{number}.jpg {text}",
    "{brand} - {text} - free shipping",
    "{text} stock photo #{number} {brand}",
    "buy now! {text} (pack of {number})",
    "{text} best wallpaper hd {number}x{number}",
)
_UNRELATED = (
    "click here to see more",
    "image not found",
    "our summer sale ends on sunday",
    "DSC_{number}.JPG",
    "terms and conditions apply",
    "home about contact login",
    "{brand} logo banner {number}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebText:
    """A text as the web has it, and which kind of noise it is."""

    text: str
    kind: str
    """One of `WEB_KINDS`."""

    @property
    def right(self) -> bool:
        """True where the text, junk aside, is true of its image."""
        return self.kind in ("right", "wordy")


def web_text(scene: Scene, rng: random.Random, kind: str | None = None) -> WebText:
    """Draw the noisy text of a scene, of the given kind or of a random one."""
    kind = kind or rng.choices(WEB_KINDS, _WEB_WEIGHTS)[0]
    if kind == "empty":
        return WebText(text=rng.choice(("", " ", "\n")), kind=kind)
    if kind == "unrelated":
        return WebText(text=_unrelated(rng), kind=kind)
    caption = full_caption(scene, rng) if rng.random() < 0.7 else partial_caption(scene, rng)
    if kind == "wrong object":
        caption = _changed(caption, scene, rng, ("noun",))
    elif kind == "wrong count or colour":
        caption = _changed(caption, scene, rng, ("count", "colour"))
    text = caption.text
    if kind == "wordy":
        text = in_junk(text, rng)
    return WebText(text=text, kind=kind)


def in_junk(text: str, rng: random.Random) -> str:
    """Put words of shops or file names around a text; they make it neither truer nor falser."""
    return _filled(rng.choice(_JUNK), rng, text)


def furniture(rng: random.Random) -> str:
    """Draw a web text that says nothing about any image, such as a menu entry."""
    return _filled(rng.choice(_UNRELATED), rng, "")


def _unrelated(rng: random.Random) -> str:
    """Draw a web text about no image, or the caption of quite another image."""
    if rng.random() < 0.5:
        return furniture(rng)
    other = draw_scene(rng.randrange(90_000_000, 99_000_000))
    return full_caption(other, rng).text


def _filled(form: str, rng: random.Random, text: str) -> str:
    return form.format(text=text, brand=rng.choice(_BRANDS), number=rng.randint(2, 9999))


def _changed(
    caption: SceneCaption, scene: Scene, rng: random.Random, kinds: tuple[str, ...]
) -> SceneCaption:
    for kind in rng.sample(kinds, len(kinds)):
        changed = caption.changed(scene, rng, kind, held_out=True)
        if changed is not None:
            return changed
    raise AssertionError("every claim has a noun and a count that can be changed")


__all__ = [
    "CHANGES",
    "FORMS",
    "KINDS",
    "WEB_KINDS",
    "WebText",
    "caption_passage",
    "description",
    "page",
    "passage",
    "probe_passage",
    "question_chain",
    "talk",
    "vocabulary_texts",
    "web_text",
]
