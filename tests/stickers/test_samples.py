"""The sample files say of each image what is true; none of this needs the font."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blip2core.stickers import samples
from blip2core.stickers.captions import parse
from blip2core.stickers.language import WEB_KINDS
from blip2core.stickers.scene import SPLITS, draw_scene
from blip2core.stickers.words import PLACES
from tests.stickers.independent import answer

FOLDER = Path(__file__).parents[2] / "data" / "samples"
FIRST_QUESTIONS = ["What animal is there?", "What is to its left?", "What colour is it?"]


@pytest.fixture(scope="module")
def manifest() -> list[dict[str, Any]]:
    lines = (FOLDER / "manifest.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_web(folder: Path) -> list[dict[str, str]]:
    with (folder / "web" / "web.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_images_are_those_of_the_manifest(manifest: list[dict[str, Any]]) -> None:
    assert {row["file"] for row in manifest} == {path.name for path in FOLDER.glob("*.png")}
    assert len(manifest) == 24
    for row in manifest:
        with Image.open(FOLDER / row["file"]) as image:
            assert (image.mode, image.size) == ("RGB", (112, 112))


def test_all_places_and_numbers_of_groups_occur(manifest: list[dict[str, Any]]) -> None:
    assert {row["truth"]["place"] for row in manifest} == set(PLACES)
    assert {len(row["truth"]["groups"]) for row in manifest} == {1, 2, 3, 4}


def test_images_and_questions_are_drawn_as_they_lie_there(manifest: list[dict[str, Any]]) -> None:
    drawn = [(name, scene.seed, list(talk)) for name, scene, talk in samples._choose()]
    told = [(row["file"], row["seed"], [tuple(one) for one in row["dialogue"]]) for row in manifest]
    assert sorted(drawn) == sorted(told)


def test_truth_is_the_scene_of_the_seed(manifest: list[dict[str, Any]]) -> None:
    for row in manifest:
        assert row["seed"] in SPLITS["test"]
        scene = draw_scene(row["seed"])
        groups = [(group.noun, group.colour, group.count) for group in scene.groups]
        told = [(g["noun"], g["colour"], len(g["boxes"])) for g in row["truth"]["groups"]]
        assert (row["truth"]["place"], told) == (scene.place, groups)
        meaning = parse(row["caption"])
        assert meaning.place == scene.place and len(meaning.claims) == len(groups)
        assert all(claim.is_true_of(scene) for claim in meaning.claims)


def test_dialogues_are_right(manifest: list[dict[str, Any]]) -> None:
    for row in manifest:
        scene, topic = draw_scene(row["seed"]), None
        assert len(row["dialogue"]) >= 3
        for question, said in row["dialogue"]:
            right, topic = answer(scene, question, topic)
            assert said == right, (row["file"], question)


def test_the_first_questions_fit_an_image_of_each_place(manifest: list[dict[str, Any]]) -> None:
    fitting = [row for row in manifest if [q for q, _ in row["dialogue"][:3]] == FIRST_QUESTIONS]
    assert {row["truth"]["place"] for row in fitting} == set(PLACES)


def test_web_set_has_every_kind_of_noise() -> None:
    rows = read_web(FOLDER)
    assert [row["file"] for row in rows] == [f"{number:03d}.jpg" for number in range(1, 201)]
    assert {row["file"] for row in rows} == {path.name for path in (FOLDER / "web").glob("*.jpg")}
    kinds = [row["kind"] for row in rows]
    assert min(kinds.count(kind) for kind in WEB_KINDS) >= 10


def test_web_truth_is_true_and_the_kinds_are_right() -> None:
    for row, seed in zip(read_web(FOLDER), SPLITS["web"], strict=False):
        scene = draw_scene(seed)
        truth, text = parse(row["truth"]), parse(row["text"])
        assert all(claim.is_true_of(scene) for claim in truth.claims)
        assert len(truth.claims) == len(scene.groups) and truth.place == scene.place
        claimed = bool(text.claims) and all(claim.is_true_of(scene) for claim in text.claims)
        right = claimed and text.place in (None, scene.place)
        assert right == (row["kind"] in ("right", "wordy")), row


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 4_000_000


def test_writing_makes_all_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scene = draw_scene(SPLITS["test"].start)
    chosen = [("one.png", scene, (("Where is this?", "in the city"),))]
    monkeypatch.setattr(samples, "_choose", lambda: iter(chosen))
    monkeypatch.setattr(samples, "paint", lambda scene: Image.new("RGB", (112, 112)))
    monkeypatch.setattr(samples, "WEB_IMAGES", 3)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "README.md").write_text("What is here.")
    samples.write_samples(tmp_path / "new")
    assert (tmp_path / "new" / "README.md").read_text() == "What is here."
    row = json.loads((tmp_path / "new" / "manifest.jsonl").read_text("utf-8"))
    assert (row["file"], row["seed"]) == ("one.png", scene.seed)
    assert row["dialogue"] == [["Where is this?", "in the city"]]
    assert read_web(tmp_path / "new") == read_web(FOLDER)[:3]
