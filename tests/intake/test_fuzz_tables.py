"""Tables that nobody meant well with: every row is told of, and no path leads out of the folder."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.entries import Entry
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, WebImage
from blip2core.texts import clean_text
from tests.intake.hostile import (
    DAMAGE,
    LIMITS,
    NAMES,
    damaged,
    is_one_line,
    read_hostile,
)
from tests.intake.making import png, reasons, zipped

HEADERS = st.sampled_from(
    ["path", "url", "text", "caption", "alt.text", "license", "page_url", "Image", "", "x", "TEXT"]
)
CELLS = st.one_of(NAMES, st.text(max_size=30), st.sampled_from(["http://127.0.0.1/a.png", "=1+1"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(HEADERS | st.text(max_size=3), inner)
    ),
    max_leaves=8,
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "+05:30", "Nowhere/City", "x" * 200])
ARRAYS = st.one_of(
    st.lists(st.text(max_size=8) | st.none(), min_size=3, max_size=3).map(pyarrow.array),
    st.lists(st.binary(max_size=80), min_size=3, max_size=3).map(pyarrow.array),
    st.lists(st.lists(st.text(max_size=4), max_size=3), min_size=3, max_size=3).map(
        lambda lists: pyarrow.array(lists, pyarrow.list_(pyarrow.string()))
    ),
    st.lists(st.integers(-(2**62), 2**62), min_size=3, max_size=3).map(pyarrow.array),
    st.tuples(st.integers(-(2**50), 2**50), st.sampled_from(["s", "us", "ns"]), ZONES).map(
        lambda drawn: pyarrow.array([drawn[0]] * 3, pyarrow.timestamp(drawn[1], drawn[2]))
    ),
    st.binary(max_size=80).map(
        lambda data: pyarrow.array([{"bytes": data, "path": "../a.png"}] * 3)
    ),
    st.just(pyarrow.array(["a", "b", "a"]).dictionary_encode()),
    st.just(pyarrow.nulls(3)),
)


def entries(name: str, data: bytes, limits: Limits | None = None) -> list[Entry | Problem]:
    return list(table_entries(NamedFile(name, data), None, limits or Limits()))


def csv_of(rows: Sequence[Sequence[str]], delimiter: str) -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue().encode()


def parquet_of(names: Sequence[str], arrays: Sequence[Any]) -> bytes:
    file = io.BytesIO()
    table = pyarrow.Table.from_arrays(list(arrays)[: len(names)], names=list(names))
    parquet.write_table(table, file)
    return file.getvalue()


PLAIN = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20)
ROWS = st.lists(st.tuples(st.integers(0, 5), PLAIN), max_size=12)


@given(ROWS, st.sampled_from(["csv", "tsv", "semicolon", "jsonl", "parquet"]))
def test_each_row_comes_back_with_its_text(rows: list[tuple[int, str]], how: str) -> None:
    cells = [(f"{number}.png", text) for number, text in rows]
    if how == "jsonl":
        lines = [json.dumps({"path": path, "text": text}) for path, text in cells]
        found = entries("t.jsonl", "\n".join(lines).encode() or b"\n")
    elif how == "parquet":
        columns = [pyarrow.array([row[at] for row in cells], pyarrow.string()) for at in (0, 1)]
        found = entries("t.parquet", parquet_of(["path", "text"], columns))
    else:
        delimiter = {"csv": ",", "tsv": "\t", "semicolon": ";"}[how]
        found = entries("t.csv", csv_of([("path", "text"), *cells], delimiter))
    expected: dict[str, dict[str, None]] = {}
    for path, text in cells:
        texts = expected.setdefault(path, {})
        if clean_text(text):
            texts[clean_text(text)] = None
    assert not [one for one in found if isinstance(one, Problem)]
    assert {one.path: one.texts for one in found if isinstance(one, Entry)} == {
        path: tuple(texts) for path, texts in expected.items()
    }


@given(st.lists(JSON, max_size=6), LIMITS)
@example([{"path": "a", "text": "\ud800"}], Limits())
@example([{"path": 10**400, "text": 10**400, "url": "http://["}], Limits())
def test_each_line_of_json_is_an_entry_or_a_problem(lines: list[Any], limits: Limits) -> None:
    data = "\n".join(map(json.dumps, lines)).encode() or b"\n"
    found = entries("t.jsonl", data, limits)
    problems = [one for one in found if isinstance(one, Problem)]
    named = [one for one in found if isinstance(one, Entry)]
    assert all(is_one_line(one.reason) for one in problems)
    # Several rows may be about one image; a row whose texts are too many is told, and joined not.
    assert len(found) <= len(lines) + (len(lines) > limits.rows)
    if len(lines) <= limits.rows and len({one.name for one in named}) == len(lines):
        assert not problems
    for one in named:
        assert len(one.texts) <= limits.texts
        assert all(0 < len(text) <= limits.text_characters for text in one.texts)


@given(
    st.lists(HEADERS, min_size=1, max_size=4),
    st.lists(st.lists(CELLS, max_size=5), max_size=6),
    st.sampled_from([",", "\t", ";"]),
    LIMITS,
    st.lists(DAMAGE, max_size=2),
)
@example(["path", "x" * 200_000], [["a.png", "b"]], ",", Limits(), [])
@example(["path"], [["x" * 200_000], ["a.png"]], ",", Limits(), [])
def test_any_csv(
    header: list[str], rows: list[list[str]], delimiter: str, limits: Limits, damages: list
) -> None:
    data = damaged(csv_of([header, *rows], delimiter), damages)
    for name in ("t.csv", "t.jsonl"):
        for one in read_hostile(name, data, limits) or ():
            assert isinstance(one, Problem)  # nothing is fetched, and an upload has no folder


@given(
    st.lists(HEADERS, min_size=1, max_size=4),
    st.lists(ARRAYS, min_size=4, max_size=4),
    LIMITS,
    st.lists(DAMAGE, max_size=2),
)
def test_any_parquet(names: list[str], arrays: list[Any], limits: Limits, damages: list) -> None:
    whole = parquet_of(names, arrays)
    found = read_hostile("t.parquet", damaged(whole, damages), limits)
    carried = {value for array in arrays for value in bytes_in(array.to_pylist)}
    if not damages:
        assert found, (names, arrays, limits)  # a row, or what is wrong
        assert {one.data for one in found if isinstance(one, WebImage)} <= carried


def bytes_in(values: Any) -> set[bytes]:
    try:
        listed = values()
    except Exception:
        return set()
    inside = [one.get("bytes") if isinstance(one, dict) else one for one in listed]
    return {one for one in inside if isinstance(one, bytes)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an image, beside one that is none of its business."""
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(png(9))
    (tmp_path / "in/link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "in/deep/up").symlink_to(tmp_path)
    (tmp_path / "in/a.png").write_bytes(png(1))
    return tmp_path


WAYS = st.lists(
    st.sampled_from(["..", ".", "deep", "up", "in", "link.png", "secret.png", "a.png", "", "%2e"]),
    min_size=1,
    max_size=7,
)


@given(WAYS, st.sampled_from(["/", "\\", "//", "/./"]), st.sampled_from(["", "/", "file://"]))
def test_no_path_of_a_table_leads_out_of_its_folder(
    folder: Path, way: list[str], slash: str, start: str
) -> None:
    table = folder / "in/t.csv"
    path = start + slash.join(way)
    paths = [path, f"{start}{folder}/secret.png", "a.png"]
    table.write_bytes(csv_of([["path"], *([path] for path in paths)], ","))
    for found in (read(table), read(folder / "in")):
        data = {one.data for one in found if isinstance(one, WebImage)}
        assert data == {png(1)}
    members = {"t.csv": table.read_bytes(), "a.png": png(1)}
    packed = list(read(NamedFile("z.zip", zipped(members))))
    assert {one.data for one in packed if isinstance(one, WebImage)} == {png(1)}


# What was found, each by an example of its own.


def test_a_header_with_an_endless_cell_is_refused() -> None:
    found = entries("t.csv", b'path,"' + b"x" * 200_000 + b'"\na.png,one\n')
    assert "header" in reasons(found)["t.csv"]


def test_two_columns_of_parquet_with_one_name_are_refused() -> None:
    columns = [pyarrow.array(["a.png"]), pyarrow.array(["one"]), pyarrow.array(["two"])]
    found = entries("t.parquet", parquet_of(["path", "text", "text"], columns))
    assert "text" in reasons(found)["t.parquet"]


def test_a_column_whose_name_is_no_utf8_is_refused() -> None:
    column = pyarrow.array([["a"]], pyarrow.list_(pyarrow.string()))
    whole = parquet_of(["path"], [column])
    for place in range(len(whole)):
        if whole[place : place + 4] == b"list":  # the name of what is inside, in the schema
            spoiled = whole[:place] + b"\xe5" + whole[place + 1 :]
            assert read_hostile("t.parquet", spoiled, Limits())


def test_too_many_texts_of_an_image_in_parquet_are_a_problem_of_their_row() -> None:
    images = [{"bytes": png(shade)} for shade in (1, 1, 2)]
    columns = [pyarrow.array(images), pyarrow.array(["one", "two", "three"])]
    data = parquet_of(["image", "text"], columns)
    found = read_hostile("t.parquet", data, Limits(texts=1)) or []
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("one",), ("three",)]
    assert "at most 1" in reasons(found)["t.parquet, row 2"]


def test_an_image_in_parquet_is_no_larger_than_one_in_a_file() -> None:
    data = parquet_of(["image"], [pyarrow.array([{"bytes": png(1)}, {"bytes": bytes(2_000)}])])
    found = read_hostile("t.parquet", data, Limits(image_bytes=1_000)) or []
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(1)]
    assert "larger than 1,000 bytes" in reasons(found)["t.parquet, row 2"]


def test_a_time_in_a_zone_that_nobody_knows_is_a_bad_row() -> None:
    times = pyarrow.array([1], pyarrow.timestamp("us", "Nowhere/City"))
    found = entries("t.parquet", parquet_of(["path", "text"], [pyarrow.array(["a.png"]), times]))
    assert "cannot be read" in reasons(found)["t.parquet, row 1"]
