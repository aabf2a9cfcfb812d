"""Sample images with their truth, and a small noisy "web" set, as files.

    python -m blip2core.stickers.samples data/samples

writes the same files each time. Painting them needs the emoji font; reading them does not.
"""

import csv
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path

from blip2core.stickers.captions import Claim, full_caption
from blip2core.stickers.language import web_text
from blip2core.stickers.paint import paint
from blip2core.stickers.questions import dialogue, follow_up
from blip2core.stickers.scene import SPLITS, Group, Scene, draw_scene
from blip2core.stickers.words import NOUNS, PLACES

Dialogue = tuple[tuple[str, str], ...]
"""Questions and their right answers."""

WEB_IMAGES = 200
_FIRST_SEED = SPLITS["test"].stop - 1_000_000
_TURNS = 4
_NEAR = 21
"""Most pixels between the heights of two stickers that seem to stand side by side."""
_ANIMAL, _LEFT, _COLOUR = "What animal is there?", "What is to its left?", "What colour is it?"


def write_samples(folder: Path) -> None:
    """Fill `folder` with images, manifest and web set; `data/samples/README.md` explains them.

    Raises FontError where the emoji font is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for file, scene, talk in _choose():
        paint(scene).save(folder / file, optimize=True)
        caption = full_caption(scene, _rng(scene)).text
        truth = {"place": scene.place, "groups": [asdict(group) for group in scene.groups]}
        rows.append(
            {
                "file": file,
                "seed": scene.seed,
                "caption": caption,
                "truth": truth,
                "dialogue": talk,
            }
        )
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "manifest.jsonl").write_text(lines, encoding="utf-8")
    _write_web(folder / "web")


def _write_web(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "web.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "text", "kind", "truth"))
        for number, seed in enumerate(SPLITS["web"][:WEB_IMAGES], start=1):
            scene = draw_scene(seed)
            text = web_text(scene, _rng(scene))
            name = f"{number:03d}.jpg"
            paint(scene).save(folder / name, quality=90, subsampling=0)
            table.writerow((name, text.text, text.kind, full_caption(scene, _rng(scene)).text))


def _choose() -> Iterator[tuple[str, Scene, Dialogue]]:
    """Yield three scenes of each place: one for the three questions, a simple and a full one."""
    seeds = count(_FIRST_SEED)
    for number, place in enumerate(PLACES):
        searches = (_side_by_side, _simple, _full if number % 2 else _three)
        for order, search in enumerate(searches, start=1):
            scene, talk = next(
                (scene, talk)
                for seed in seeds
                if (scene := draw_scene(seed)).place == place
                and (talk := search(scene)) is not None
            )
            yield f"{place}-{order}.png", scene, talk


def _side_by_side(scene: Scene) -> Dialogue | None:
    """Return the three questions for a scene with one animal and one coloured sticker left of
    it.
    """
    animals = [group for group in scene.groups if NOUNS[group.noun].category == "animal"]
    if [group.count for group in animals] != [1]:
        return None
    animal = animals[0]
    others = [group for group in scene.groups if group is not animal]
    if any(group.is_left_of(animal) is None for group in others):
        return None
    left = [group for group in others if group.is_left_of(animal)]
    if len(left) != 1 or left[0].count != 1 or left[0].colour is None:
        return None
    if abs(left[0].boxes[0].y - animal.boxes[0].y) > _NEAR:
        return None
    talk = ((_ANIMAL, _a(animal)), (_LEFT, _a(left[0])), (_COLOUR, left[0].colour))
    more = follow_up(scene, _rng(scene), left[0].noun)
    if more is None or _sentence(more.text) in dict(talk):
        return None
    return (*talk, (_sentence(more.text), more.answer))


def _simple(scene: Scene) -> Dialogue | None:
    return _talk(scene) if len(scene.groups) <= 2 else None


def _three(scene: Scene) -> Dialogue | None:
    several = any(group.count > 1 for group in scene.groups)
    return _talk(scene) if len(scene.groups) == 3 and several else None


def _full(scene: Scene) -> Dialogue | None:
    return _talk(scene) if len(scene.groups) == 4 else None


def _talk(scene: Scene) -> Dialogue | None:
    """Return a dialogue of full length that asks nothing twice, where something is coloured."""
    if all(group.colour is None for group in scene.groups):
        return None
    questions = dialogue(scene, _rng(scene), _TURNS)
    if len({(question.kind, question.topic) for question in questions}) < _TURNS:
        return None
    return tuple((_sentence(question.text), question.answer) for question in questions)


def _a(group: Group) -> str:
    return Claim(noun=group.noun, count=1).phrase()


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _rng(scene: Scene) -> random.Random:
    return random.Random(f"sample {scene.seed}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m blip2core.stickers.samples FOLDER")
    write_samples(Path(sys.argv[1]))
