"""Tables of images: CSV, TSV, JSON Lines, Parquet; and rows that cannot be used."""

import csv
import io
import json
from pathlib import Path

import pandas
import pyarrow
import pytest
from pyarrow import parquet

from blip2core.errors import IntakeError
from blip2core.formats import parquet as parquet_table
from blip2core.intake import Columns, Limits, NamedFile, preview, read
from blip2core.intake.columns import find_columns
from blip2core.intake.entries import Entry
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, WebImage
from tests.intake.making import images, png, reasons


def entries(name: str, data: bytes, **limits: int) -> list[Entry | Problem]:
    return list(table_entries(NamedFile(name, data), None, Limits(**limits)))


def parquet_bytes(columns: dict[str, object], **options: object) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["file", "text", "kind"], Columns(path="file", texts=("text",))),
        (["URL", "TEXT", "LICENSE"], Columns(url="URL", texts=("TEXT",), license="LICENSE")),
        (
            ["image_url", "alt-text", "caption_2", "Caption 1", "page url"],
            Columns(
                url="image_url", texts=("alt-text", "caption_2", "Caption 1"), page_url="page url"
            ),
        ),
        (["context", "alternate", "path", "image"], Columns(path="path")),
    ],
)
def test_columns_by_their_usual_names(header: list[str], found: Columns) -> None:
    assert find_columns(header) == found


def test_columns_that_are_missing() -> None:
    with pytest.raises(IntakeError, match="there are: a, b"):
        find_columns(["a", "b"])
    with pytest.raises(IntakeError, match="no column c"):
        find_columns(["file"], Columns(path="file", texts=("c",)))


def test_rows_of_one_image_become_one() -> None:
    table = b"path,text,text\na.png,one,two\nb.png,three,\n./a.png,two,four\na.png,two,four\n"
    [a, b, other] = entries("t.csv", table)
    assert isinstance(a, Entry) and isinstance(b, Entry) and isinstance(other, Entry)
    assert (a.path, a.texts) == ("a.png", ("one", "two", "four"))
    assert (b.path, b.texts) == ("b.png", ("three",))


def test_a_cell_that_spells_a_list_is_several_texts() -> None:
    """As Karpathy's splits have it in a CSV, and as pandas writes a list."""
    table = (
        "raw,sentids,filename\n"
        '"[""One dog."", ""Two, three.""]","[0, 1]",1.jpg\n'
        '"[\'One\', ""it\'s""]",[2],2.jpg\n'
        '"[a, b]","[3]",3.jpg\n'
        '"[""a"", 1]","[4]",4.jpg\n'
    )
    found = entries("t.csv", table.encode())
    assert [one.texts for one in found if isinstance(one, Entry)] == [
        ("One dog.", "Two, three."),
        ("One", "it's"),
        ("[a, b]",),
        ('["a", 1]',),
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_number_in_a_column_of_texts_is_a_text_in_every_kind_of_table(kind: str) -> None:
    file = io.BytesIO()
    frame = pandas.DataFrame({"image": ["1.jpg", "2.jpg"], "n": [5, -7], "s": [0.5, None]})
    if kind == "csv":
        frame.to_csv(file, index=False)
    elif kind == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_parquet(file)
    wanted = Columns(texts=("n", "s", "n"))
    found = list(table_entries(NamedFile(f"t.{kind}", file.getvalue()), wanted, Limits()))
    assert [one.texts for one in found if isinstance(one, Entry)] == [("5", "0.5"), ("-7",)]
    assert [one.found.read for one in found if isinstance(one, Entry)] == [2, 1]


def test_columns_said_of_all_tables_are_about_those_that_have_them(tmp_path: Path) -> None:
    """In a folder the others are read by the names of their own; a table alone must have them."""
    for number in range(1, 5):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    (tmp_path / "a.csv").write_text("foto,deutsch\n1.png,ein Hund\n")
    (tmp_path / "b.csv").write_text("image,text\n2.png,a cat\n")
    (tmp_path / "c.jsonl").write_text(
        '{"foto": "3.png", "deutsch": "drei"}\n{"image": "2.png", "text": "two"}\n'
    )
    pandas.DataFrame({"image": ["4.png"], "text": ["four"]}).to_parquet(tmp_path / "d.parquet")
    wanted = Columns(path="foto", texts=("deutsch",))
    found = list(read(tmp_path, columns=wanted))
    assert {one.name: one.texts for one in found if isinstance(one, WebImage)} == {
        "1.png": ("ein Hund",),
        "2.png": ("a cat", "two"),
        "3.png": ("drei",),
        "4.png": ("four",),
    }
    note = "None of the columns that were named is here; what was read by its name: image, text."
    told = [one for one in found if isinstance(one, Problem)]
    assert [(one.name, one.about, one.reason) for one in told] == [
        ("b.csv", "note", note),
        ("d.parquet", "note", note),
    ]
    previews = {one.table: one.problem for one in preview(tmp_path, columns=wanted)}
    assert set(previews.values()) == {""}
    for source in (tmp_path / "b.csv", tmp_path / "d.parquet"):
        [told] = [one for one in read(source, columns=wanted) if isinstance(one, Problem)]
        assert told.reason == "There is no column foto, deutsch; there are: image, text."
        [alone] = preview(source, columns=wanted)
        assert alone.problem == told.reason


def test_columns_of_a_table_that_is_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(png())
    (tmp_path / "t.csv").write_text("foto,text\n1.png,a dog\n")
    columns = {"t.csv": Columns(path="foto"), "nope.csv": Columns(path="foto")}
    found = list(read(tmp_path, columns=columns))
    [told] = [one for one in found if isinstance(one, Problem)]
    assert (told.name, told.about) == ("nope.csv", "source")
    assert told.reason == "There is no such table, of which columns were said; see its name."
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("a dog",)]


def test_what_to_do_where_no_column_names_the_images() -> None:
    [told] = entries("t.csv", b"foto,words\n1.png,a red dog\n")
    assert isinstance(told, Problem)
    assert told.reason.endswith("Rename one, or name it: --image-column NAME, path of Columns.")


def test_digits_that_are_a_code_stay_as_they_were_written() -> None:
    header = "image,text,zip,phone,caption_id,score,count,much,minus"
    [found] = entries(
        "t.csv", f"{header}\n1.jpg,a dog,00501,+4930123,007,0.50,12,1e400,-0.5".encode()
    )
    assert isinstance(found, Entry)
    assert found.found.origins["a dog"].data == {
        "zip": "00501",
        "phone": "+4930123",
        "caption_id": "007",
        "score": 0.5,
        "count": 12,
        "much": "1e400",
        "minus": -0.5,
    }


def test_a_cell_that_holds_no_text_is_told_and_an_empty_one_is_none() -> None:
    cells = ["true", '{"k": 1}', "[[]]", "null", '""', "[]", "{}", "NaN", '{"en": "a dog"}']
    rows = "".join(f'{{"image": "{n}.jpg", "caption": {cell}}}\n' for n, cell in enumerate(cells))
    found = [one for one in entries("t.jsonl", rows.encode()) if isinstance(one, Entry)]
    assert [len(one.found.refused) for one in found] == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert found[-1].texts == ("a dog",)
    [told] = found[0].found.refused
    assert (told.reason, told.texts) == ("`caption` is neither a text nor a list of texts.", 1)


def test_the_comments_of_flickr30k_are_texts_and_others_are_not() -> None:
    table = b"image_name| comment_number| comment\n1.jpg| 0| Two men , outside .\n"
    [one] = entries("results.csv", table)
    assert isinstance(one, Entry) and one.texts == ("Two men , outside .",)
    told = entries("t.csv", b"image_name,comment\n1.jpg,blurred\n")
    assert [one.texts for one in told if isinstance(one, Entry)] == [()]


def test_texts_stay_as_they_are_written() -> None:
    texts = [
        "=1+1",
        "@SUM(A1)",
        "+1",
        "-1",
        "<script>alert(1)</script>",
        'a "quoted", text',
        "1\n2",
    ]
    file = io.StringIO()
    csv.writer(file).writerows([["path", "text"], *(["a.png", text] for text in texts)])
    [entry] = entries("t.csv", file.getvalue().encode())
    assert isinstance(entry, Entry) and entry.texts == tuple(texts)


def test_bad_rows_of_a_csv_are_told_and_passed() -> None:
    table = b"path,text\na.png,one\nb.png\nc.png,d,e\n\xff.png,f\n,nothing\n\nz.png,last\n"
    found = entries("t.csv", table)
    assert {one.name: one.reason[:19] for one in found if isinstance(one, Problem)} == {
        "t.csv, row 3": "The row has 1 cell,",
        "t.csv, row 4": "The row has 3 cells",
        "t.csv, row 5": "The row is not UTF-",
        "t.csv, row 6": "The row names no im",
    }
    assert [one.path for one in found if isinstance(one, Entry)] == ["a.png", "z.png"]


def test_huge_fields_and_lines() -> None:
    huge, longer = b"x" * 200_000, b"y" * 3_000_000
    table = b"path,text\na.png," + huge + b"\nb.png," + longer + b"\nc.png," + b"z" * 30_000
    found = entries("t.csv", table + b"\nd.png,fine\n")
    assert len(found) == 4
    kept = [one for one in found if isinstance(one, Entry)]
    names = [(one.path, one.texts) for one in kept]
    assert names == [("a.png", ()), ("b.png", ()), ("c.png", ()), ("d.png", ("fine",))]
    for one, length in zip(kept, ("200,000", "3,000,000", "30,000"), strict=False):
        [refused] = one.found.refused
        assert (refused.about, refused.texts) == ("text", 1)
        assert f"{length} characters" in refused.reason


def test_a_quote_that_never_ends() -> None:
    rows = b"".join(b"%d.png,text\n" % number for number in range(20_000))
    found = entries("t.csv", b'path,text\n0.png,"open\n' + rows)
    assert any(isinstance(one, Problem) for one in found)
    assert isinstance(found[-1], Entry)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(encoding: str, delimiter: str) -> None:
    table = f"path{delimiter}text\r\na.png{delimiter}Bär 日本\r\n".encode(encoding)
    [entry] = entries("t.csv", table)
    assert isinstance(entry, Entry) and entry.texts == ("Bär 日本",)


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xd9\0\0", b"a\0b,c\n", b"one\n"])
def test_what_is_no_table(data: bytes) -> None:
    [problem] = entries("t.csv", data)
    assert isinstance(problem, Problem)


def test_json_lines() -> None:
    deep = "[" * 100_000
    rows = ['{"file_name": "a.png", "captions": ["one", 2, "two"]}', "nonsense", "[1]", deep, ""]
    rows += ['{"url": "https://e.org/b", "alt": "b"}', '{"text": "no image"}', '{"path": 3}']
    rows += ['{"path": "c.png", "text": "\\ud800 half"}', '{"path": "d.png", "text": null}']
    found = entries("t.jsonl", "\n".join(rows).encode() + b'\n{"path": "\xff"}\n')
    known = [one for one in found if isinstance(one, Entry)]
    assert [one.path or one.url for one in known] == ["a.png", "https://e.org/b", "c.png", "d.png"]
    assert [one.texts for one in known] == [("one", "two"), ("b",), ("half",), ()]
    told = [one.name for one in found if isinstance(one, Problem)]
    assert told == [f"t.jsonl, row {number}" for number in (2, 3, 4, 7, 8, 11)]


def test_parquet_as_datasets_writes_it() -> None:
    image = [{"bytes": png(1), "path": "a.png"}, {"bytes": png(2), "path": None}, None]
    data = parquet_bytes({"image": image, "text": ["one", "two", "three"], "idle": [1, 2, 3]})
    found = list(read(NamedFile("t.parquet", data)))
    assert [(one.name, one.texts) for one in found if isinstance(one, WebImage)] == [
        ("a.png", ("one",)),
        ("t.parquet, row 2", ("two",)),
    ]
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(1), png(2)]
    assert list(reasons(found)) == ["t.parquet, row 3"]


def test_parquet_as_img2dataset_writes_it() -> None:
    columns = {
        "jpg": [png(1), png(1), None, png(2)],
        "caption": ["one", "uno", "lost", "two"],
        "url": [f"https://e.org/{number}" for number in range(4)],
        "license": ["CC0", None, None, None],
    }
    found = list(read(NamedFile("t.parquet", parquet_bytes(columns))))
    known = [one for one in found if isinstance(one, WebImage)]
    assert [(one.texts, one.url, one.license) for one in known] == [
        (("one", "uno"), "https://e.org/0", "CC0"),
        (("two",), "https://e.org/3", None),
    ]
    assert len(reasons(found)) == 1  # no bytes, and downloads are off


def test_parquet_of_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "t.parquet").write_bytes(
        parquet_bytes({"file_name": ["a.png"], "captions": [["one", "two"]]})
    )
    assert [one.texts for one in images(read(tmp_path / "t.parquet"))] == [("one", "two")]


def test_columns_of_one_name_are_told_apart() -> None:
    given = Columns(path="path", texts=("text", "text 2", "text 3"))
    table = b"path,note,text,text,text\na.png,-,one,two,three\n"
    (found,) = table_entries(NamedFile("t.csv", table), given, Limits())
    assert isinstance(found, Entry) and found.texts == ("one", "two", "three")


def test_a_row_group_that_is_too_large_is_refused_only_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parquet_table, "MAX_GROUP", 50_000)
    small = {"path": ["a.png", "b.png", "c.png"], "text": ["one", "two", "three"]}
    idle = [f"{number:050}" for number in range(3_000)]
    paths = [f"{number}.png" for number in range(3_000)]
    (big,) = entries("t.parquet", parquet_bytes({"path": paths, "text": idle}))
    assert isinstance(big, Problem) and "write smaller ones" in big.reason
    assert len(entries("t.parquet", parquet_bytes(small))) == 3
    group = parquet.ParquetFile(io.BytesIO(parquet_bytes(small))).metadata.row_group(0)
    largest = max(group.column(index).total_uncompressed_size for index in range(2))
    for limit, number in ((largest, 3), (largest - 1, 1)):
        monkeypatch.setattr(parquet_table, "MAX_GROUP", limit)
        assert len(entries("t.parquet", parquet_bytes(small))) == number
    monkeypatch.setattr(parquet_table, "MAX_GROUP", 50_000)
    unread = {"path": paths, "text": ["one"] * 3_000, "remark": idle}
    assert len(entries("t.parquet", parquet_bytes(unread))) == 3_000


def test_damaged_parquet() -> None:
    data = parquet_bytes({"path": ["a.png"] * 1_000, "text": [str(n) for n in range(1_000)]})
    for end in range(4, len(data), len(data) // 20):
        found = entries("t.parquet", data[:end])
        assert isinstance(found[-1], Problem)
    middle = len(data) // 3
    spoiled = data[:middle] + b"\xff" * 200 + data[middle + 200 :]
    assert entries("t.parquet", spoiled)


def test_a_text_in_parquet_that_is_not_utf8() -> None:
    bad = pyarrow.Array.from_buffers(
        pyarrow.string(), 2, pyarrow.array([b"\xff\xfe", b"fine"]).buffers()
    )
    found = entries("t.parquet", parquet_bytes({"path": ["a.png", "b.png"], "text": bad}))
    assert [type(one) for one in found] == [Problem, Entry]


def test_limits_of_rows_and_texts() -> None:
    table = b"path,text\n" + b"".join(b"%d.png,%d\n" % (n, n) for n in range(10))
    found = entries("t.csv", table, rows=4)
    assert len(found) == 5 and sum(isinstance(one, Problem) for one in found) == 1
    row = json.dumps({"path": "a.png", "texts": [str(n) for n in range(11)]}).encode()
    same = b"path,text\n" + b"".join(b"a.png,%d\n" % n for n in range(11))
    for [entry] in (entries("t.jsonl", row, texts=10), entries("t.csv", same, texts=10)):
        assert isinstance(entry, Entry) and entry.texts == tuple(map(str, range(10)))
        [problem] = entry.found.refused
        assert (problem.about, problem.texts) == ("text", 1) and "11 texts" in problem.reason


def test_a_table_of_very_many_columns_is_refused_at_once() -> None:
    [found] = entries("t.csv", b"," * 900_000 + b"\n")
    assert isinstance(found, Problem) and "900,001 columns; at most 1,000" in found.reason
