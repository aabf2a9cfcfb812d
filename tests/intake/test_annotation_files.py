"""Annotation files of the field, alone and among their images: in a folder, in a zip, loose."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from blip2core.intake import NamedFile, preview, read
from blip2core.records import Problem, Unused, WebImage
from tests.formats.test_coco import DOCUMENT as COCO
from tests.formats.test_vqa import ANSWERS, QUESTIONS
from tests.intake.making import png, reasons, tarred, texts, zipped

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
    "label studio, JSON_MIN": (
        [
            {
                "image": "/data/local-files/?d=images/dog.png",
                "id": 1,
                "caption": {"text": ["a dog", "dogs"]},
                "note": "sharp",
                "annotator": 1,
                "annotation_id": 2,
                "lead_time": 3.5,
            }
        ],
        ("a dog", "dogs"),
    ),
    "rows": (
        [{"file_name": "dog.png", "prompt": "a dog", "Caption EN": "dogs"}],
        ("a dog", "dogs"),
    ),
}


def source(how: str, folder: Path, files: Mapping[str, bytes]) -> Any:
    if how == "zip":
        return NamedFile("all.zip", zipped(files))
    if how == "tar":
        return NamedFile("all.tar", tarred(files.items()))
    if how == "loose":
        return [NamedFile(name.rpartition("/")[2], data) for name, data in files.items()]
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("how", ["folder", "zip", "tar", "loose"])
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


@pytest.mark.parametrize("how", ["folder", "zip", "tar", "loose"])
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
    assert lost.texts == 1, "the question without answer or image"


def test_answers_without_questions_say_what_is_missing() -> None:
    told = reasons(read(NamedFile("answers.json", json.dumps(ANSWERS).encode())))
    assert told == {
        "answers.json": "These are answers to questions that are not here: give the file of "
        "questions beside it."
    }


def test_every_caption_of_a_file_is_accounted_for() -> None:
    found = list(read(NamedFile("captions.json", json.dumps(COCO).encode())))
    assert sum(one.texts for one in found if isinstance(one, Problem)) == 4
    assert [one.name for one in found if isinstance(one, Unused)] == ["captions.json, entry 1"]
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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_in_each_of_its_encodings(encoding: str) -> None:
    data = json.dumps([DOG | {"caption": "ein Hündchen"}], ensure_ascii=False).encode(encoding)
    files = {"images/dog.png": png(), "a.json": data}
    assert texts(read(NamedFile("t.zip", zipped(files)))) == {"images/dog.png": ("ein Hündchen",)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_json_lines_whose_file_is_called_json(encoding: str) -> None:
    lines = [json.dumps(DOG | {"caption": text}) for text in ("a dog", "dogs")]
    data = "\n".join([*lines, "{odd", "[1]"]).encode(encoding)
    files = {"images/dog.png": png(), "a.json": data}
    found = list(read(NamedFile("t.zip", zipped(files))))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == ("a dog", "dogs")
    assert list(reasons(found)) == ["a.json, row 3", "a.json, row 4"]
    [shown] = preview(NamedFile("t.zip", zipped(files)))
    assert [row["caption"].text for row in shown.rows] == ["a dog", "dogs"]


@pytest.mark.parametrize(
    "document",
    [
        {"image": ["images/dog.png", "lost.png"], "caption": ["a dog", "a cat"]},
        {
            "image": {"0": "images/dog.png", "5": "lost.png"},
            "caption": {"0": "a dog", "5": "a cat"},
        },
    ],
)
def test_columns_as_pandas_writes_them(document: object) -> None:
    files = {"images/dog.png": png(), "a.json": json.dumps(document).encode()}
    found = list(read(NamedFile("t.zip", zipped(files))))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == ("a dog",)
    assert list(reasons(found)) == ["a.json, row 2: lost.png"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([{"image_id": 1, "caption": "a dog"}], "its captions have the ids"),
        ({"annotations": [{"image_id": 1, "caption": "a dog"}]}, "its captions have the ids"),
        ({"version": 1, "data": [DOG | {"caption": "a dog"}]}, "its rows stand under `data`"),
        ({"image": ["a.png"], "caption": ["a dog", "more"]}, "no known format"),
    ],
)
def test_json_that_cannot_be_read_says_what_to_do(document: object, said: str) -> None:
    file = NamedFile("a.json", json.dumps(document).encode())
    [problem] = read(file)
    assert isinstance(problem, Problem) and said in problem.reason
    [shown] = preview(file)
    assert said in shown.problem


def test_a_token_file_of_flickr(tmp_path: Path) -> None:
    lines = 'dog.png#0\tTwo "men" and a dog .\ndog.png#1\tA dog .\nodd\n'
    source("folder", tmp_path, {"images/dog.png": png(), "results.token": lines.encode()})
    found = list(read(tmp_path))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == ('Two "men" and a dog .', "A dog .")
    assert list(reasons(found)) == ["results.token, line 3"]


@pytest.mark.parametrize("name", ["llava", "lavis vqa", "label studio", "label studio, JSON_MIN"])
def test_an_entry_in_each_line(name: str) -> None:
    [entry], expected = DOCUMENTS[name]
    line = json.dumps(entry).encode()
    files = {"images/dog.png": png(), "all.jsonl": b"\n" + line + b"\n{odd\n[1]\n" + line + b"\n"}
    found = list(read(NamedFile("all.zip", zipped(files))))
    [image] = [one for one in found if isinstance(one, WebImage)]
    assert image.texts == expected and image.duplicates == len(expected)
    assert set(reasons(found)) >= {"all.jsonl, row 3", "all.jsonl, row 4"}


def test_json_of_no_known_format_is_told_as_such() -> None:
    files = {"1.png": png(), "a.json": b'{"foo": 1}', "b.json": b"{", "1.json": b'{"text": "x"}'}
    found = list(read(NamedFile("t.zip", zipped(files))))
    assert reasons(found) == {
        "a.json": "a.json is JSON of no known format; docs/formats.md lists them.",
        "b.json": "b.json is not JSON, or is cut off.",
    }


def test_the_captions_of_flickr8k_in_a_txt() -> None:
    table = b'image,caption\n1.png,A child .\n1.png,"A girl, too ."\n'
    tokens = b"2.png#0\tA dog .\n2.png#1\tTwo dogs .\n"
    beside = b"image,caption\n"  # a caption like any other
    files = {"Images/1.png": png(1), "captions.txt": table, "Flickr8k.token.txt": tokens}
    files |= {"Images/2.png": png(2), "Images/2.txt": beside}
    for source in (zipped(files), tarred(files.items())):
        assert texts(read(NamedFile("flickr", source))) == {
            "Images/1.png": ("A child .", "A girl, too ."),
            "Images/2.png": ("image,caption", "A dog .", "Two dogs ."),
        }


def test_the_folder_of_a_concept_is_the_text_of_an_image_that_has_none() -> None:
    files = {"10_shiba dog/1.png": png(1), "10_shiba dog/2.png": png(2), "2024_sea/3.png": png(3)}
    files |= {"10_000/4.png": png(4), "5_2 dogs/5.png": png(5)}
    files |= {"10_shiba dog/2.txt": b"a photo of sks dog"}
    found = list(read(NamedFile("t.zip", zipped(files))))
    told = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    assert told == {
        "10_shiba dog/1.png": ("shiba dog",),
        "10_shiba dog/2.png": ("a photo of sks dog",),
        "2024_sea/3.png": (),
        "10_000/4.png": (),
        "5_2 dogs/5.png": ("2 dogs",),
    }
    [first] = [one for one in found if isinstance(one, WebImage) and one.name.endswith("1.png")]
    assert first.origins["shiba dog"].place == "folder"


def test_texts_whose_entry_names_no_image_are_without_one_and_no_image_is_refused() -> None:
    coco = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "annotations": [
            {"image_id": 1, "caption": "a dog"},
            {"image_id": 77, "caption": "a cat"},
            {"image_id": 77, "caption": "cats"},
        ],
    }
    said = [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "A text alone."}]
    talk = [{"id": "x", "conversations": said}, {"id": "y", "conversations": said[:1]}]
    files = {"1.png": png(), "c.json": json.dumps(coco).encode()}
    files["talk.json"] = json.dumps(talk).encode()
    found = list(read(NamedFile("t.zip", zipped(files))))
    told = {one.name: (one.about, one.texts) for one in found if isinstance(one, Problem)}
    assert told == {
        "c.json, entry 2": ("text without image", 2),
        "talk.json, entry 1": ("text without image", 1),
        "talk.json, entry 2": ("text without image", 1),  # a question without an answer
    }
    assert reasons(found)["c.json, entry 2"] == "The file lists no image with the id 77."
    assert reasons(found)["talk.json, entry 1"] == "The entry names no image."


@pytest.mark.parametrize("start", ["/data/upload/1/", "/data/local-files/?d="])
def test_label_studio_escapes_names_of_files(start: str) -> None:
    result = [{"value": {"text": ["a dog"]}}]
    image = {"image": f"{start}my%20dog%20%C3%A4.png"}
    tasks = [{"id": 1, "data": image, "annotations": [{"result": result}]}]
    files = {"my dog \u00e4.png": png(), "t.json": json.dumps(tasks).encode()}
    found = list(read(NamedFile("t.zip", zipped(files))))
    assert texts(found) == {"my dog \u00e4.png": ("a dog",)}
    assert reasons(found) == {}
