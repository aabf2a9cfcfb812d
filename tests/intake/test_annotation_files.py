"""Annotation files of the field, alone and among their images: in a folder, in a zip, loose."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from blip2core.intake import NamedFile, read
from blip2core.records import Problem, WebImage
from tests.formats.test_coco import DOCUMENT as COCO
from tests.formats.test_vqa import ANSWERS, QUESTIONS
from tests.intake.making import png, reasons, zipped

DOG = {"image": "images/dog.png"}
DOCUMENTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "coco": (
        {
            "images": [{"id": 1, "file_name": "dog.png"}],
            "annotations": [{"id": 7, "image_id": 1, "caption": "a dog"}],
        },
        ("a dog",),
    ),
    "karpathy": (
        {"images": [{"filename": "dog.png", "split": "val", "sentences": [{"raw": "a dog"}]}]},
        ("a dog",),
    ),
    "lavis": ([DOG | {"caption": ["a dog", "the dog"]}], ("a dog", "the dog")),
    "lavis vqa": ([DOG | {"question": "What?", "answer": ["a dog"]}], ("What? a dog",)),
    "llava": (
        [
            DOG
            | {
                "conversations": [
                    {"from": "human", "value": "<image>\nWhat?"},
                    {"from": "gpt", "value": "A dog."},
                ]
            }
        ],
        ("A dog.",),
    ),
    "label studio": (
        [
            {
                "id": 1,
                "data": {"image": "/data/upload/1/dog.png"},
                "annotations": [{"result": [{"value": {"text": ["a dog"]}}]}],
            }
        ],
        ("a dog",),
    ),
    "rows": (
        [{"file_name": "dog.png", "prompt": "a dog", "Caption EN": "dogs"}],
        ("a dog", "dogs"),
    ),
}


def source(how: str, folder: Path, files: Mapping[str, bytes]) -> Any:
    if how == "zip":
        return NamedFile("all.zip", zipped(files))
    if how == "loose":
        return [NamedFile(name.rpartition("/")[2], data) for name, data in files.items()]
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("how", ["folder", "zip", "loose"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_file_among_its_images(name: str, how: str, tmp_path: Path) -> None:
    document, expected = DOCUMENTS[name]
    files = {"images/dog.png": png(), "annotations/all.json": json.dumps(document).encode()}
    found = list(read(source(how, tmp_path, files)))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == expected
    told = [one for one in found if isinstance(one, Problem) and one.about != "note"]
    assert not told, told


def test_a_file_alone_finds_its_images(tmp_path: Path) -> None:
    source(
        "folder", tmp_path, {"dog.png": png(), "a.json": json.dumps(DOCUMENTS["coco"][0]).encode()}
    )
    [image] = [one for one in read(tmp_path / "a.json") if isinstance(one, WebImage)]
    assert image.texts == ("a dog",)
    assert image.origins["a dog"].data == {"id": 7}


@pytest.mark.parametrize("how", ["folder", "zip", "loose"])
def test_questions_and_answers_are_joined(how: str, tmp_path: Path) -> None:
    files = {
        "COCO_val2014_000000262148.jpg": png(1),
        "a_annotations.json": json.dumps(ANSWERS).encode(),
        "b_questions.json": json.dumps(QUESTIONS).encode(),
    }
    found = list(read(source(how, tmp_path, files)))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == ("Where is he looking? down",)
    [lost] = [one for one in found if isinstance(one, Problem)]
    assert lost.texts == 1, "the question whose image is not there"


def test_answers_without_questions_say_what_is_missing() -> None:
    told = reasons(read(NamedFile("answers.json", json.dumps(ANSWERS).encode())))
    assert told == {
        "answers.json": "These are answers to questions that are not here: give the file of "
        "questions beside it."
    }


def test_every_caption_of_a_file_is_accounted_for() -> None:
    found = list(read(NamedFile("captions.json", json.dumps(COCO).encode())))
    assert sum(one.texts for one in found if isinstance(one, Problem)) == 4
    assert not [one for one in found if isinstance(one, WebImage)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "is not JSON, or is cut off"),
        (b"\xff{}", "is not UTF-8"),
        (b"[" * 100_000, "is not JSON, or is cut off"),
        (b'{"a": 1}', "JSON of no known format"),
        (b"[1, 2]", "JSON of no known format"),
        (b"[]", "JSON of no known format"),
        (b'[{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]', "JSON of no known format"),
        (b"", "The file is empty."),
    ],
)
def test_what_is_no_annotation_file_says_so(data: bytes, said: str) -> None:
    [problem] = read(NamedFile("a.json", data))
    assert isinstance(problem, Problem) and said in problem.reason
    assert problem.about == "source"


def test_a_token_file_of_flickr(tmp_path: Path) -> None:
    lines = 'dog.png#0\tTwo "men" and a dog .\ndog.png#1\tA dog .\nodd\n'
    source("folder", tmp_path, {"images/dog.png": png(), "results.token": lines.encode()})
    found = list(read(tmp_path))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == ('Two "men" and a dog .', "A dog .")
    assert list(reasons(found)) == ["results.token, line 3"]
