"""Label Studio's JSON: annotations and predictions of the captioning template."""

import json
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blip2core.formats.label_studio import LABEL_STUDIO, LABEL_STUDIO_MIN, local_path
from blip2core.intake import NamedFile
from blip2core.intake import read as read_files
from blip2core.records import Unused
from tests.formats.reading import data, read


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


def test_paths_of_its_own_storage() -> None:
    assert local_path("/data/local-files/?d=images/1.jpg") == "images/1.jpg"
    assert local_path("images/1.jpg") == "images/1.jpg"


def test_texts_are_predictions_with_their_scores(written: Callable[..., Any]) -> None:
    out, _, pairs = written("label-studio")
    tasks = json.loads((out / "tasks_train.json").read_text("utf-8"))
    train = [pair for pair in pairs if pair.split == "train"]
    told = [(task, one) for task in tasks for one in task["predictions"]]
    for (task, prediction), pair in zip(told, train, strict=True):
        assert (out / local_path(task["data"]["image"])).is_file()
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
