"""What is in the tables of a source, told by their beginnings, whatever size they have."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import feather, parquet

from blip2core.errors import IntakeError
from blip2core.intake import Columns, Limits, NamedFile, Preview, first_rows, preview, read
from blip2core.intake import preview_tables as tables
from blip2core.intake.entries import Entry
from blip2core.intake.tables import table_entries
from blip2core.records import Problem, WebImage
from tests.intake.making import png, tarred, zipped

COCO = {
    "images": [{"id": number, "file_name": f"{number}.png"} for number in range(9)],
    "annotations": [{"image_id": n, "caption": f"caption {n}"} for n in range(3, 9)],
}
CSV = b"file_name,legend,score,caption\n1.png,the first of all,0.5,a dog\n"


def only(source: object, **more: object) -> Preview:
    """The only table of a source."""
    (found,) = preview(source, **more)  # type: ignore[arg-type]
    return found


def roles(found: Preview) -> dict[str, str]:
    return {name: found.role(name) for name in found.header}


def shown(found: Preview) -> list[dict[str, str]]:
    return [{name: cell.text for name, cell in row.items()} for row in found.rows]


def test_columns_and_first_rows_of_a_csv() -> None:
    found = only(NamedFile("t.csv", CSV))
    assert (found.table, found.format, found.problem) == ("t.csv", "CSV", "")
    assert roles(found) == {
        "file_name": "image",
        "legend": "not used",
        "score": "data",
        "caption": "text",
    }
    assert found.wordy == {"legend", "caption"}
    assert shown(found) == [
        {"file_name": "1.png", "legend": "the first of all", "score": "0.5", "caption": "a dog"}
    ]


def test_every_role_is_told() -> None:
    header = b"image,url,text,page_url,license,id,x\n1.png,http://a.org,a b,p,l,i7,y\n"
    assert list(roles(only(NamedFile("t.csv", header))).values()) == [
        *("image", "address", "text", "page", "license", "id", "not used")
    ]


def test_columns_that_were_named_win_and_a_complete_choice_is_all() -> None:
    found = only(NamedFile("t.csv", CSV), columns=Columns(texts=("legend",)))
    assert roles(found)["legend"] == "text" and roles(found)["file_name"] == "image"
    complete = Columns(path="file_name", complete=True)
    assert found.role("caption", complete) == "not used"
    assert found.problem_with(complete) == ""
    assert "No column tells where the images are" in found.problem_with(Columns(complete=True))


def test_a_table_without_a_known_image_column_still_shows_its_columns() -> None:
    found = only(NamedFile("t.csv", b"foto,words\n1.png,a red dog\n"))
    assert "No column tells where the images are" in found.problem
    assert found.header == ("foto", "words") and found.wordy == {"words"}
    missing = only(NamedFile("t.csv", CSV), columns=Columns(path="gone", texts=("caption", "x")))
    assert "There is no column gone, x" in missing.problem
    assert missing.columns.texts == ("caption",)


def test_rows_that_cannot_be_read_are_noted_and_the_others_shown() -> None:
    rows = b'{"image": "1.png", "text": "a"}\nnot json\n{"image": "2.png", "more": ["b", "c d"]}\n'
    found = only(NamedFile("t.jsonl", rows))
    assert found.format == "JSON Lines" and found.header == ("image", "text", "more")
    assert found.notes == ("Row 2: This is not JSON (Expecting value).",)
    assert shown(found)[1] == {"image": "2.png", "text": "", "more": "b | c d"}
    latin = "file_name,text\n1.png,caf\xe9 noir\n".encode("latin-1")
    assert "Windows-1252" in only(NamedFile("t.csv", latin)).notes[0]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_images_within_a_table_are_shown_small(kind: str) -> None:
    rows = {
        "image": [{"bytes": png(9, (400, 300)), "path": "a.png"}, {"bytes": None, "path": "b.png"}],
        "text": ["a dog", None],
        "hash": [b"\x00\x01", b"\x02"],
    }
    file = io.BytesIO()
    write = parquet.write_table if kind == "parquet" else feather.write_feather
    write(pa.table(rows), file)
    found = only(NamedFile(f"t.{kind}", file.getvalue()))
    assert roles(found) == {"image": "image", "text": "text", "hash": "not used"}
    small = found.rows[0]["image"].image
    assert small is not None
    with Image.open(io.BytesIO(small)) as opened:
        assert (opened.format, opened.size) == ("JPEG", (96, 72))
    assert found.rows[1]["image"].text == "b.png" and found.rows[1]["image"].image is None
    assert found.rows[0]["hash"].text == "2 bytes" and found.rows[0]["hash"].image is None


def test_images_of_an_annotation_file_are_found_in_any_folder_below(tmp_path: Path) -> None:
    (tmp_path / "val2017").mkdir()
    (tmp_path / "val2017" / "3.png").write_bytes(png())
    (tmp_path / "captions.json").write_text(json.dumps(COCO))
    for source in (tmp_path, tmp_path / "captions.json"):
        found = only(source)
        shown = {one.name.text: one.name.image is not None for one in found.images}
        assert shown == {"3.png": True, "4.png": False, "5.png": False}


def test_images_that_lie_beside_are_shown_where_the_table_says_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.png").write_bytes(png(5))
    (tmp_path / "in" / "t.csv").write_bytes(b"file_name,text\n1.png,a\n../../1.png,b\n9.png,c\n")
    for source in (tmp_path, tmp_path / "in" / "t.csv"):
        cells = [row["file_name"] for row in only(source).rows]
        assert [cell.image is not None for cell in cells] == [True, False, False]


def test_annotation_files_show_three_images_with_texts() -> None:
    data = json.dumps(COCO).encode()
    found = only(NamedFile("set.zip", zipped({"a/coco.json": data, "a/4.png": png(4)})))
    assert (found.table, found.format, found.is_table) == ("a/coco.json", "COCO captions", False)
    assert [one.name.text for one in found.images] == ["3.png", "4.png", "5.png"]
    assert found.images[0].texts == ("caption 3",)
    assert [one.name.image is not None for one in found.images] == [False, True, False]
    lines = b"1.jpg#0\ta dog\n1.jpg#1\ttwo dogs\n2.jpg#0\ta cat\n"
    flickr = only(NamedFile("f.token", lines))
    assert [one.texts for one in flickr.images] == [("a dog", "two dogs"), ("a cat",)]
    answers = json.dumps({"annotations": [{"question_id": 1, "answers": []}]}).encode()
    assert "answers to questions" in only(NamedFile("a.json", answers)).problem


def test_one_table_of_each_header_stands_for_the_others() -> None:
    members = {f"{n}/metadata.csv": CSV for n in range(4)} | {"other.tsv": b"path\ttext\n1\ta b\n"}
    found = preview(NamedFile("set.zip", zipped(members)))
    assert [(one.table, one.others) for one in found] == [
        ("0/metadata.csv", ("1/metadata.csv", "2/metadata.csv", "3/metadata.csv")),
        ("other.tsv", ()),
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tables_in_archives_in_a_folder(tmp_path: Path, mode: str) -> None:
    members = [
        ("a/t.csv", CSV),
        ("notes.json", b'[{"image": "1.png", "text": "a b"}]'),
        ("a/1.png", png()),
    ]
    (tmp_path / "a.tar.gz").write_bytes(tarred(members, mode))
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no")
    assert [one.table for one in preview(tmp_path)] == ["a/t.csv", "notes.json"]


def test_files_that_an_import_takes_for_no_tables_are_left_out(tmp_path: Path) -> None:
    stats = '{"count": 1, "successes": 1, "failed_to_download": 0}'
    manifest = '{"tool": "blip2-studio", "content_sha256": "", "counts": {}}'
    left_out = '{"caption_id": 1, "reason": "x"}'
    files = {"a.json": '{"text": "a b"}', "dataset_info.json": "{}", "x_stats.json": stats}
    files |= {"manifest.json": manifest, "left_out.jsonl": left_out, "._a.csv": "file_name,text\n"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "a.png").write_bytes(png())
    assert preview(tmp_path) == ()
    assert preview([tmp_path / "a.png", tmp_path / "gone.csv"]) == ()


def test_the_only_source_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK\x03\x04 no zip")
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    for name, reason in (("a.docx", "no"), ("a.mp4", "neither an image"), ("b", "There is no")):
        with pytest.raises(IntakeError, match=reason):
            preview(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.token", "a.parquet", "a.arrow"]
)
def test_an_empty_file_is_told(name: str) -> None:
    assert only(NamedFile(name, b"")).problem == "The file is empty."


class CountedFile(io.BufferedReader):
    """A file that counts the bytes that are read of it."""

    read_in_all = 0

    def read(self, count: int | None = -1, /) -> bytes:
        data = super().read(count)
        CountedFile.read_in_all += len(data)
        return data


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> type[CountedFile]:
    def opened(self: NamedFile) -> BinaryIO:
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return CountedFile(io.FileIO(self.content))

    monkeypatch.setattr(NamedFile, "open", opened)
    CountedFile.read_in_all = 0
    return CountedFile


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "latin-1"])
def test_of_a_huge_table_only_the_beginning_is_read(
    tmp_path: Path, bytes_read: type[CountedFile], encoding: str
) -> None:
    rows = "".join(f"{number}.png,caf\xe9 {number}\r\n" for number in range(200_000))
    path = tmp_path / "t.csv"
    path.write_bytes(f"file_name,text\r\n{rows}".encode(encoding))
    with path.open("r+b") as file:
        file.truncate(5_000_000_000)
    found = only(path)
    assert [row["text"].text for row in found.rows] == [f"caf\xe9 {n}" for n in range(8)]
    assert bytes_read.read_in_all < 3 * tables.HEAD


def test_a_row_that_is_cut_off_by_the_end_of_the_beginning_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "HEAD", 40)
    found = only(NamedFile("t.csv", b"file_name,text\n1.png,a dog\n2.png,a very long text\n"))
    assert [row["text"].text for row in found.rows] == ["a dog"]


def test_of_a_huge_json_file_only_the_beginnings_of_its_parts_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "c.json").write_text(json.dumps({"info": {"about": "x, [y"}, **COCO}))
    monkeypatch.setattr("blip2core.intake.previews.WHOLE", 100)
    monkeypatch.setattr(tables, "HEAD", 250)
    found = only(tmp_path / "c.json")
    assert found.format == "COCO captions"
    assert found.images[0].texts == ("caption 3",)
    (tmp_path / "d.json").write_text(json.dumps({"info": ["x" * 50] * 9}))
    assert "the import, which reads all of it" in only(tmp_path / "d.json").problem


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_columns_too_large_to_be_read_at_once_are_not_shown(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    write = parquet.write_table if kind == "parquet" else feather.write_feather
    images = [png(shade, (300, 300)) for shade in range(40)]
    write(pa.table({"image": images, "text": ["a b"] * 40}), file)
    monkeypatch.setattr(first_rows, "FIRST_BATCH", 2_000)
    found = only(NamedFile(f"t.{kind}", file.getvalue()))
    assert roles(found) == {"image": "image", "text": "text"}
    assert all(row["image"].image is None for row in found.rows)
    assert "image" in found.notes[0] if kind == "parquet" else "not shown" in found.notes[0]


def test_hostile_cells_and_names_are_one_short_visible_line() -> None:
    name, text = "<b>\u202e", "a\nb\x1b[31m\u202e" + "x" * 10_000
    rows = json.dumps({"image": "../../etc/passwd", name: text, "deep": {"a": [[[[[1]]]]]}})
    (row,) = only(NamedFile("t.jsonl", rows.encode())).rows
    assert row[name].text.startswith("a b\\u001b[31m\\u202exxx") and len(row[name].text) == 160
    assert row["image"].text == "../../etc/passwd" and row["image"].image is None
    assert "a" in row["deep"].text


def test_an_image_that_would_take_long_to_open_is_not_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("blip2core.intake.preview_values.MOST_PIXELS", 11)
    file = io.BytesIO()
    parquet.write_table(pa.table({"image": [png()], "text": ["a b"]}), file)
    assert only(NamedFile("t.parquet", file.getvalue())).rows[0]["image"].image is None


def read_with(columns: Mapping[str, Columns], files: Mapping[str, bytes]) -> dict[str, object]:
    found = read(NamedFile("set.zip", zipped(files)), columns=columns)
    return {one.name: one.texts for one in found if isinstance(one, WebImage)}


def test_what_is_chosen_for_a_table_is_used_for_this_table_alone() -> None:
    table = b"foto,one,text\n%d.png,first,second\n"
    files = {f"{n}/t.csv": table.replace(b"%d", b"%d" % n) for n in (1, 2)}
    files |= {f"{n}/{n}.png": png(n) for n in (1, 2)}
    chosen = Columns(path="foto", texts=("one",), complete=True)
    assert read_with({"1/t.csv": chosen}, files) == {"1/1.png": ("first",), "2/2.png": ()}
    none = Columns(path="foto", complete=True)
    both = {"1/t.csv": none, "2/t.csv": Columns(path="foto")}
    assert read_with(both, files) == {"1/1.png": (), "2/2.png": ("second",)}


def test_json_rows_and_tables_among_several_files_take_their_choice() -> None:
    chosen = Columns(path="foto", texts=("one",), complete=True)
    rows = json.dumps([{"foto": "1.png", "one": "first", "text": "second"}]).encode()
    files = [NamedFile("1.png", png()), NamedFile("r.json", rows)]
    (image,) = [one for one in read(files, columns={"r.json": chosen}) if isinstance(one, WebImage)]
    assert image.texts == ("first",)
    table = NamedFile("t.csv", b"foto,one,text\n1.png,first,second\n")
    (image,) = [
        one
        for one in read([files[0], table], columns={"t.csv": chosen})
        if isinstance(one, WebImage)
    ]
    assert image.texts == ("first",)


def test_a_row_that_lacks_some_of_the_chosen_columns_is_read_without_them() -> None:
    rows = [
        {"foto": "1.png", "link": "http://a.org/1", "one": "first", "nr": 7},
        {"foto": "2.png", "two": "second"},
        {"link": "http://a.org/3", "one": "third"},
        {"one": "lost"},
    ]
    chosen = Columns(path="foto", url="link", texts=("one", "two"), id="nr", complete=True)
    table = NamedFile("t.jsonl", "\n".join(map(json.dumps, rows)).encode())
    found = list(table_entries(table, chosen, Limits()))
    entries = [(one.path, one.url, one.texts) for one in found if isinstance(one, Entry)]
    assert entries == [
        ("1.png", "http://a.org/1", ("first",)),
        ("2.png", None, ("second",)),
        (None, "http://a.org/3", ("third",)),
    ]
    (problem,) = [one for one in found if isinstance(one, Problem)]
    assert "There is no column foto" in problem.reason


def test_limits_are_those_of_the_import() -> None:
    rows = json.dumps(COCO).encode()
    found = only(NamedFile("c.json", rows), limits=Limits(table_bytes=100))
    assert "at most 100 are read" in found.problem
