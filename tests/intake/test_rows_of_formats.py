"""Rows of several formats in one file: each is read as what it is, wherever it stands."""

import json
from typing import Any

import pytest

from blip2core.intake import Columns, Limits, NamedFile, preview, read
from blip2core.intake.preview_tables import preview_of
from blip2core.intake.rows_of_formats import MOST_FIELDS, is_one_row, rows_in
from blip2core.records import Problem, Told, Unused, WebImage
from tests.intake.making import png, reasons, zipped

IMAGES = {"1.png": png(1), "2.png": png(2), "000000000003.png": png(3)}
TALK = {
    "id": "c",
    "image": "2.png",
    "conversations": [
        {"from": "human", "value": "<image>\nWhat?"},
        {"from": "gpt", "value": "A cat."},
    ],
}
ASKED = {"image": "2.png", "question": "Is it?", "answer": "yes"}
TASK = {
    "id": 1,
    "data": {"image": "1.png"},
    "annotations": [{"result": [{"type": "textarea", "value": {"text": ["of a task"]}}]}],
}
MIN_TASK = {"id": 2, "image": "1.png", "caption": "of a row", "annotator": 1, "annotation_id": 5}
ROW, OTHER = {"image": "1.png", "text": "a row"}, {"image": "1.png", "caption": "another"}
EXPECTED = {
    "1.png": {"of a task", "of a row", "a row", "another"},
    "2.png": {"A cat.", "Is it? yes"},
}


def as_json(rows: Any) -> dict[str, bytes]:
    return {"t.json": json.dumps(rows).encode()}


def as_lines(rows: Any) -> dict[str, bytes]:
    return {"t.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows)}


def found_in(files: dict[str, bytes], columns: Columns | None = None) -> list[WebImage | Told]:
    return list(read(NamedFile("t.zip", zipped(IMAGES | files)), columns=columns))


def by_image(found: list[WebImage | Told]) -> dict[str, set[str]]:
    return {one.name: set(one.texts) for one in found if isinstance(one, WebImage) and one.texts}


def advice(found: list[WebImage | Told]) -> dict[str, str]:
    return {one.name: one.option for one in found if isinstance(one, Unused)}


@pytest.mark.parametrize("write", [as_json, as_lines])
@pytest.mark.parametrize("first", range(6))
def test_the_first_row_decides_for_no_other(first: int, write: Any) -> None:
    rows = [TALK, ASKED, TASK, MIN_TASK, ROW, OTHER]
    found = found_in(write(rows[first:] + rows[:first]))
    assert by_image(found) == EXPECTED
    assert reasons(found) == {}


@pytest.mark.parametrize("write", [as_json, as_lines])
@pytest.mark.parametrize("row", [TALK, ASKED])
def test_captions_beside_a_conversation_or_a_question_are_texts(row: Any, write: Any) -> None:
    own = {"A cat."} if row is TALK else {"Is it? yes"}
    row = row | {"caption": "beside", "long_caption": "more", "note_about": "some other words"}
    found = found_in(write([row]))
    assert by_image(found) == {"2.png": own | {"beside", "more"}}
    assert advice(found) == {
        write([row]).popitem()[0] + ", column note_about": "--text-column note_about"
    }
    said = found_in(write([row]), Columns(texts=("note_about",)))
    assert by_image(said) == {"2.png": {"some other words"}}


@pytest.mark.parametrize("write", [as_json, as_lines])
def test_texts_of_a_row_without_an_image_are_counted(write: Any) -> None:
    found = found_in(write([{"caption": ["of no image", "nor this"]}, ROW]))
    assert by_image(found) == {"1.png": {"a row"}}
    [problem] = [one for one in found if isinstance(one, Problem)]
    assert (problem.about, problem.texts) == ("text without image", 2)
    assert problem.reason.startswith("No column tells where the images are")


@pytest.mark.parametrize("write", [as_json, as_lines])
def test_an_image_is_named_by_any_usual_column(write: Any) -> None:
    talk = {key: value for key, value in TALK.items() if key != "image"} | {"file_name": "1.png"}
    asked = {"image_id": 3, "question": "What?", "answer": "a dog"}
    named = asked | {"file_name": "2.png"}
    files = {"000000000003.jpg": png(4)}
    found = found_in(files | write([talk, asked, named]))
    assert by_image(found) == {
        "1.png": {"A cat."},
        "000000000003.jpg": {"What? a dog"},
        "2.png": {"What? a dog"},
    }


def test_reasons_that_are_kept_with_a_question_are_not_told_as_unused() -> None:
    found = found_in(as_json([ASKED | {"rationales": ["because it is so"]}]))
    [image] = [one for one in found if isinstance(one, WebImage) and one.texts]
    assert image.origins["Is it? yes"].data["rationales"] == ["because it is so"]
    assert advice(found) == {}


def test_a_question_that_is_empty_makes_a_row_of_a_table() -> None:
    rows = [{**ROW, "question": None, "answer": None}, {**OTHER, "question": " "}]
    found = found_in(as_json(rows))
    assert by_image(found) == {"1.png": {"a row", "another"}}
    assert reasons(found) == {}


def test_a_task_is_one_whatever_columns_are_named() -> None:
    found = found_in(as_json([TASK, ROW]), Columns(texts=("text",)))
    assert by_image(found) == {"1.png": {"of a task", "a row"}}


def test_results_that_are_no_texts_are_told_once_for_all_tasks() -> None:
    box = {"id": 1, "data": {"image": "1.png"}, "annotations": [{"result": [{"type": "box"}]}]}
    [told] = [one for one in found_in(as_json([box, box, box])) if isinstance(one, Unused)]
    assert (told.name, told.count) == ("t.json, entry 1", 3)


def test_a_csv_of_label_studio_is_read_as_its_json() -> None:
    head = b"annotator,annotation_id,id,image,caption,lead_time\n"
    table = head + b'1,5,2,1.png,"{""text"": [""a"", ""b""]}",3.5\n'
    found = found_in({"t.csv": table})
    assert by_image(found) == {"1.png": {"a", "b"}}


def test_objects_by_number_are_about_the_images_that_they_name() -> None:
    rows: dict[str, Any] = {
        "1": {"image": "2.png", "caption": "of two"},
        "2": {"path": "1.png", "text": "of one", "about it": "some other words"},
        "000000000003": {"captions": ["of three", "third"], "image": None},
        "4": {**TALK, "file_name": "1.png"},
    }
    found = found_in(as_json(rows))
    assert by_image(found) == {
        "2.png": {"of two", "A cat."},
        "1.png": {"of one"},
        "000000000003.png": {"of three", "third"},
    }
    assert advice(found) == {"t.json, column about it": "--text-column 'about it'"}


def test_of_an_object_beside_an_image_of_its_name_the_images_within_count() -> None:
    files = {"1.json": json.dumps({"1": {"image": "2.png", "caption": "of two"}}).encode()}
    assert by_image(found_in(files)) == {"2.png": {"of two"}}


def test_other_texts_of_an_object_by_name_are_read_or_told() -> None:
    rows = {
        "1.png": {"caption": "a dog", "tags": "dog", "text": "more", "remark": "some words here"}
    }
    found = found_in(as_json(rows))
    assert by_image(found) == {"1.png": {"a dog", "dog", "more"}}
    assert advice(found) == {"t.json, column remark": "--text-column remark"}
    said = found_in(as_json(rows), Columns(texts=("remark",)))
    assert by_image(said) == {"1.png": {"some words here"}}


def test_one_object_is_one_row() -> None:
    for row in (ROW, ASKED, TASK, TALK):
        alone = by_image(found_in(as_json(row)))
        assert alone == by_image(found_in(as_json([row]))) and alone
    # Beside an image of its name it is about that image.
    found = found_in({"1.json": json.dumps({"caption": "a dog"}).encode()})
    assert by_image(found) == {"1.png": {"a dog"}}
    for other in ({"title": "My data", "url": "https://a.org"}, {"path": "data", "title": "a"}):
        told = reasons(found_in(as_json(other)))
        assert told["t.json"].startswith("No image has the name of this text")


@pytest.mark.parametrize("write", [as_json, as_lines])
def test_parts_of_a_cell_that_are_no_texts_are_counted(write: Any) -> None:
    both = {"text": "with text", "raw": "with raw"}
    parts = [{"x": "of another kind"}, {"text": "kept"}, 5, None, True, both]
    found = found_in(write([{"image": "1.png", "captions": parts}]))
    assert by_image(found) == {"1.png": {"kept", "with raw", "with text"}}
    [refused] = [one for one in found if isinstance(one, Problem)]
    assert (refused.texts, refused.reason) == (3, "`captions` has parts that are no texts.")


def test_a_preview_shows_rows_of_one_kind_as_images_and_others_as_a_table() -> None:
    for write in (as_json, as_lines):
        [alike] = preview(NamedFile("t.zip", zipped(IMAGES | write([TALK, ASKED, TASK]))))
        assert alike.format == (
            "LLaVA or ShareGPT conversations, LAVIS or A-OKVQA questions, Label Studio"
        )
        assert [(one.name.text, one.texts) for one in alike.images] == [
            ("2.png", ("A cat.", "Is it? yes")),
            ("1.png", ("of a task",)),
        ]
        [mixed] = preview(NamedFile("t.zip", zipped(IMAGES | write([TALK, ROW]))))
        assert mixed.is_table and set(mixed.header) >= {"conversations", "text"}


def test_a_preview_of_objects_by_name_shows_the_texts_of_their_fields() -> None:
    rows = {"1.png": {"tags": "dog", "text": "more"}, "7": {"file_name": "2.png", "caption": "a"}}
    [shown] = preview(NamedFile("t.zip", zipped(IMAGES | as_json(rows))))
    assert (shown.format, shown.problem) == ("texts by name of image", "")
    assert [(one.name.text, one.texts) for one in shown.images] == [
        ("1.png", ("dog", "more")),
        ("2.png", ("a",)),
    ]


def test_a_preview_of_large_rows_reads_their_beginning() -> None:
    for data in (as_lines([ROW, OTHER] * 20)["t.jsonl"], json.dumps([ROW, OTHER] * 20).encode()):
        shown = preview_of(NamedFile("t.json", data), None, Limits(), whole=10)
        assert (shown.problem, shown.header) == ("", ("image", "text", "caption"))


def test_a_preview_of_questions_says_where_their_answers_are() -> None:
    question = {"question_id": 1, "image_id": 3, "question": "What?", "image": "1.png"}
    asked = {"questions": [question]}
    [shown] = preview(NamedFile("t.zip", zipped(IMAGES | as_json(asked))))
    assert shown.notes == (
        "The answers stand in another file; an import that has both joins them.",
    )
    answer = {"question_id": 1, "multiple_choice_answer": "a dog", "answers": []}
    [shown] = preview(
        NamedFile("t.zip", zipped(IMAGES | as_json(asked | {"annotations": [answer]})))
    )
    assert (shown.images[0].texts, shown.notes) == (("What? a dog",), ())


def test_an_object_of_very_many_fields_is_no_row_and_no_columns() -> None:
    row = {"image": "1.png", "caption": "a dog"}
    columns = {"image": ["1.png"], "caption": ["a dog"]}
    assert is_one_row(row) and rows_in(columns) == [row]
    many = {f"field {number}": [1] for number in range(MOST_FIELDS - 1)}
    assert not is_one_row(row | many) and rows_in(columns | many) is None
