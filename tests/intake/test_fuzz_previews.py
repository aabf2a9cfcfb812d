"""Previews of tables that nobody meant well with: short lines, and what the import does."""

import io
import json
from typing import Any

import pyarrow
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import ipc

from blip2core.errors import IntakeError
from blip2core.intake import Columns, Limits, NamedFile, Preview, preview, read
from blip2core.intake.json_beginning import beginning_of
from blip2core.intake.preview_values import LONGEST_SHOWN
from blip2core.records import WebImage
from tests.intake.hostile import DAMAGE, LIMITS, NAMES, damaged, is_one_line
from tests.intake.making import png, tarred, zipped
from tests.intake.test_fuzz_tables import ARRAYS, CELLS, HEADERS, JSON, csv_of, parquet_of

DAMAGES = st.lists(DAMAGE, max_size=2)
TEXT_ENDS = st.sampled_from(["csv", "tsv", "jsonl", "json", "token"])


def looked_at(name: str, data: bytes, limits: Limits | None = None) -> tuple[Preview, ...]:
    """The previews of a file, each of them one that a page can show; none where it is refused."""
    try:
        found = preview(NamedFile(name, data), limits=limits)
    except IntakeError as error:
        assert is_one_line(str(error))  # noqa: PT017 - most are no errors
        return ()
    for one in found:
        assert all(map(is_one_line, filter(None, (one.problem, *one.notes))))
        assert one.problem or one.rows or one.images or one.is_table
        cells = [cell for row in one.rows for cell in row.values()]
        texts = [cell.text for cell in (*cells, *(image.name for image in one.images))]
        texts += [text for image in one.images for text in image.texts]
        assert all(len(text) <= LONGEST_SHOWN and len(text.splitlines()) <= 1 for text in texts)
        assert all(row.keys() == {*one.header} for row in one.rows)
        assert {one.role(name) for name in one.header} >= ({"image"} if one.columns.path else set())
    return found


@given(
    st.lists(HEADERS, min_size=1, max_size=4),
    st.lists(st.lists(CELLS, max_size=5), max_size=6),
    st.sampled_from([",", "\t", ";"]),
    TEXT_ENDS,
    DAMAGES,
)
@example(["path"], [["x" * 200_000]], ",", "csv", [])
def test_any_text(
    header: list[str], rows: list[list[str]], delimiter: str, ending: str, damages: list[Any]
) -> None:
    looked_at(f"t.{ending}", damaged(csv_of([header, *rows], delimiter), damages))


@given(st.lists(JSON, max_size=6), st.booleans(), DAMAGES, LIMITS)
@example([{"images": [{}], "annotations": [{"caption": 1}]}], False, [], Limits())
@example([{"questions": [{"image_id": 1, "question": None}]}], False, [], Limits())
def test_any_json(values: list[Any], lines: bool, damages: list[Any], limits: Limits) -> None:
    if lines:
        data = "\n".join(map(json.dumps, values)).encode()
    else:
        data = json.dumps(values[0] if len(values) == 1 else values).encode()
    looked_at("t.jsonl" if lines else "t.json", damaged(data, damages), limits)


@given(
    st.lists(HEADERS | st.just("image"), min_size=1, max_size=4),
    st.lists(ARRAYS, min_size=4, max_size=4),
    st.booleans(),
    DAMAGES,
)
def test_any_typed_table(
    names: list[str], arrays: list[Any], arrow: bool, damages: list[Any]
) -> None:
    data = parquet_of(names, arrays)
    if arrow:
        file = io.BytesIO()
        table = pyarrow.Table.from_arrays(arrays[: len(names)], names=names)
        with ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
        data = file.getvalue()
    looked_at("t.arrow" if arrow else "t.parquet", damaged(data, damages))


@given(
    st.lists(st.tuples(NAMES, TEXT_ENDS, st.binary(max_size=40)), max_size=4),
    st.sampled_from(["zip", "w", "w:gz"]),
    DAMAGES,
    LIMITS,
)
def test_any_archive(
    members: list[tuple[str, str, bytes]], how: str, damages: list[Any], limits: Limits
) -> None:
    table = b"path,text\na.png,a b\n"
    files = [(f"{name}.{ending}", table + data) for name, ending, data in members]
    if how == "zip":
        data = zipped({name: content for name, content in files if "\0" not in name})
    else:
        data = tarred([(name, content) for name, content in files if "\0" not in name], how)
    looked_at("t.zip" if how == "zip" else "t.tar.gz", damaged(data, damages), limits)


@given(st.binary(max_size=60), st.integers(0, 400))
@example(b"", 0)
def test_any_beginning_of_json_is_json_or_refused(junk: bytes, length: int) -> None:
    whole = json.dumps({"a": [{"b": '"],}{ \\" é'}] * 5, "c": {"d": [1, None, True]}}).encode()
    data = whole[:length]
    if length > 60:  # the first object is whole
        found = beginning_of(data)
        assert isinstance(found, dict)
        assert all(one == {"b": '"],}{ \\" é'} or not one for one in found.get("a", []))
    try:
        beginning_of(data + junk)
    except IntakeError as error:
        assert is_one_line(str(error))  # noqa: PT017 - most are no errors


COLUMN_NAMES = st.lists(
    st.sampled_from(["file_name", "foto", "text", "caption", "legend", "id", "nr", "url"]),
    min_size=2,
    max_size=6,
    unique=True,
)


@given(COLUMN_NAMES, st.data())
def test_an_import_makes_of_each_column_what_its_preview_says(
    header: list[str], data: st.DataObject
) -> None:
    """The image is named in the column chosen for it, and every other cell tells its column."""
    path = data.draw(st.sampled_from(header))
    texts = data.draw(st.lists(st.sampled_from(header), unique=True))
    texts = [name for name in texts if name != path]
    chosen = Columns(path=path, texts=tuple(texts), complete=True)
    row = ["a.png" if name == path else f"cell of {name}" for name in header]
    files = {"t.csv": csv_of([header, row], ","), "a.png": png()}
    (found,) = preview(NamedFile("s.zip", zipped(files)))
    assert found.problem_with(chosen) == ""
    said = {name for name in header if found.role(name, chosen) == "text"}
    (image,) = [
        one
        for one in read(NamedFile("s.zip", zipped(files)), columns={"t.csv": chosen})
        if isinstance(one, WebImage)
    ]
    assert {*image.texts} == {f"cell of {name}" for name in said} == {f"cell of {n}" for n in texts}
