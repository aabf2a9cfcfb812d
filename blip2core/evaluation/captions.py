"""Captions: F1 of the things they name, and truth of captions with a given beginning.

Texts are read back into claims with `stickers.captions.parse`.
"""

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from blip2core.evaluation.gallery import Figures, Gallery, generate_texts, mean
from blip2core.models import Generator
from blip2core.stickers.captions import Claim, Meaning, parse
from blip2core.stickers.scene import Group, Scene

Bag = Counter[Hashable]

PROMPTS: tuple[str, ...] = ("there are", "a photo of", "next to")
"""Beginnings of a caption. The first is "there is" where that is grammatical, the last goes on
"the dog there is" with one of the groups."""


def measure_captions(generator: Generator, gallery: Gallery) -> Figures:
    """Measure greedy captions written from no beginning (noun F1, group F1, place) and from one
    (prompted).

    F1 is micro-averaged: hits are summed over all scenes first. A noun that a caption says twice
    is one hit and one mistake. A group is right with its noun, colour and count.
    """
    count = len(gallery.scenes)
    prompts = [generator.spec.template.caption] * count
    texts = generate_texts(generator, gallery.features, range(count), prompts)
    pairs = list(zip(gallery.scenes, map(parse, texts), strict=True))
    return {
        "noun_f1": f1((_nouns(meaning.claims), _nouns(scene.groups)) for scene, meaning in pairs),
        "group_f1": f1((_whole(meaning.claims), _whole(scene.groups)) for scene, meaning in pairs),
        "place_right": mean(meaning.place == scene.place for scene, meaning in pairs),
        "exact": mean(is_exact(meaning, scene) for scene, meaning in pairs),
        "exact_by_groups": {
            str(number): mean(
                is_exact(meaning, scene) for scene, meaning in pairs if len(scene.groups) == number
            )
            for number in sorted({len(scene.groups) for scene in gallery.scenes})
        },
        "prompted": measure_prompted(generator, gallery),
    }


def measure_prompted(generator: Generator, gallery: Gallery) -> Figures:
    """Return the share of true captions that continue each of `PROMPTS`, and their mean."""
    right: dict[str, float] = {}
    for kind in PROMPTS:
        asked = [
            (index, *begun)
            for index, scene in enumerate(gallery.scenes)
            if (begun := caption_beginning(scene, kind)) is not None
        ]
        if not asked:
            continue
        images = [index for index, _, _ in asked]
        prompts = [prompt for _, prompt, _ in asked]
        texts = generate_texts(generator, gallery.features, images, prompts)
        right[kind] = mean(
            is_true(f"{prompt} {text}", gallery.scenes[index], anchor)
            for (index, prompt, anchor), text in zip(asked, texts, strict=True)
        )
    return {"right": mean(right.values()), "by_prompt": right}


def caption_beginning(scene: Scene, kind: str) -> tuple[str, str | None] | None:
    """Return one of `PROMPTS` for a scene and the noun it names;
    None where the scene allows none.
    """
    if kind == "a photo of":
        return kind, None
    if kind == "there are":
        return f"there {_be(scene.groups)}", None
    if len(scene.groups) < 2:
        return None
    anchor = random.Random(f"prompt {scene.seed}").choice(scene.groups)
    others = [group for group in scene.groups if group is not anchor]
    return f"next to {Claim(noun=anchor.noun).phrase()} there {_be(others)}", anchor.noun


def is_true(text: str, scene: Scene, anchor: str | None = None) -> bool:
    """Return whether a caption claims something beside its anchor,
    nothing false and nothing twice.
    """
    meaning = parse(text)
    nouns = [claim.noun for claim in meaning.claims]
    return (
        all(claim.is_true_of(scene) for claim in meaning.claims)
        and meaning.place in (None, scene.place)
        and len(set(nouns)) == len(nouns)
        and bool(set(nouns) - {anchor})
    )


def is_exact(meaning: Meaning, scene: Scene) -> bool:
    """Return whether a caption claims every group, the place, and no more."""
    return meaning.place == scene.place and _whole(meaning.claims) == _whole(scene.groups)


def f1(pairs: Iterable[tuple[Bag, Bag]]) -> float:
    """Return the harmonic mean of precision and recall over (found, true) bags,
    hits summed first.
    """
    hits = total = 0
    for found, true in pairs:
        hits += (found & true).total()
        total += found.total() + true.total()
    return 2 * hits / total


def _nouns(groups: Sequence[Claim] | Sequence[Group]) -> Bag:
    return Counter(group.noun for group in groups)


def _whole(groups: Sequence[Claim] | Sequence[Group]) -> Bag:
    return Counter((group.noun, group.colour, group.count) for group in groups)


def _be(groups: Sequence[Group]) -> str:
    return "is" if sum(group.count for group in groups) == 1 else "are"
