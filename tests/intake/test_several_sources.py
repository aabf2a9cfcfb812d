"""Folders, archives, tables and annotations that are given together find each other."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from blip2core.intake import NamedFile, read
from blip2core.records import Problem, WebImage
from tests.intake.making import png, reasons, tarred, zipped

COCO = {
    "images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "2.png"}],
    "annotations": [{"image_id": 1, "caption": "one"}, {"image_id": 2, "caption": "two"}],
}


def written(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def texts_by_image(found: object) -> dict[bytes, tuple[str, ...]]:
    return {one.data: one.texts for one in found if isinstance(one, WebImage)}  # type: ignore[attr-defined]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("packed", ["folder", "zip", "tar"])
def test_annotations_in_a_folder_or_archive_of_their_own(
    packed: str, swapped: bool, tmp_path: Path
) -> None:
    annotations = {"captions_val.json": json.dumps(COCO).encode()}
    images = {"1.png": png(1), "2.png": png(2)}
    sources: list[Path] = []
    for name, files in (("val", images), ("annotations", annotations)):
        if packed == "folder":
            written(tmp_path / name, files)
            sources.append(tmp_path / name)
            continue
        data = zipped(files) if packed == "zip" else tarred(files.items())
        sources.append(tmp_path / f"{name}.{packed}")
        sources[-1].write_bytes(data)
    found = list(read(sources[::-1] if swapped else sources))
    assert texts_by_image(found) == {png(1): ("one",), png(2): ("two",)}
    assert reasons(found) == {}


def test_questions_answers_and_images_in_three_folders(tmp_path: Path) -> None:
    questions = {"questions": [{"image_id": 7, "question": "What?", "question_id": 1}]}
    answers = {
        "annotations": [
            {
                "image_id": 7,
                "question_id": 1,
                "multiple_choice_answer": "a net",
                "answers": [{"answer": "a net", "answer_id": 1}],
            }
        ]
    }
    image = "COCO_val2014_000000000007.png"
    for file in (questions, answers):
        file["data_subtype"] = "val2014"  # type: ignore[assignment]
    written(
        tmp_path,
        {
            "Questions/q.json": json.dumps(questions).encode(),
            "Annotations/a.json": json.dumps(answers).encode(),
            f"Images/val2014/{image}".replace(".png", ".jpg"): png(7),
        },
    )
    found = list(read([tmp_path / name for name in ("Images", "Questions", "Annotations")]))
    assert texts_by_image(found) == {png(7): ("What? a net",)}
    assert reasons(found) == {}


def test_the_name_of_a_folder_that_was_given_counts(tmp_path: Path) -> None:
    rows = b"file_name,text\nx/1.png,of x\ny/1.png,of y\n"
    written(tmp_path, {"t.csv": rows, "x/1.png": png(1), "y/1.png": png(2)})
    found = list(read([tmp_path / name for name in ("t.csv", "x", "y")]))
    assert texts_by_image(found) == {png(1): ("of x",), png(2): ("of y",)}
    assert reasons(found) == {}


def rows_of(name: str, text: str) -> bytes:
    return f"file_name,text\n{name},{text}\n".encode()


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True)])
def test_two_tables_find_each_the_images_beside_it(
    order: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    files = {
        "a/t.csv": rows_of("1.png", "of a"),
        "a/images/1.png": png(1),
        "b/t.csv": rows_of("1.png", "of b"),
        "b/images/1.png": png(2),
    }
    written(tmp_path, files)
    names = order(["a/t.csv", "a/images", "b/t.csv", "b/images"])
    found = list(read([tmp_path / name for name in names]))
    assert texts_by_image(found) == {png(1): ("of a",), png(2): ("of b",)}
    assert reasons(found) == {}
    whole = list(read(tmp_path))
    assert texts_by_image(whole) == {png(1): ("of a",), png(2): ("of b",)}


def test_a_table_takes_no_image_beside_another_table(tmp_path: Path) -> None:
    files = {
        "a/t.csv": rows_of("2.png", "of a"),
        "a/images/1.png": png(1),
        "b/t.csv": rows_of("1.png", "of b"),
        "b/images/2.png": png(2),
    }
    written(tmp_path, files)
    names = ["a/t.csv", "a/images", "b/t.csv", "b/images"]
    found = list(read([tmp_path / name for name in names]))
    assert texts_by_image(found) == {png(1): (), png(2): ()}
    assert len(reasons(found)) == 2


def test_a_table_that_lies_beside_neither_of_two_folders_is_refused(tmp_path: Path) -> None:
    files = {"t.csv": rows_of("1.png", "whose?"), "x/1.png": png(1), "y/1.png": png(2)}
    written(tmp_path, files)
    found = list(read([tmp_path / name for name in ("t.csv", "x", "y")]))
    assert texts_by_image(found) == {png(1): (), png(2): ()}
    [problem] = [one for one in found if isinstance(one, Problem)]
    assert problem.name == "t.csv, row 2: 1.png" and problem.texts == 1
    assert "it fits several: x/1.png, y/1.png; write which" in problem.reason


def test_loose_files_of_one_name_from_two_folders_are_two(tmp_path: Path) -> None:
    files = {"t.csv": rows_of("b/1.png", "of b"), "a/1.png": png(1), "b/1.png": png(2)}
    written(tmp_path, files)
    found = list(read([tmp_path / name for name in files]))
    assert texts_by_image(found) == {png(1): (), png(2): ("of b",)}
    twins = [NamedFile("1.png", png(1)), NamedFile("1.png", png(2))]
    assert "two files of this name" in reasons(read(twins))["1.png"]
