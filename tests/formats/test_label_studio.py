"""Label Studio's JSON: annotations and predictions of the captioning template."""

import json
import subprocess
import venv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blip2core.formats import format_of_row
from blip2core.formats.label_studio import LABEL_STUDIO, LABEL_STUDIO_MIN, local_path
from blip2core.intake import NamedFile
from blip2core.intake import read as read_files
from blip2core.intake.entries import Entry
from blip2core.intake.limits import Limits
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, Unused, WebImage
from tests.formats.reading import data, read
from tests.intake.making import png, zipped


def result(*texts: str) -> list[dict[str, object]]:
    value = {"text": list(texts)}
    return [{"from_name": "caption", "to_name": "image", "type": "textarea", "value": value}]


DOCUMENT = [
    {
        "id": 1,
        "data": {"image": "/data/upload/3/a1b2c3-dog.jpg"},
        "annotations": [
            {"id": 10, "completed_by": 1, "was_cancelled": False, "result": result("a dog")},
            {"id": 11, "was_cancelled": True, "result": result("skipped")},
        ],
        "predictions": [
            {"model_version": "blip2", "score": 0.91, "result": result("a big dog", "dogs")}
        ],
    },
    {"id": 2, "data": {"image": "https://example.org/2.jpg"}, "annotations": []},
]


def test_texts_of_annotations_and_predictions() -> None:
    assert read(DOCUMENT, LABEL_STUDIO) == [
        ("a1b2c3-dog.jpg", ["a dog", "a big dog", "dogs"]),
        ("https://example.org/2.jpg", []),
    ]
    kept = data(DOCUMENT, LABEL_STUDIO)
    assert kept[1]["score"] == 0.91 and kept[1]["model_version"] == "blip2"
    places = [origin.place for _, origin in next(LABEL_STUDIO.read(DOCUMENT)).texts]
    assert places == ["annotations: caption", "predictions: caption", "predictions: caption"]


def test_the_image_is_found_under_any_key_and_texts_of_the_task_are_read() -> None:
    document = [
        {
            "id": 3,
            "data": {"ref_id": "7", "captioning": "/data/upload/1/3.jpg", "caption": "from before"},
            "annotations": [{"result": result("a dog")}],
        }
    ]
    assert read(document, LABEL_STUDIO) == [("3.jpg", ["a dog", "from before"])]
    places = [origin.place for _, origin in next(LABEL_STUDIO.read(document)).texts]
    assert places == ["annotations: caption", "data: caption"]


def test_labels_and_what_was_cancelled_are_told_as_not_used() -> None:
    label = {"from_name": "kind", "type": "choices", "value": {"choices": ["indoors"]}}
    annotations = [{"result": [label, *result("a dog")]}, {"was_cancelled": True, "result": []}]
    task = {"id": 1, "data": {"image": "1.jpg"}, "annotations": annotations}
    found = list(read_files(NamedFile("tasks.json", json.dumps([task, task | {"id": 2}]).encode())))
    told = {(one.kind, one.name, one.advice) for one in found if isinstance(one, Unused)}
    assert told == {
        ("row", "tasks.json, entry 1", f"{what}, the first here: no text of an image, so not read")
        for what in ("2 choices results", "2 cancelled annotations")
    }


def test_json_min_has_a_row_for_each_task() -> None:
    row = {"id": 1, "annotator": 1, "annotation_id": 2, "lead_time": 3.5}
    row |= {"captioning": "/data/upload/1/1.jpg", "caption": {"text": ["a dog", "dogs"]}}
    assert read([row], LABEL_STUDIO_MIN) == [("1.jpg", ["a dog", "dogs"])]
    assert data([row], LABEL_STUDIO_MIN)[0]["lead_time"] == 3.5


def not_used(document: Any) -> Counter[str]:
    format = format_of_row(document[0])
    assert format is not None
    return Counter(kind for one in format.read(document) for kind in one.not_used)


def test_what_stands_at_a_region_is_no_caption() -> None:
    box = {"x": 1, "y": 2, "width": 5, "height": 5}
    at_box = [
        {"id": "r", "type": "rectangle", "value": box},
        {"id": "r", "type": "textarea", "from_name": "words", "value": box | {"text": ["STOP"]}},
        {"id": "s", "type": "labels", "value": {"start": 0, "end": 4, "text": "STOP"}},
        {"id": "t", "type": "choices", "value": {"choices": ["good"], "text": ["good"]}},
        {"id": "u", "type": "rating", "value": {"rating": 4}},
        {"id": "v", "type": "choices", "value": {"text": ["no text area"]}},
    ]
    task = {"id": 1, "data": {"image": "1.jpg"}}
    document = [task | {"annotations": [{"result": [*at_box, *result("a street")]}]}]
    assert read(document, LABEL_STUDIO) == [("1.jpg", ["a street"])]
    assert not_used(document) == {"region text": 4, "rectangle result": 1, "rating result": 1}


def test_completions_of_old_versions_are_annotations() -> None:
    given = [{"result": result("a dog")}, {"was_cancelled": True, "result": result("skipped")}]
    document = [{"id": 1, "data": {"image": "1.jpg"}, "completions": given}]
    assert read(document, LABEL_STUDIO) == [("1.jpg", ["a dog"])]
    [(_, origin)] = next(LABEL_STUDIO.read(document)).texts
    assert origin.place == "completions: caption"
    assert not_used(document) == {"cancelled annotation": 1}


def test_drafts_and_other_words_of_a_task_are_told() -> None:
    words = {"ref": "a reference text", "page": "https://e.org/a b", "license": "CC BY 2.0"}
    words |= {"thumbnail": "my dog.jpg", "split": "train"}
    task = {"id": 1, "data": {"image": "1.jpg"} | words, "drafts": [{"result": result("begun")}]}
    assert read([task], LABEL_STUDIO) == [("1.jpg", [])]
    assert not_used([task]) == {"`ref` field": 1, "draft": 1}


def test_json_min_has_choices_in_the_form_of_texts() -> None:
    row = {"image": "1.jpg", "id": 1, "annotator": 1, "annotation_id": 2}
    row |= {"caption": "a dog", "Caption EN": ["dogs", "two dogs"], "note": {"text": ["a", "b"]}}
    row |= {
        "sentiment": "good quality",
        "kind": {"choices": ["x", "y"]},
        "stars": 4,
        "link": "a://b",
    }
    row |= {"box": [{"x": 1, "rectanglelabels": ["Dog"]}], "words": ["STOP", "GO"], "empty": ""}
    row |= {"long_text": [{"x": 1, "text": ["STOP"]}, "of the image"]}
    assert read([row], LABEL_STUDIO_MIN) == [
        ("1.jpg", ["a dog", "dogs", "two dogs", "a", "b", "of the image"])
    ]
    names = ("sentiment", "kind", "box", "words", "long_text")
    assert not_used([row]) == {f"`{name}` field": 1 for name in names}
    assert data([row], LABEL_STUDIO_MIN)[0]["stars"] == 4


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("/data/local-files/?d=images/1.jpg", "images/1.jpg"),
        ("/data/upload/3/0a1b2c3d-my%20dog.jpg", "0a1b2c3d-my dog.jpg"),
        ("/data/upload/1.jpg", "1.jpg"),
        ("http://localhost:8080/data/upload/3/1.jpg", "1.jpg"),
        ("https://e.org/data/local-files/?d=a/1.jpg", "a/1.jpg"),
        ("https://e.org/1.jpg", None),
        ("images/1.jpg", None),
        ("/data/upload/", None),
    ],
)
def test_names_that_it_gives_to_images(image: str, path: str | None) -> None:
    assert local_path(image) == path
    tasks = [{"id": 1, "data": {"image": image}}]
    [one] = LABEL_STUDIO.read(tasks)
    is_url = image.startswith("http")
    assert (one.path, one.url) == (path or (None if is_url else image), image if is_url else None)


@pytest.mark.parametrize("kind", ["json", "json_min", "csv"])
@pytest.mark.parametrize(
    ("there", "upload"),
    [
        ("1.png", "0a1b2c3d-1.png"),
        ("0a1b2c3d-1.png", "0a1b2c3d-1.png"),
        ("images/my dog (1).png", "0a1b2c3d-my_dog_1.png"),
        ("images/Großer Hund.png", "0a1b2c3d-Gro%C3%9Fer_Hund.png"),
    ],
)
def test_an_upload_is_found_under_the_name_that_it_had(kind: str, there: str, upload: str) -> None:
    image = f"/data/upload/7/{upload}"
    row = {"id": 1, "image": image, "caption": "a dog", "annotator": 1, "annotation_id": 1}
    task = {"id": 1, "data": {"image": image}, "annotations": [{"result": result("a dog")}]}
    content = json.dumps([row if kind == "json_min" else task])
    if kind == "csv":
        content = f"annotation_id,caption,id,image\n1,a dog,1,{image}\n"
    files = {there: png(1), "other.png": png(2), f"t.{kind[:4]}": content.encode()}
    found = list(read_files(NamedFile("all.zip", zipped(files))))
    told = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    assert told == {there: ("a dog",), "other.png": ()}
    notes = {one.reason for one in found if isinstance(one, Problem)}
    note = "1 name was found without regard to the code of an upload."
    assert notes == (set() if there == upload else {note})


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/7/0a1b2c3d-my_dog.png",
        "http://localhost:8080/data/upload/7/0a1b2c3d-my_dog.png",
        "/data/local-files/?d=images/my%20dog.png",
    ],
)
def test_a_table_given_beside_the_images_finds_uploads(image: str) -> None:
    table = NamedFile("t.csv", f"caption,id,image\na dog,1,{image}\n".encode())
    archive = NamedFile("a.zip", zipped({"images/my dog.png": png(1), "2.png": png(2)}))
    found = list(read_files([archive, table]))
    told = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    assert told == {"images/my dog.png": ("a dog",), "2.png": ()}
    assert {one.about for one in found if isinstance(one, Problem)} <= {"note"}
    [row] = [one for one in table_entries(table, None, Limits()) if isinstance(one, Entry)]
    assert row.path == local_path(image), "its own folders say nothing of the image's"


def test_the_name_of_an_upload_itself_comes_first_and_two_of_one_name_are_unclear() -> None:
    def tasks(*uploads: str) -> bytes:
        images = ({"data": {"image": f"/data/upload/1/{one}"}} for one in uploads)
        return json.dumps(
            [one | {"id": 1, "annotations": [{"result": result("a dog")}]} for one in images]
        ).encode()

    files = {"1.png": png(1), "0a1b2c3d-1.png": png(2), "t.json": tasks("0a1b2c3d-1.png")}
    found = list(read_files(NamedFile("a.zip", zipped(files))))
    told = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    assert told == {"1.png": (), "0a1b2c3d-1.png": ("a dog",)}
    twice = {"1.png": png(1), "t.json": tasks("0a1b2c3d-1.png", "ffffffff-1.png")}
    again = list(read_files(NamedFile("a.zip", zipped(twice))))
    assert [one.texts for one in again if isinstance(one, WebImage)] == [()]
    assert [one.texts for one in again if isinstance(one, Problem)] == [1, 1]


def test_texts_are_predictions_with_their_scores(written: Callable[..., Any]) -> None:
    out, _, pairs = written("label-studio")
    tasks = json.loads((out / "tasks_train.json").read_text("utf-8"))
    train = [pair for pair in pairs if pair.split == "train"]
    told = [(task, one) for task in tasks for one in task["predictions"]]
    for (task, prediction), pair in zip(told, train, strict=True):
        assert (out / str(local_path(task["data"]["image"]))).is_file()
        assert task["data"]["image_sha256"] == pair.image_sha256
        assert prediction["model_version"] == pair.captioner or pair.source == "web"
        assert prediction.get("score") == pair.itm
        [region] = prediction["result"]
        assert region["value"] == {"text": [pair.text]}
        assert region["meta"]["decided_by"] == "ann"


CHECKED = """
import json, sys
from pathlib import Path
from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface

folder, out = map(Path, sys.argv[1:])
interface = (folder / "labeling_interface.xml").read_text()
checks, wrong = LabelInterface(interface), []
checks.validate()
tasks = json.loads((folder / "tasks_train.json").read_text("utf-8"))
for number, task in enumerate(tasks):
    for prediction in task["predictions"]:
        wrong += checks.validate_prediction(prediction, return_errors=True)
    # Label Studio numbers tasks; who submits a prediction makes an annotation of it.
    submitted = {"id": 1, "result": task["predictions"][0]["result"]}
    task["id"], task["annotations"] = number, [submitted]
(out / "tasks.json").write_text(json.dumps(tasks))
converter = Converter(interface, str(folder), download_resources=False)
converter.convert_to_json_min(str(out / "tasks.json"), str(out), is_dir=False)
texts = [row["caption"] for row in json.loads((out / "result.json").read_text("utf-8"))]
print(json.dumps({"wrong": wrong, "texts": texts}))
"""


@pytest.mark.slow
def test_label_studio_checks_and_converts_it(written: Callable[..., Any], tmp_path: Path) -> None:
    """In an environment of its own: its SDK pins other versions of what the tests need."""
    venv.create(tmp_path / "own", with_pip=True)
    python = str(tmp_path / "own" / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "label-studio-sdk==2.1.2"], check=True)
    out, _, pairs = written("label-studio")
    done = subprocess.run(
        [python, "-c", CHECKED, str(out), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == []
    firsts = [pair.text for pair in pairs if pair.split == "train"][::2]
    assert told["texts"] == firsts
