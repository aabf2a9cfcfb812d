"""CSV and TSV as they are: no row is swallowed, and each has the text that it has in the file."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blip2core.formats.csv import csv_lines, csv_rows
from blip2core.formats.csv_records import Cells
from blip2core.intake import NamedFile, read
from blip2core.intake.entries import Entry
from blip2core.intake.limits import Limits
from blip2core.intake.tables import table_entries
from blip2core.records import Problem
from blip2core.texts import spreadsheet_safe
from tests.exports.reading import left_open, load, of_split
from tests.intake.making import images


def read_table(
    table: str | bytes, name: str = "t.csv", **limits: int
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Texts by image, and reasons by where."""
    data = table if isinstance(table, bytes) else table.encode()
    found = list(table_entries(NamedFile(name, data), None, Limits(**limits)))
    entries = [one for one in found if isinstance(one, Entry)]
    problems = [one for one in found if isinstance(one, Problem)]
    problems += [refused for entry in entries for refused in entry.found.refused]
    texts = {one.path or one.url or "": one.texts for one in entries}
    return texts, {one.name: one.reason for one in problems}


def texts_of(table: str | bytes, name: str = "t.csv") -> dict[str, str]:
    """Texts by image, one for each, of a table that nothing is said of."""
    texts, problems = read_table(table, name)
    assert problems == {}
    return {image: text for image, (text,) in texts.items()}


TSV = (
    'image\tcaption\na.jpg\t"a dog runs\nb.jpg\ta 5" pipe\nc.jpg\t"Stop" says a sign\nd.jpg\tend"\n'
)


def test_a_lone_quotation_mark_in_a_tsv() -> None:
    texts, problems = read_table(TSV, "t.tsv")
    assert texts == {
        "a.jpg": ('"a dog runs',),
        "b.jpg": ('a 5" pipe',),
        "c.jpg": ('"Stop" says a sign',),
        "d.jpg": ('end"',),
    }
    assert problems == {
        "t.tsv": "In 2 rows (row 2 is the first) a quotation mark does not enclose a cell; "
        "it was read as a character."
    }


def test_a_tsv_without_quoting_keeps_all_its_quotation_marks() -> None:
    lines = ['a.jpg\t"Stop" and "Go"', 'b.jpg\t"in quotation marks"', 'c.jpg\t"', 'd.jpg\t""']
    texts, _ = read_table("\n".join(["image\ttext", *lines]), "t.tsv")
    assert texts == {image: (text,) for image, text in (line.split("\t") for line in lines)}


def test_a_tsv_of_a_spreadsheet_is_unquoted_as_it_was_quoted() -> None:
    file = io.StringIO()
    rows = [("a.jpg", 'one "two"\nthree'), ("b.jpg", "tab\tinside"), ("c.jpg", "plain")]
    csv.writer(file, delimiter="\t").writerows([("image", "text"), *rows])
    assert texts_of(file.getvalue(), "t.tsv") == dict(rows)


@pytest.mark.parametrize("between", [0, 1, 5_000])
def test_a_lone_quotation_mark_in_a_csv_swallows_no_row(between: int) -> None:
    rows = "".join(f"{number}.png,text {number}\n" for number in range(between))
    for end in ("", 'y.png,"closed"\n', 'y.png,an end"\n', 'y.png,"another\n'):
        texts, problems = read_table(f'path,text\nx.png,"open\n{rows}{end}z.png,last\n')
        assert texts["x.png"] == ('"open',)
        assert texts["z.png"] == ("last",)
        assert len(texts) == between + 2 + bool(end)
        assert "(row 2" in problems["t.csv"]


def test_a_lone_quotation_mark_closed_by_that_of_another_row() -> None:
    texts, problems = read_table('id,path,text\n1,"a.png,open\n2,b.png,"in, side"\n3,c.png,"x"\n')
    assert texts == {'"a.png': ("open",), "b.png": ("in, side",), "c.png": ("x",)}
    texts, problems = read_table('path,text\na.png,"open\nb.png,one, two"\nc.png,three\n')
    assert texts == {"a.png": ('"open',), "c.png": ("three",)}
    assert problems["t.csv, row 3"] == "The row has 3 cells, the header 2."


def test_quotation_marks_in_the_middle_of_a_cell() -> None:
    table = 'path,text\na.png,the "big" dog\nb.png,5" wide\nc.png,"a ""quoted"" word, here"\n'
    assert texts_of(table) == {
        "a.png": 'the "big" dog',
        "b.png": '5" wide',
        "c.png": 'a "quoted" word, here',
    }
    texts, problems = read_table('path,text\na.png,"she said "no, no" to him"\nb.png,one\n')
    assert texts == {"a.png": ('she said "no, no" to him',), "b.png": ("one",)}
    assert "In 1 row (row 2) a quotation mark" in problems["t.csv"]


def test_line_breaks_within_quotation_marks() -> None:
    table = 'path,text\r\na.png,"one\r\n\r\n""two"", \r\nthree"\r\nb.png,"\r\n"\r\nc.png\r\n'
    texts, problems = read_table(table)
    assert texts == {"a.png": ('one\n\n"two", \nthree',), "b.png": ()}
    assert problems == {"t.csv, row 4": "The row has 1 cell, the header 2 (line 8 of the file)."}


def test_rows_have_the_numbers_of_a_spreadsheet_and_lines_those_of_an_editor() -> None:
    table = b'path,text\na.png,"1\n2\n3"\n\nb.png,two\n'
    found = [(row, line) for row, line, _ in csv_lines(NamedFile("t.csv", table))]
    assert found == [(2, 2), (4, 6)]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("image\tcaption, in English\na.png\tone, two\n", "t.tsv"),
        ("image\tcaption, in English\na.png\tone, two\n", "t.csv"),
        ("image;caption, in English\na.png;one, two\n", "t.csv"),
        ('image,"caption; short, long"\na.png,"one, two"\n', "t.csv"),
        ("image|caption\na.png|one, two\n", "t.csv"),
        ("sep=;\nimage;caption\na.png;one, two\n", "t.csv"),
        ('image;"the\ncaption"\na.png;one, two\n', "t.csv"),
        ("﻿image;caption\na.png;one, two\n", "t.csv"),
    ],
)
def test_the_delimiter_is_the_one_that_fits_the_rows(table: str, name: str) -> None:
    [(_, row)] = csv_rows(NamedFile(name, table.encode()))
    assert isinstance(row, dict)
    assert list(row.values()) == ["a.png", "one, two"]


def test_a_header_of_one_column_has_no_delimiter() -> None:
    table = 'url\nhttps://e.org/a,b;c.png\n"https://e.org/d.png"\n'
    texts, problems = read_table(table)
    assert (list(texts), problems) == (["https://e.org/a,b;c.png", "https://e.org/d.png"], {})


ACCENTS = "image;text\nä.png;ein Bär\nb.png;l’été\n"


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_windows_1252_and_utf_16_without_a_mark_are_read_and_said_once(name: str) -> None:
    for encoding, label in (("cp1252", "Windows-1252"), ("utf-16-le", "UTF-16")):
        texts, problems = read_table(ACCENTS.encode(encoding), name)
        assert texts == {"ä.png": ("ein Bär",), "b.png": ("l’été",)}
        assert list(problems) == [name] and f"was read as {label};" in problems[name]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read_table(ACCENTS.encode(encoding), name)[1] == {}


def test_a_damaged_row_in_utf_8_is_told_by_its_number() -> None:
    table = "path,text\na.png,Bär\n".encode() + b"b.png,B\xe4r\n" + "c.png,Bär\n".encode()
    texts, problems = read_table(table)
    assert list(texts) == ["a.png", "c.png"]
    assert problems == {"t.csv, row 3": "The row is not UTF-8; save the table as UTF-8."}


def test_nul_bytes_are_no_part_of_a_text() -> None:
    texts, told = read_table('path,text\na.png,o\0ne\nb.png,"t\0wo"\n')
    assert texts == {"a.png": ("one",), "b.png": ("two",)}
    reason = "Characters that are no text were taken out of its texts."
    assert told == {"t.csv, row 2": reason, "t.csv, row 3": reason}


def test_a_cell_of_10_mb_costs_only_what_is_in_it() -> None:
    huge = "x" * (10 * 2**20)
    texts, problems = read_table(f'path,text,idle\na.png,one,{huge}\nb.png,two,"{huge}"\n')
    assert (texts, problems) == ({"a.png": ("one",), "b.png": ("two",)}, {})
    texts, problems = read_table(f"path,text\na.png,{huge}\nb.png,two\n")
    assert texts == {"a.png": (), "b.png": ("two",)}
    assert "A text has 10,485,760 characters" in problems["t.csv, row 2"]
    texts, problems = read_table(f"path,text\na.png,{huge}{huge}\nb.png,two\n")
    assert texts == {"b.png": ("two",)}
    assert problems == {"t.csv, row 2": "The line is far too long and was left out."}


def test_ragged_rows() -> None:
    table = "path,text,license\na.png,one\nb.png,two,CC0,,\nc.png,three,CC0,more\nd.png\ne.png,,\n"
    texts, problems = read_table(table)
    assert texts == {"a.png": ("one",), "b.png": ("two",), "e.png": ()}
    assert problems == {
        "t.csv, row 4": "The row has 4 cells, the header 3.",
        "t.csv, row 5": "The row has 1 cell, the header 3.",
        "t.csv": "In 1 row (row 2) cells are missing at the end; they were read as empty.",
    }


def test_what_is_said_of_a_table_is_no_row_of_it() -> None:
    texts, problems = read_table(ACCENTS.encode("cp1252"), rows=2)
    assert len(texts) == 2 and list(problems) == ["t.csv"]
    _, problems = read_table(ACCENTS.encode("cp1252"), rows=1)
    assert "Only the first 1 rows" in problems["t.csv"]


ENDLESS = ['a.png,"x\n', '"\n', 'a"",""\n', '"" \n', 'a.png,"x""\n', "\"'\n", '",",\n']


@pytest.mark.parametrize("line", ENDLESS)
def test_quotation_marks_without_end_cost_no_row_and_no_more_work(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at, add = [0], Cells.add

    def counted(cells: Cells, text: str) -> bool:
        looked_at[0] += 1
        return add(cells, text)

    monkeypatch.setattr(Cells, "add", counted)
    rows = list(csv_rows(NamedFile("t.csv", b"path,text\n" + line.encode() * 20_000)))
    assert sum(number > 0 for number, _ in rows) == 20_000
    assert looked_at[0] <= 4 * 20_000


CELL = st.text(st.sampled_from("ab \",;\t\n'.é"), max_size=12)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=8),
    st.sampled_from([",", ";", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
@example([["a", '"'], ["b", '""']], ",", "\n")
def test_what_csv_writes_is_read_as_csv_reads_it(
    rows: list[list[str]], delimiter: str, end: str
) -> None:
    file = io.StringIO(newline="")
    header = ["path", "text"]
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows([header, *rows])
    found = list(csv_rows(NamedFile("t.csv", file.getvalue().encode())))
    expected = list(csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter))
    assert [row for _, row in found] == [
        dict(zip(header, cells, strict=True)) for cells in expected[1:]
    ]


@given(st.lists(st.text(st.sampled_from("ab \"\t,'é"), max_size=9), max_size=12))
def test_no_line_of_a_tsv_is_lost(lines: list[str]) -> None:
    """Each line that begins as a row is one, whatever quotation marks stand in any of them."""
    data = "".join(f"{n}.png\t{line}\n" for n, line in enumerate(lines))
    rows = [row for number, row in csv_rows(NamedFile("t.tsv", f"path\ttext\n{data}".encode()))]
    assert len([row for row in rows if not isinstance(row, dict) or "path" in row]) >= len(lines)


@given(
    st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=6),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example([["nl\nin", "tab\there"], ["nl\nin", "tab\there"]], csv.QUOTE_MINIMAL)
@example([["a\nb\tc\td", "x\ny"]], csv.QUOTE_MINIMAL)
@example([["a\nb", "tab\there\nand\tthere"]], csv.QUOTE_MINIMAL)
def test_line_breaks_and_tabs_in_quoted_cells_of_a_tsv_are_part_of_their_texts(
    rows: list[list[str]], quoting: Literal[0, 1]
) -> None:
    file = io.StringIO(newline="")
    full = [(f"{n}.jpg", *cells, "x") for n, cells in enumerate(rows)]
    writer = csv.writer(file, delimiter="\t", quoting=quoting, lineterminator="\n")
    writer.writerows([("image", "text", "title", "id"), *full])
    found = csv_rows(NamedFile("t.tsv", file.getvalue().encode()))
    assert [tuple(row.values()) for _, row in found if isinstance(row, dict)] == full


def test_pandas_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("csv")
    frame = pandas.read_csv(
        out / "train.csv", dtype={"text": str}, keep_default_na=False, na_values=[""]
    )
    train = of_split(pairs, "train")
    assert list(frame["text"]) == [spreadsheet_safe(pair.text) for pair in train]
    assert list(frame["itm"].fillna(-1)) == [-1 if pair.itm is None else pair.itm for pair in train]
    assert all((out / name).is_file() for name in frame["image"])


def test_datasets_reads_it_with_the_texts_that_pandas_takes_for_nothing(
    written: Callable[..., Any], make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    """By what the card says; told nothing, it would make None of them."""
    words = ("null", "NaN", "None", "n/a", "NA", "a dog")
    out, _, pairs = written("csv", make_pairs(20, texts=words))
    with left_open():
        found = load(str(out), tmp_path / "cache")
        for split in ("train", "validation"):
            assert found[split]["text"] == [pair.text for pair in of_split(pairs, split)]
            assert None in found[split]["itm"], "an empty cell is none"


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


@pytest.mark.parametrize("lines", range(25))
def test_a_quotation_mark_that_stays_open_in_the_header_ends(
    lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file that is shorter than a header may be, too: its last line is not read for ever."""
    looked_at, add = [0], Cells.add

    def counted(cells: Cells, text: str) -> bool:
        looked_at[0] += 1
        assert looked_at[0] <= 4 * (lines + 25)
        return add(cells, text)

    monkeypatch.setattr(Cells, "add", counted)
    table = 'image,"text\n' + "1.jpg,a\n" * lines
    texts, problems = read_table(table)
    assert texts.keys() == ({"1.jpg"} if lines else set()) and problems == {}
