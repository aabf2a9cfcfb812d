"""Random rows of every format, mixed: they mean the same in whatever file they stand."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from blip2core.intake import NamedFile, Sums, read
from blip2core.records import Problem, Unused, WebImage
from tests.intake.making import png, zipped

IMAGES = {f"{number}.png": png(number) for number in range(3)}
NAMES = st.sampled_from(["0.png", "1.png", "2.png", "lost.png"])
WORDS = st.sampled_from(["a dog", "a cat", "two birds", "yes", "es wird"])
Row = dict[str, Any]


def talk(image: str, question: str, answer: str) -> Row:
    said = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"image": image, "conversations": said}


def task(image: str, text: str) -> Row:
    result = [{"type": "textarea", "value": {"text": [text]}}]
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": result}]}


def min_task(image: str, text: str) -> Row:
    return {"id": 1, "image": image, "caption": text, "annotator": 1, "annotation_id": 2}


OF_COLUMNS: list[st.SearchStrategy[Row]] = [
    st.builds(lambda image, text: {"image": image, "text": text}, NAMES, WORDS),
    st.builds(lambda image, text: {"image": image, "caption": text}, NAMES, WORDS),
    st.builds(talk, NAMES, WORDS, WORDS),
    st.builds(
        lambda image, *said: {"image": image, "question": said[0], "answer": said[1]},
        NAMES,
        WORDS,
        WORDS,
    ),
    st.builds(
        lambda row, text: row | {"caption": text}, st.builds(talk, NAMES, WORDS, WORDS), WORDS
    ),
]
"""Rows whose fields are columns of a table, too."""
OF_OBJECTS: list[st.SearchStrategy[Row]] = [
    st.builds(task, NAMES, WORDS),
    st.builds(min_task, NAMES, WORDS),
    st.builds(lambda text: {"caption": text}, WORDS),
]
Found = tuple[dict[str, set[str]], dict[str, int]]


def what_became(name: str, data: bytes) -> Found:
    """The texts of each image, and how many texts had which fate; a text twice in a row of another
    order stays the same text.
    """
    sums, found = Sums(), dict[str, set[str]]()
    for one in read(NamedFile("t.zip", zipped(IMAGES | {name: data}))):
        if isinstance(one, WebImage):
            sums.add_image(one, is_new=True, texts_new=len(one.texts))
            found[one.name] = set(one.texts)
        elif isinstance(one, Problem):
            sums.add_problem(one)
        elif isinstance(one, Unused):
            sums.add_unused(one)
    counts = Counter(
        new=sums.texts_new,
        known=sums.texts_known,
        refused=sums.texts_refused,
        lost=sums.texts_without_image,
        images=sums.images_read,
        sources=sums.sources_refused,
    )
    return found, dict(counts)


def expected(rows: list[Row]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in IMAGES}
    for row in rows:
        name = row.get("image") or row.get("data", {}).get("image")
        if name in found:
            found[name] |= set(texts_of(row))
    return found


def texts_of(row: Row) -> Iterator[str]:
    yield from (row[name] for name in ("text", "caption") if name in row)
    if "question" in row:
        yield f"{row['question']} {row['answer']}"
    for said in row.get("conversations", [])[1:]:
        yield said["value"]
    for one in row.get("annotations", []):
        yield one["result"][0]["value"]["text"][0]


def as_lines(rows: list[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_parquet(rows: list[Row]) -> bytes:
    columns = dict.fromkeys(name for row in rows for name in row)
    table = pyarrow.table({name: [row.get(name) for row in rows] for name in columns})
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def as_csv(rows: list[Row]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    for row in rows:
        cells = {
            name: one if isinstance(one, str) else json.dumps(one) for name, one in row.items()
        }
        writer.writerow(cells)
    return file.getvalue().encode()


@given(st.lists(st.one_of(*OF_COLUMNS, *OF_OBJECTS), min_size=1, max_size=6))
def test_a_list_and_lines_mean_the_same(rows: list[Row]) -> None:
    listed = what_became("t.json", json.dumps(rows).encode())
    lines = what_became("t.jsonl", as_lines(rows))
    if any(len(row) > 1 for row in rows):  # else no row names an image, and no list is one of rows
        assert listed == lines
        assert listed[0] == expected(rows)
        read = {name: listed[1][name] for name in ("new", "known", "refused", "lost")}
        assert sum(read.values()) == sum(len(list(texts_of(row))) for row in rows)


@given(st.lists(st.one_of(*OF_COLUMNS), min_size=1, max_size=6))
def test_a_table_means_the_same_as_its_rows(rows: list[Row]) -> None:
    lines = what_became("t.jsonl", as_lines(rows))
    assert what_became("t.parquet", as_parquet(rows)) == lines
    assert what_became("t.csv", as_csv(rows)) == lines
    assert lines[0] == expected(rows)
