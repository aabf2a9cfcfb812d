"""JSON files with the names of images: of that image alone, or annotations of several."""

import json
from pathlib import Path
from typing import Any

import pytest

from blip2core.intake import NamedFile, preview, read
from blip2core.records import Problem, Told, Unused, WebImage
from tests.intake.making import png, reasons, tarred, texts, zipped

COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "c.png"}, {"id": 2, "file_name": "d.png"}],
    "annotations": [
        {"id": 1, "image_id": 1, "caption": "a cat"},
        {"id": 2, "image_id": 2, "caption": "a dog"},
    ],
}
SIDE = b'{"text": "beside"}'
TURNS = [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]


def source(document: Any, kind: str) -> NamedFile | list[NamedFile]:
    files = {"c.json": json.dumps(document).encode(), "c.png": png(1), "d.png": png(2)}
    if kind == "files":
        return [NamedFile(*file) for file in files.items()]
    return NamedFile(f"a.{kind}", zipped(files) if kind == "zip" else tarred(files.items()))


@pytest.mark.parametrize("kind", ["zip", "tar", "files"])
@pytest.mark.parametrize(
    ("document", "of_c", "of_d"),
    [
        (COCO, ("a cat",), ("a dog",)),
        ([{"image": "d.png", "caption": "a dog"}], (), ("a dog",)),
        ({"c.png": "a cat", "d.png": ["a dog", "dogs"]}, ("a cat",), ("a dog", "dogs")),
        ({"conversations": TURNS}, ("A cat.",), ()),
        ({"image": "d.png", "conversations": TURNS}, (), ("A cat.",)),
        ([{"file_name": "d.png", "text": "a dog"}], (), ("a dog",)),
        ({"caption": "a cat"}, ("a cat",), ()),
        ({"info": {"caption": "a cat"}}, (), ()),
        ({"info": {"caption": "a cat"}, "text": "cats"}, ("cats",), ()),
    ],
)
def test_annotations_beside_an_image_of_their_name(
    document: Any, of_c: tuple[str, ...], of_d: tuple[str, ...], kind: str
) -> None:
    assert texts(read(source(document, kind))) == {"c.png": of_c, "d.png": of_d}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_the_preview_takes_the_same_files(kind: str) -> None:
    assert [one.table for one in preview(source(COCO, kind))] == ["c.json"]
    assert preview(source({"caption": "a cat"}, kind)) == ()


@pytest.mark.parametrize("kind", ["zip", "tar", "files"])
def test_a_side_file_that_says_nothing_is_told(kind: str) -> None:
    found = list(read(source({"cls": 7, "info": {"caption": "a cat"}}, kind)))
    [unused] = [one for one in found if isinstance(one, Unused)]
    assert unused.name == "c.json" and "without a text" in unused.advice
    assert [one.texts for one in found if isinstance(one, WebImage)] == [(), ()]
    assert not told(read(source({"url": "https://e.org/c.png"}, kind)))
    assert not told(read(source({}, kind)))


def test_a_lonely_json_with_a_text_is_a_text_without_image() -> None:
    files = {"c.png": png(), "x.json": b'{"text": "of nothing"}'}
    for data in (zipped(files), tarred(files.items())):
        [problem] = told(read(NamedFile("a", data)))
        assert isinstance(problem, Problem)
        assert (problem.about, problem.texts) == ("text without image", 1)


QUESTIONS = {
    "questions": [
        {"question_id": 1, "image_id": 1, "question": "What?", "image": "c.png"},
        {"question_id": 2, "image_id": 2, "question": "And?", "image": "d.png"},
    ]
}
ANSWERS = {
    "annotations": [
        {"question_id": 1, "multiple_choice_answer": "a cat", "answers": [{"answer": "a cat"}]},
        {"question_id": 2, "multiple_choice_answer": "a dog", "answers": [{"answer": "a dog"}]},
    ]
}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_annotations_given_beside_the_images_find_them(kind: str, tmp_path: Path) -> None:
    files = {"val/c.png": png(1), "val/d.png": png(2)}
    images: Path | NamedFile = tmp_path / "val"
    if kind == "folder":
        images.mkdir()
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
    else:
        data = zipped(files) if kind == "zip" else tarred(files.items())
        images = NamedFile(f"val.{kind}", data)
    url = {"coco_url": "http://e.org/c.png"}
    coco = COCO | {"images": [one | url for one in COCO["images"]]}
    given = NamedFile("captions.json", json.dumps(coco).encode())
    assert by_base(read([images, given])) == {"c.png": ("a cat",), "d.png": ("a dog",)}
    both = [NamedFile("a.json", json.dumps(ANSWERS).encode())]
    both.append(NamedFile("q.json", json.dumps(QUESTIONS).encode()))
    assert by_base(read([*both, images])) == {"c.png": ("What? a cat",), "d.png": ("And? a dog",)}
    odd = [NamedFile("x.json", b"{}"), NamedFile("e.png", png(3)), NamedFile("e.json", SIDE)]
    found = list(read([*odd, images]))
    assert reasons(found).keys() == {"x.json"}
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("beside",), (), ()]


def test_an_image_that_is_neither_here_nor_fetched_tells_what_to_give() -> None:
    url = {"coco_url": "http://e.org/c.png"}
    coco = COCO | {"images": [one | url for one in COCO["images"]]}
    found = reasons(read(NamedFile("c.json", json.dumps(coco).encode())))
    assert list(found) == ["c.json, entry 1: c.png", "c.json, entry 2: d.png"]
    assert all("--root" in reason and "downloads are off" in reason for reason in found.values())


def by_base(found: Any) -> dict[str, tuple[str, ...]]:
    return {name.rpartition("/")[2]: several for name, several in texts(found).items()}


def told(found: Any) -> list[Told]:
    return [one for one in found if not isinstance(one, WebImage)]
