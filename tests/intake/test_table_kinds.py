"""What is chosen for a table holds for all tables with its columns, wherever they lie, and for no
other: neither one beyond those that a preview looks into, nor one of the same name.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from blip2core.intake import Columns, NamedFile, Preview, TableKind, preview, read
from blip2core.intake.previews import KINDS, TABLES
from blip2core.intake.sources import ReadableSource
from blip2core.records import Problem, Told, WebImage
from tests.intake.making import png, tarred, zipped

Row = dict[str, object]
MANY = TABLES + 5


def csv(row: Row) -> bytes:
    return f"{','.join(row)}\n{','.join(map(str, row.values()))}\n".encode()


def lines(row: Row) -> bytes:
    return json.dumps(row).encode() + b"\n"


def rows(row: Row) -> bytes:
    return json.dumps([row]).encode()


def typed(write: Callable[[pa.Table, io.BytesIO], None]) -> Callable[[Row], bytes]:
    def table(row: Row) -> bytes:
        write(pa.table({name: [value] for name, value in row.items()}), file := io.BytesIO())
        return file.getvalue()

    return table


WRITERS: dict[str, Callable[[Row], bytes]] = {
    "csv": csv,
    "jsonl": lines,
    "json": rows,
    "parquet": typed(parquet.write_table),
    "arrow": typed(feather.write_feather),
}


def choose(found: tuple[Preview, ...], *texts: str, path: str) -> dict[TableKind, Columns]:
    """Choose a column of texts for each kind, in turn."""
    return {
        one.kind: Columns(path=path, texts=(text,), complete=True)
        for one, text in zip(found, texts, strict=True)
        if one.kind is not None
    }


def told(
    source: ReadableSource | list[NamedFile], columns: Mapping[TableKind, Columns]
) -> tuple[dict[str, tuple[str, ...]], list[Told]]:
    found = list(read(source, columns=columns))
    texts = {one.name: one.texts for one in found if isinstance(one, WebImage)}
    return texts, [one for one in found if not isinstance(one, WebImage)]


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("path", ["image", "foto"])
def test_a_choice_reaches_more_tables_than_are_looked_into(
    tmp_path: Path, ending: str, path: str
) -> None:
    for number in range(MANY):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        row: Row = {path: f"{number}.png", "text": f"spam {number}", "beta": f"good {number}"}
        (tmp_path / f"part{number:02}.{ending}").write_bytes(WRITERS[ending](row))
    (found,) = preview(tmp_path)
    assert len(found.others) == TABLES - 1 and "holds for all tables" in found.notes[-1]
    texts, rest = told(tmp_path, choose((found,), "beta", path=path))
    assert texts == {f"{number}.png": (f"good {number}",) for number in range(MANY)}
    assert not [one for one in rest if isinstance(one, Problem)]


@pytest.mark.parametrize("pack", [zipped, lambda files: tarred(files.items())])
def test_a_choice_reaches_tables_in_more_archives_than_are_looked_into(
    tmp_path: Path, pack: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    for number in range(6):
        table = csv({"file_name": f"{number}.png", "text": f"a{number}", "beta": f"b{number}"})
        files = {"metadata.csv": table, f"{number}.png": png(number)}
        (tmp_path / f"{number}.archive").write_bytes(pack(files))
    sources = [NamedFile(f"{n}.zip", tmp_path / f"{n}.archive") for n in range(6)]
    (found,) = preview(sources)
    texts, _ = told(sources, choose((found,), "beta", path="file_name"))
    assert texts == {f"{number}.png": (f"b{number}",) for number in range(6)}


def test_two_uploads_of_one_name_keep_a_choice_each() -> None:
    sources = [
        NamedFile("captions.csv", b"image,text,beta\n1.png,a1,b1\n"),
        NamedFile("captions.csv", b"image,text,gamma\n2.png,a2,g2\n"),
        *(NamedFile(f"{number}.png", png(number)) for number in (1, 2)),
    ]
    found = preview(sources)
    assert told(sources, choose(found[:1], "beta", path="image"))[0] == {
        "1.png": ("b1",),
        "2.png": ("a2",),
    }
    texts, rest = told(sources, choose(found, "beta", "gamma", path="image"))
    assert texts == {"1.png": ("b1",), "2.png": ("g2",)}
    assert not [one for one in rest if isinstance(one, Problem)]


def test_tables_of_one_name_in_two_archives_keep_a_choice_each() -> None:
    sources = [
        NamedFile(
            f"{number}.zip",
            zipped({"metadata.csv": table, f"{number}.png": png(number)}),
        )
        for number, table in enumerate(
            (b"file_name,text,beta\n0.png,a0,b0\n", b"file_name,text,gamma\n1.png,a1,g1\n")
        )
    ]
    found = preview(sources)
    texts, rest = told(sources, choose(found, "beta", "gamma", path="file_name"))
    assert texts == {"0.png": ("b0",), "1.png": ("g1",)} and not rest


def test_the_order_of_columns_makes_no_other_kind(tmp_path: Path) -> None:
    for number, order in enumerate((["image", "text", "beta"], ["beta", "text", "image"])):
        row = {"image": f"{number}.png", "text": "a", "beta": f"b{number}"}
        (tmp_path / f"{number}.jsonl").write_bytes(lines({name: row[name] for name in order}))
        (tmp_path / f"{number}.png").write_bytes(png(number))
    (found,) = preview(tmp_path)
    texts, _ = told(tmp_path, choose((found,), "beta", path="image"))
    assert texts == {"0.png": ("b0",), "1.png": ("b1",)}


def test_of_one_header_tables_that_hold_images_are_another_kind(tmp_path: Path) -> None:
    """What is guessed differs: a choice for names of files is none for their bytes."""
    (tmp_path / "a.csv").write_bytes(csv({"blob": "1.png", "text": "a", "beta": "b"}))
    (tmp_path / "1.png").write_bytes(png(1))
    held = WRITERS["parquet"]({"blob": png(2), "text": "c", "beta": "d"})
    (tmp_path / "b.parquet").write_bytes(held)
    found = preview(tmp_path)
    assert [one.columns.path for one in found] == [None, "blob"]
    texts, _ = told(tmp_path, choose(found[:1], "beta", path="blob"))
    assert sorted(texts.values()) == [("b",), ("c",)]


def test_a_table_keeps_what_was_said_of_its_name(tmp_path: Path) -> None:
    """As programs say it, and versions before this one did."""
    (tmp_path / "t.csv").write_bytes(csv({"image": "1.png", "text": "a", "beta": "b"}))
    (tmp_path / "1.png").write_bytes(png())
    said = {"t.csv": Columns(path="image", texts=("beta",), complete=True)}
    (image,) = [one for one in read(tmp_path, columns=said) if isinstance(one, WebImage)]
    assert image.texts == ("b",)


def test_kinds_that_are_not_shown_are_told(tmp_path: Path) -> None:
    for number in range(KINDS + 2):
        (tmp_path / f"{number}.csv").write_bytes(csv({"image": "1.png", f"c{number}": "a"}))
    found = preview(tmp_path)
    assert len(found) == KINDS and not found[0].notes
    assert "Not shown: 2 other kinds of tables or files, the first 6.csv" in found[-1].notes[0]


def test_nothing_is_told_where_all_is_shown(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(csv({"image": "1.png", "text": "a"}))
    assert preview(tmp_path)[0].notes == ()


def test_equal_kinds_are_spelled_the_same() -> None:
    """An archive is known again by how it was read."""
    guessed = Columns(path="image", texts=("text", "alt"))
    one = TableKind(header=("image", "text", "alt"), guessed=guessed)
    other = TableKind(
        header=("alt", "text", "image"), guessed=replace(guessed, texts=("alt", "text"))
    )
    assert one == other and repr(one) == repr(other)
