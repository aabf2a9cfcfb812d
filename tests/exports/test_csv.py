from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas
import pytest

from blip2core.intake import read
from blip2core.texts import spreadsheet_safe
from tests.exports.reading import of_split
from tests.intake.making import images


def test_pandas_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("csv")
    frame = pandas.read_csv(
        out / "train.csv", dtype={"text": str}, keep_default_na=False, na_values=[""]
    )
    train = of_split(pairs, "train")
    assert list(frame["text"]) == [spreadsheet_safe(pair.text) for pair in train]
    assert list(frame["itm"].fillna(-1)) == [-1 if pair.itm is None else pair.itm for pair in train]
    assert all((out / name).is_file() for name in frame["image"])


def test_no_cell_is_a_formula_and_the_card_says_so(written: Callable[..., Any]) -> None:
    out, manifest, _pairs = written("csv")
    frames = [pandas.read_csv(path, dtype=str) for path in out.glob("*.csv")]
    texts = [text for frame in frames for text in frame["text"].dropna()]
    assert not [text for text in texts if text[0] in "=+-@\t\r\n"]
    assert sum(text.startswith("'") for text in texts) == 3
    assert "An apostrophe that is not in the data was put before 3 cells:" in (
        out / "README.md"
    ).read_text("utf-8")
    assert manifest.data["notes"]


RISKY = ("=1", "'=1", "''", "'", "@x", "-5 degrees", "＝1", "plain")


def test_a_column_names_the_cells_with_an_apostrophe_so_that_pandas_gives_back_each_text(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    pairs = [replace(pair, page_url="=page") for pair in make_pairs(10, texts=RISKY)]
    out, _, _ = written("csv", pairs)
    frame = pandas.read_csv(out / "train.csv", dtype=str, keep_default_na=False)
    for column in ("text", "page_url"):
        named = pandas.Series([column in told.split() for told in frame["apostrophe_before"]])
        frame[column] = frame[column].where(~named, frame[column].str[1:])
    train = of_split(pairs, "train")
    assert list(frame["text"]) == [pair.text for pair in train]
    assert set(frame["page_url"]) == {"=page"}


def test_the_import_gives_back_each_text(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    pairs = make_pairs(10, texts=RISKY)
    out, _, _ = written("csv", pairs)
    found = {text for one in images(read(out)) for text in one.texts}
    assert found == {pair.text for pair in pairs}


def test_one_such_cell_is_said_in_the_singular(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    _, manifest, _ = written("csv", make_pairs(1, texts=("=1",)))
    assert "was put before 1 cell:" in manifest.data["notes"][0]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1"])
def test_what_a_spreadsheet_computes_gets_an_apostrophe(text: str) -> None:
    assert spreadsheet_safe(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["a=1", "'twas", "", -0.5, None, 3])
def test_all_else_stays(cell: Any) -> None:
    assert spreadsheet_safe(cell) is cell


@pytest.mark.parametrize("text", ['a "b", c', "a\nb", "a\r\nb", "x,y;z\tw", "🐻"])
def test_cells_come_back(written: Callable[..., Any], make_pairs: Any, text: str) -> None:
    out, _, _ = written("csv", make_pairs(1, texts=(text,)))
    assert pandas.read_csv(out / "train.csv")["text"][0] == text
