"""Tables with typed columns: images within Parquet and Arrow, as the field's tools write them."""

import io
import struct
from pathlib import Path

import numpy
import pyarrow
import pytest
from pyarrow import ipc, parquet

from blip2core.formats import arrow as arrow_table
from blip2core.formats.files import kind_of
from blip2core.formats.parquet import MAX_VALUES
from blip2core.intake import Columns, Limits, NamedFile, read
from blip2core.intake.entries import Entry
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, WebImage
from tests.intake.making import images, png, reasons

FORMATS = ["t.parquet", "stream.arrow", "file.arrow"]
ONE, TWO, THREE = png(1), png(2), png(3)


def written(name: str, cells: object, **options: object) -> bytes:
    """A table of these columns in the format that the name says."""
    table = pyarrow.table(cells)
    file = io.BytesIO()
    if name.endswith(".parquet"):
        parquet.write_table(table, file)
    else:
        opened = ipc.new_stream if name.startswith("stream") else ipc.new_file
        with opened(file, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
            writer.write_table(table, max_chunksize=2)
    return file.getvalue()


def found_in(name: str, cells: object, **options: object) -> list[WebImage | Problem]:
    return list(read(NamedFile(name, written(name, cells)), **options))


def facts(found: list[WebImage | Problem]) -> list[tuple[str, bytes, tuple[str, ...]]]:
    return [(one.name, one.data, one.texts) for one in found if isinstance(one, WebImage)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("beside", ["file_name", "filename", "path", "image_path", "file"])
def test_bytes_win_over_a_path_column_beside_them(name: str, beside: str) -> None:
    image = [{"bytes": ONE, "path": None}, {"bytes": TWO, "path": "own.png"}]
    columns = {beside: ["a.png", "b.png"], "image": image, "text": ["one", "two"]}
    found = facts(found_in(name, columns))
    assert found == [("a.png", ONE, ("one",)), ("own.png", TWO, ("two",))]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("column", ["jpg", "png", "image", "image_bytes", "bytes", "Image"])
@pytest.mark.parametrize("type", [pyarrow.binary(), pyarrow.large_binary(), pyarrow.binary_view()])
def test_bytes_columns(name: str, column: str, type: pyarrow.DataType) -> None:
    if type == pyarrow.binary_view() and name == "t.parquet":
        type = pyarrow.large_binary()  # what Parquet makes of it
    columns = {
        "url": ["https://e.org/1", "https://e.org/2"],
        "sha256": [b"1" * 32, b"2" * 32],
        column: pyarrow.array([ONE, TWO], type),
        "file_name": ["a.png", "b.png"],
        "caption": ["one", "two"],
    }
    found = found_in(name, columns)
    assert facts(found) == [("a.png", ONE, ("one",)), ("b.png", TWO, ("two",))]
    assert [one.url for one in images(found)] == ["https://e.org/1", "https://e.org/2"]


@pytest.mark.parametrize("name", FORMATS)
def test_bytes_under_any_name(name: str) -> None:
    alone = {"cover": [ONE], "text": ["one"]}
    assert facts(found_in(name, alone)) == [(f"{name}, row 1", ONE, ("one",))]
    struct_ = {"filename": ["a.png"], "cover": [{"bytes": ONE, "path": None}], "text": ["one"]}
    assert facts(found_in(name, struct_)) == [("a.png", ONE, ("one",))]
    chosen = {"image": [{"bytes": ONE}], "mask": [{"bytes": TWO}], "text": ["one"]}
    found = found_in(name, chosen)
    assert facts(found) == [(f"{name}, row 1", ONE, ("one",))]
    assert reasons(found)[name].startswith("Not read, though they may hold images: mask")
    given = found_in(name, chosen, columns=Columns(path="mask", texts=("text",)))
    assert facts(given) == [(f"{name}, row 1", TWO, ("one",))] and not reasons(given)


@pytest.mark.parametrize("name", FORMATS)
def test_bytes_that_are_no_images_leave_paths_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(ONE)
    columns = {"file_name": ["a.png"], "embedding": [b"\0" * 64], "text": ["one"]}
    (tmp_path / name).write_bytes(written(name, columns))
    assert facts(list(read(tmp_path / name))) == [("a.png", ONE, ("one",))]


@pytest.mark.parametrize("name", FORMATS)
def test_rows_without_bytes_are_looked_up_by_their_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(TWO)
    image = pyarrow.array(
        [{"bytes": ONE, "path": "x"}, {"bytes": None, "path": "y"}],
        pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()}),
    )
    columns = {"file_name": ["a.png", "b.png"], "image": image, "text": ["one", "two"]}
    (tmp_path / name).write_bytes(written(name, columns))
    assert facts(list(read(tmp_path / name))) == [("x", ONE, ("one",)), ("b.png", TWO, ("two",))]


@pytest.mark.parametrize("name", FORMATS)
def test_several_images_in_a_row_have_all_its_texts_and_it_is_said(name: str) -> None:
    images = [
        [{"bytes": ONE, "path": "a.png"}, {"bytes": TWO, "path": None}],
        [{"bytes": THREE, "path": None}],
        [],
        None,
    ]
    columns = {"images": images, "texts": [["one", "two"], ["three"], ["four"], ["five"]]}
    found = found_in(name, columns)
    assert facts(found) == [
        ("a.png", ONE, ("one", "two")),
        (f"{name}, row 1, image 2", TWO, ("one", "two")),
        (f"{name}, row 2", THREE, ("three",)),
    ]
    assert reasons(found) == {
        f"{name}, row 3": "The row names no image.",
        f"{name}, row 4": "The row names no image.",
        name: "1 row had several images: each of these came in with all the texts of its row.",
    }


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ({"raw": "A dog.", "tokens": ["a", "dog"]}, ("A dog.",)),
        ([{"raw": "A dog.", "sentid": 1}, {"raw": "A cat.", "sentid": 2}], ("A dog.", "A cat.")),
        ({"raw": ["A dog.", "A cat."], "sentid": [1, 2]}, ("A dog.", "A cat.")),
        ([["A dog."], ["A cat.", None]], ("A dog.", "A cat.")),
        ({"text": {"raw": "A dog."}}, ("A dog.",)),
        ([{"tokens": ["no"]}], ()),
    ],
)
def test_nested_caption_structs(name: str, cell: object, texts: tuple[str, ...]) -> None:
    columns = {"image": [{"bytes": ONE}], "sentences": [cell]}
    assert facts(found_in(name, columns)) == [(f"{name}, row 1", ONE, texts)]


@pytest.mark.parametrize("name", FORMATS)
def test_dictionary_encoded_and_large_strings(name: str) -> None:
    columns = {
        "image": pyarrow.array([ONE, TWO, ONE], pyarrow.large_binary()),
        "file_name": pyarrow.array(["a", "b", "c"], pyarrow.large_string()),
        "text": pyarrow.array(["same", "same", "other"]).dictionary_encode(),
        "license": pyarrow.array(["CC0", None, "CC0"]).dictionary_encode(),
    }
    found = images(found_in(name, columns))
    expected = [("same", "CC0"), ("same", None), ("other", "CC0")]
    assert [(one.texts[0], one.license) for one in found] == expected


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize("name", ["stream.arrow", "file.arrow", "file.feather"])
def test_compressed_arrow(name: str, codec: str) -> None:
    rows = {"image": [ONE, TWO, THREE] * 9, "text": [str(number) for number in range(27)]}
    data = written(name, rows, compression=codec)
    found = images(read(NamedFile(name, data)))
    assert [one.texts[0] for one in found] == [str(number) for number in range(27)]


@pytest.mark.parametrize("name", FORMATS)
def test_the_bytes_of_a_table_decide(name: str) -> None:
    data = written(name, {"image": [ONE], "text": ["one"]})
    for other in ("t", "t.csv", "t.jpg", "t.parquet", "t.arrow"):
        file = NamedFile(other, data)
        assert kind_of(file) in ("parquet", "arrow")
        assert facts(list(read(file))) == [(f"{other}, row 1", ONE, ("one",))]


def test_batches_that_are_too_large_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = numpy.random.default_rng(0).bytes(30_000)
    small, large = {"image": [ONE, TWO]}, {"image": [b"\0" * 300_000, noise]}
    words = [f"{number:06} {'x' * 300}" for number in range(400)]
    dictionaries = {"image": [ONE] * 400, "text": pyarrow.array(words).dictionary_encode()}
    monkeypatch.setattr(arrow_table, "MAX_BATCH", 100_000)
    for name in ("stream.arrow", "file.arrow"):
        for codec in (None, "lz4", "zstd"):
            assert len(images(read(NamedFile(name, written(name, small, compression=codec))))) == 2
            for columns in (large, dictionaries):
                data = written(name, columns, compression=codec)
                [problem] = read(NamedFile(name, data))
                assert isinstance(problem, Problem)
                assert problem.reason.startswith("A record batch of the table is too large")


def test_a_compressed_bomb_is_known_by_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that unpacks to 64 MB is refused although its body has a few kB."""
    monkeypatch.setattr(arrow_table, "MAX_BATCH", 10_000_000)
    data = written("file.arrow", {"image": [b"\0" * 64_000_000]}, compression="zstd")
    assert len(data) < 50_000
    [problem] = read(NamedFile("t.arrow", data))
    assert isinstance(problem, Problem) and "too large" in problem.reason


@pytest.mark.parametrize("name", ["stream.arrow", "file.arrow"])
def test_damaged_arrow_is_one_line(name: str) -> None:
    rows = {"image": [png(n) for n in range(20)], "text": [str(n) for n in range(20)]}
    data = written(name, rows)
    whole = facts(list(read(NamedFile("t.arrow", data))))
    assert len(whole) == 20
    for end in range(10, len(data), len(data) // 40):
        found = list(table_entries(NamedFile("t.arrow", data[:end]), None, Limits()))
        told = [one for one in found if isinstance(one, Problem)]
        read_ = [(one.name, one.data, one.texts) for one in found if isinstance(one, Entry)]
        assert read_ == whole[: len(read_)] and len(told) <= 1
        assert told or len(read_) == 20  # only what follows the rows is missing
    half = list(read(NamedFile("t.arrow", data[: len(data) // 2])))
    [(where, reason)] = reasons(half).items()
    before = len(facts(half))
    assert before > 4 and where == f"t.arrow, row {before + 1}"
    assert reason == (
        f"The Arrow file is damaged; write it again. {before} rows before the damage came in."
    )


@pytest.mark.parametrize("codec", [None, "lz4"])
def test_random_damage_to_arrow_never_crashes(codec: str | None) -> None:
    noise = numpy.random.default_rng(0)
    text = pyarrow.array([["one", "two"], ["three"], None, ["four"]])
    columns = {"image": [{"bytes": ONE}, {"bytes": TWO}, None, {"bytes": THREE}], "texts": text}
    columns["license"] = pyarrow.array(["a", "b", "a", "b"]).dictionary_encode()
    for name in ("stream.arrow", "file.arrow"):
        good = written(name, columns, compression=codec)
        for _ in range(150):
            bad = bytearray(good)
            for place in noise.integers(0, len(bad), 3):
                bad[place] = noise.integers(256)
            for one in table_entries(NamedFile("t.arrow", bytes(bad)), None, Limits()):
                assert isinstance(one, Entry) or len(one.reason.splitlines()) == 1


def test_offsets_that_lie_are_not_followed() -> None:
    data = bytearray(written("stream.arrow", {"path": ["a.png"] * 2, "text": ["one", "two"]}))
    place = bytes(data).index(struct.pack("<3i", 0, 3, 6))
    data[place : place + 12] = struct.pack("<3i", 0, 3, 2_000_000_000)
    [problem] = table_entries(NamedFile("t.arrow", bytes(data)), None, Limits())
    assert isinstance(problem, Problem) and "damaged" in problem.reason


@pytest.mark.parametrize("name", FORMATS)
def test_memory_is_that_of_a_batch_or_row_group(name: str) -> None:
    noise = numpy.random.default_rng(0)
    table = pyarrow.table({"image": [ONE + noise.bytes(100_000) for _ in range(100)]})
    file = io.BytesIO()
    if name.endswith(".parquet"):
        parquet.write_table(table, file, row_group_size=5)
    else:
        opened = ipc.new_stream if name.startswith("stream") else ipc.new_file
        with opened(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=5)
    del table
    data, start = file.getvalue(), pyarrow.total_allocated_bytes()
    found = read(NamedFile(name, data))
    most = max(pyarrow.total_allocated_bytes() for one in found if isinstance(one, WebImage))
    assert most - start < 2_000_000  # of 10 MB


@pytest.mark.parametrize("name", FORMATS)
def test_several_columns_of_images_with_one_name_are_told(name: str) -> None:
    cells = pyarrow.array([{"bytes": ONE, "path": "1.png"}])
    table = pyarrow.Table.from_arrays(
        [pyarrow.array(["1.png"]), cells, cells], names=["path", "image", "image"]
    )
    assert reasons(found_in(name, table)) == {
        name: "Several columns are called image; rename them."
    }


NULLS = pyarrow.nulls(MAX_VALUES + 1)
MANY = {
    "nulls": pyarrow.ListArray.from_arrays([0, len(NULLS), len(NULLS)], NULLS),
    "lists in a list": pyarrow.array([[["a cat"] * 10] * (MAX_VALUES // 9), []]),
    "structs": pyarrow.array([[{"a": 1, "b": 2}] * (MAX_VALUES // 2 + 1), []]),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("captions", MANY.values(), ids=list(MANY))
def test_a_cell_of_very_many_values_is_refused(name: str, captions: pyarrow.Array) -> None:
    """Nulls take no bytes in the file, and dozens each in memory."""
    image = [{"bytes": ONE, "path": "one.png"}, {"bytes": TWO, "path": "two.png"}]
    found = found_in(name, {"image": image, "captions": captions})
    (refused,) = (one for one in found if isinstance(one, Problem))
    assert "A cell of captions holds 1" in refused.reason
    assert "at most 100,000 are read" in refused.reason
    assert facts(found) == [("two.png", TWO, ())]


def test_a_value_that_is_in_very_many_rows_is_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dictionary of Parquet has it once, the rows hundreds of gigabytes of it."""
    monkeypatch.setattr("blip2core.formats.parquet.MAX_UNPACKED", 100_000)
    monkeypatch.setattr("blip2core.formats.parquet.MAX_RATIO", 1)
    columns = {"image": [f"{number}.png" for number in range(640)], "text": ["a cat" * 200] * 640}
    found = found_in("t.parquet", columns)
    reasons = [one.reason for one in found if isinstance(one, Problem) and one.about == "source"]
    assert any("unpacks to very much more than the file has" in reason for reason in reasons)
    assert 50 < sum(isinstance(one, Problem) and one.about == "image" for one in found) < 150
