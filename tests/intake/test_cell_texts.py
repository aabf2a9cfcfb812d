"""Conversations and questions in the cells of a table, whatever its kind."""

import csv
import io
import json
from collections.abc import Mapping

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from blip2core.formats.annotated import Refused, Text
from blip2core.formats.nested_texts import spelled
from blip2core.formats.questions import row_question
from blip2core.intake import Columns, NamedFile, preview, read
from blip2core.intake.cell_texts import conversation_texts, turns_of
from blip2core.intake.columns import answers_beside
from blip2core.records import Problem, Unused, WebImage
from tests.intake.making import png

TURNS = [
    {"from": "human", "value": "<image>\nWhat is it?"},
    {"from": "gpt", "value": "A dog."},
    {"from": "human", "value": "Where?"},
    {"from": "gpt", "value": "On a beach."},
]
PARTS = [
    {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "A dog."}]},
]
KINDS = ["parquet", "arrow", "csv", "jsonl"]


def table(kind: str, rows: list[dict[str, object]]) -> NamedFile:
    """The rows as a table of a kind; in CSV lists are JSON."""
    file = io.BytesIO()
    if kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), file)
    elif kind == "arrow":
        feather.write_feather(pa.Table.from_pylist(rows), file)
    elif kind == "jsonl":
        file.write("\n".join(map(json.dumps, rows)).encode())
    else:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(rows[0])
        for row in rows:
            cells = row.values()
            writer.writerow(
                [one if isinstance(one, str | int) else json.dumps(one) for one in cells]
            )
        file.write(text.getvalue().encode())
    return NamedFile(f"t.{kind}", file.getvalue())


def image_of(kind: str, row: dict[str, object], columns: Columns | None = None) -> WebImage:
    """The image of a table of one row, of which nothing is left unused."""
    files = [NamedFile("1.png", png()), table(kind, [{"image": "1.png", **row}])]
    (found,) = read(files, columns=columns)
    assert isinstance(found, WebImage)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_answers_of_a_conversation_are_texts_and_its_questions_data(kind: str) -> None:
    found = image_of(kind, {"conversations": TURNS, "id": "a-1"})
    assert found.texts == ("A dog.", "On a beach.")
    said = found.origins["On a beach."]
    assert said.place == "conversations"
    assert said.data == {"question": "Where?", "turn": 3, "id": "a-1"}


@pytest.mark.parametrize("kind", ["parquet", "arrow", "csv"])
def test_the_parts_of_a_message_are_one_text(kind: str) -> None:
    found = image_of(kind, {"messages": PARTS})
    assert found.texts == ("A dog.",)
    assert found.origins["A dog."].data["question"] == "What is it?"


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_another_name_can_be_a_conversation(kind: str) -> None:
    found = image_of(kind, {"chat": TURNS}, Columns(texts=("chat",)))
    assert found.texts == ("A dog.", "On a beach.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_is_one_text_with_the_answer_of_most_people(kind: str) -> None:
    answers = [{"answer": one} for one in ("so", "why", "so")]
    found = image_of(kind, {"question": "how?", "answers": answers, "number": 7})
    assert found.texts == ("how? so",)
    said = found.origins["how? so"]
    assert said.place == "question"
    assert said.data == {"question": "how?", "answers": ["so", "why", "so"], "number": 7}


@pytest.mark.parametrize(
    ("beside", "answer"),
    [
        ({"answer": "a dog"}, "a dog"),
        ({"answer": "['a dog', 'a cat', 'a cat']"}, "a cat"),
        ({"answers": ["x", "y", "y"], "multiple_choice_answer": "y"}, "y"),
        ({"multiple_choice_answer": "z"}, "z"),
        ({"choices": ["x", "y"], "correct_choice_idx": 1}, "y"),
        ({"choices": "['x', 'y']", "correct_choice_idx": "1"}, "y"),
        ({"choices": ["x", "y"], "correct_choice_idx": 2}, ""),
        ({"answers": {"answer": ["x", "y", "y"], "answer_id": [1, 2, 3]}}, "y"),
        ({"answer": 3}, "3"),
        ({"answer": True}, "true"),
        ({"answer": 3.0}, "3"),
        ({"answer": None}, ""),
    ],
)
def test_where_the_answer_stands(beside: dict[str, object], answer: str) -> None:
    found = row_question("What?", beside, place="question", data={})
    assert (found.count if isinstance(found, Refused) else found[0]) == (
        f"What? {answer}" if answer else 1
    )


def test_an_answer_that_is_chosen_as_a_text_is_one_by_itself() -> None:
    row: dict[str, object] = {"question": "how?", "answer": "so"}
    assert image_of("csv", row, Columns(texts=("question", "answer"))).texts == ("how?", "so")
    assert image_of("csv", row | {"caption": "a dog"}).texts == ("how? so", "a dog")


def test_an_answer_in_numbers_is_no_other_data_of_the_question() -> None:
    found = image_of("csv", {"question": "how many?", "answer": "3", "number": "7"})
    said = {"question": "how many?", "answers": ["3"], "number": 7}
    assert found.origins["how many? 3"].data == said


def test_an_empty_question_without_an_answer_is_no_text() -> None:
    assert image_of("csv", {"question": " ", "answer": ""}).texts == ()


@pytest.mark.parametrize("first", [0, 1])
def test_each_line_tells_what_it_is(first: int) -> None:
    rows: list[dict[str, object]] = [
        {"image": "1.png", "text": "a row"},
        {"image": "2.png", "conversations": TURNS[:2], "caption": "beside it"},
    ]
    lines = table("jsonl", rows[first:] + rows[:first])
    found = read([NamedFile("1.png", png()), NamedFile("2.png", png(9)), lines])
    texts = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    assert texts == {"1.png": ("a row",), "2.png": ("A dog.", "beside it")}
    as_list = NamedFile("t.json", json.dumps(rows).encode())
    found = read([NamedFile("1.png", png()), NamedFile("2.png", png(9))], texts=as_list)
    assert {one.name: one.texts for one in found if isinstance(one, WebImage)} == texts


def test_the_columns_of_lines_are_what_was_said() -> None:
    row: dict[str, object] = {"image": "1.png", "conversations": TURNS, "legend": "of its own"}
    files = [NamedFile("1.png", png()), table("jsonl", [row])]
    unused, found = read(files, columns=Columns(texts=("legend",)))
    assert isinstance(found, WebImage) and found.texts == ("of its own",)
    assert isinstance(unused, Unused) and unused.option == "--text-column conversations"


def test_a_line_of_a_conversation_tells_its_unused_columns() -> None:
    row: dict[str, object] = {"image": "1.png", "conversations": TURNS, "legend": "two dogs"}
    files = [NamedFile("1.png", png()), table("jsonl", [row])]
    assert [one.name for one in read(files) if isinstance(one, Unused)] == [
        "t.jsonl, column legend"
    ]


def test_a_preview_shows_answers_as_data_of_the_question() -> None:
    (found,) = preview(table("csv", [{"image": "1.png", "question": "how?", "answer": "so so"}]))
    roles = {name: found.role(name) for name in found.header}
    assert roles == {"image": "image", "question": "text", "answer": "data"}


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        (TURNS, 4),
        (json.dumps(TURNS), 4),
        (str(TURNS), 4),
        ({"from": ["human", "gpt"], "value": ["Who?", "A dog."]}, 2),
        ([{"user": "Who?", "assistant": "A dog."}], 2),
        ([{"from": "gpt"}], 0),
        ([], 0),
        ("[", 0),
        ("[" * 200_000, 0),
        ("[" * 5_000 + "]" * 5_000, 0),
        ('["a text"]', 0),
        ({"from": "a", "value": ["b"]}, 0),
        (None, 0),
    ],
)
def test_which_cells_are_conversations(cell: object, count: int) -> None:
    assert len(turns_of(cell)) == count


def test_an_object_of_both_turns_is_read() -> None:
    turns = turns_of([{"user": "Who?", "assistant": "A dog."}])
    found: list[Text] = list(conversation_texts(turns, {}))
    assert [(text, origin.data["question"]) for text, origin in found] == [("A dog.", "Who?")]


def test_a_cell_that_spells_nothing_is_as_it_was() -> None:
    assert [spelled(one) for one in ("{1}", "[x]", "{'a': b'c'}", 3)] == [
        "{1}",
        "[x]",
        {"a": b"c"},
        3,
    ]


@pytest.mark.parametrize("columns", [10, 400])
def test_what_stands_beside_the_texts_of_a_row_is_looked_for_once(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many columns of texts it has: else a small table takes hours."""
    rows_looked_at = []

    def counted(found: Columns, row: Mapping[str, object]) -> list[str]:
        rows_looked_at.append(row)
        return answers_beside(found, row)

    monkeypatch.setattr("blip2core.intake.row_entries.answers_beside", counted)
    header = ",".join(["image", *(f"x{number}_caption" for number in range(columns))])
    table = NamedFile("t.csv", f"{header}\n1.png{',a cat' * columns}\n".encode())
    images = [one for one in read([table, NamedFile("1.png", png(1))]) if isinstance(one, WebImage)]
    assert [one.texts for one in images] == [("a cat",)]
    assert len(rows_looked_at) == 4  # for the texts and the numbers; names are listed beforehand


def test_a_line_break_within_a_conversation_in_csv_is_part_of_its_text() -> None:
    cell = (
        '[{""from"":""human"",""value"":""<image>\nQ?""},{""from"":""gpt"",""value"":""A\ndog.""}]'
    )
    csv_file = NamedFile("t.csv", f'image,conversations\n1.png,"{cell}"\n'.encode())
    (found,) = read([NamedFile("1.png", png()), csv_file])
    assert isinstance(found, WebImage)
    assert found.texts == ("A\ndog.",)
    assert found.origins["A\ndog."].data["question"] == "Q?"


@pytest.mark.parametrize("cell", ['[{"from": "human", "value": "Q', '{"from": ', '[{"a": 1}]'])
def test_json_that_is_no_conversation_is_refused_and_no_text(cell: str) -> None:
    quoted = cell.replace('"', '""')
    csv_file = NamedFile("t.csv", f'image,conversations,text\n1.png,"{quoted}",a dog\n'.encode())
    told, found = read([NamedFile("1.png", png()), csv_file])
    assert isinstance(told, Problem) and isinstance(found, WebImage)
    assert told.reason == "`conversations` holds JSON that cannot be read."
    assert (told.about, told.texts, found.texts) == ("text", 1, ("a dog",))


@pytest.mark.parametrize("cell", ["", " "])
def test_answers_to_no_question_are_refused(cell: str) -> None:
    table = f"image,question,answer\n1.png,Who?,a dog\n1.png,{cell},a cat\n".encode()
    told, found = read([NamedFile("1.png", png()), NamedFile("t.csv", table)])
    assert isinstance(told, Problem) and isinstance(found, WebImage)
    assert (told.reason, told.texts) == ("There are answers, and no question.", 1)
    assert found.texts == ("Who? a dog",)
