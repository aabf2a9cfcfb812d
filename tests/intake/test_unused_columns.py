"""Columns that look like texts and are not used are told; names, labels and addresses are not."""

import io

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from blip2core.intake import Columns, NamedFile, read, unused_columns
from blip2core.intake.unused_columns import looks_like_text
from blip2core.records import Unused, WebImage
from tests.intake.making import png

ROWS = "\n".join(
    f"{n}.png,a text,a long legend of picture {n},{n},dog,https://a.org/a b,a big dog,"
    for n in range(4)
)
TABLE = f"file_name,text,legend,number,name,link,label,empty\n{ROWS}\n"


def test_a_column_of_sentences_is_told_once() -> None:
    found = list(read(NamedFile("t.csv", TABLE.encode())))
    assert [one for one in found if isinstance(one, Unused)] == [
        Unused(
            kind="column",
            name="t.csv, column legend",
            advice="looks like texts",
            option="--text-column legend",
            count=1,
        )
    ]


def test_the_advice_names_the_option_or_the_control_of_the_page() -> None:
    (column,) = [one for one in read(NamedFile("t.csv", TABLE.encode())) if isinstance(one, Unused)]
    assert column.in_words() == "looks like texts: --text-column legend"
    page = 'looks like texts: choose it under "Texts are in" before the import'
    assert column.in_words(page=True) == page
    file = Unused(kind="file", name="a", advice="give it alone")
    assert file.in_words() == file.in_words(page=True) == "give it alone"


def test_a_name_that_nobody_would_type_is_not_repeated() -> None:
    table = f"file_name,{'x' * 201}\n1.png,two dogs\n"
    found = [one for one in read(NamedFile("t.csv", table.encode())) if isinstance(one, Unused)]
    assert [one.in_words() for one in found] == ["looks like texts: give it a shorter name"]


@pytest.mark.parametrize(
    ("cell", "is_text"),
    [
        ("two dogs", True),
        (["two dogs", "x"], True),
        ("dog", False),
        ("http://a b c", False),
        ("12 34 56", False),
        (3, False),
        ([], False),
        (None, False),
    ],
)
def test_what_looks_like_a_text(cell: object, is_text: bool) -> None:
    assert looks_like_text(cell) is is_text


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_columns_of_typed_tables_are_told_too(kind: str) -> None:
    file = io.BytesIO()
    columns = {
        "image": pa.array([png()], pa.binary()),
        "legend": ["two dogs"],
        "list": [["two dogs"]],
        "object": [{"raw": "two dogs"}],
        "chat": [[{"role": "user", "content": "who?"}]],
        "json": ['{"caption": "two dogs"}'],
        "word": ["dog"],
        "hash": pa.array([b"two dogs"], pa.binary()),
        "text_place": ["Caption EN"],
    }
    table = pa.table(columns)
    if kind == "parquet":
        parquet.write_table(table, file)
    else:
        feather.write_feather(table, file)
    found = read(NamedFile(f"t.{kind}", file.getvalue()))
    told = {one.name.rpartition(" ")[2]: one.in_words() for one in found if isinstance(one, Unused)}
    assert told == {
        name: f"looks like texts: --text-column {name}"
        for name in ("legend", "list", "object", "chat", "json")
    }
    (image,) = (
        one
        for one in read(NamedFile(f"t.{kind}", file.getvalue()), columns=Columns(texts=("json",)))
        if isinstance(one, WebImage)
    )
    assert image.texts == ("two dogs",)


def test_columns_that_differ_in_case_are_all_used() -> None:
    table = b"file_name,text,TEXT,Text 1,long_caption,negative_prompt\n1.png,a,b,c,d,not a dog\n"
    found = list(read([NamedFile("1.png", png()), NamedFile("t.csv", table)]))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("a", "b", "c", "d")]
    assert [one.name for one in found if isinstance(one, Unused)] == [
        "t.csv, column negative_prompt"
    ]


def test_only_the_first_cells_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unused_columns, "MOST_CELLS", 2)
    cells = "".join(f"1.png,{cell}\n" for cell in ("two dogs", "two cats", *"abcd"))
    found = read(NamedFile("t.csv", f"file_name,legend\n{cells}".encode()))
    assert [one.name for one in found if isinstance(one, Unused)] == ["t.csv, column legend"]
