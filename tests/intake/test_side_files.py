"""Texts beside an image: their encodings, and texts with line breaks that stand whole elsewhere."""

import json
from pathlib import Path

import pytest

from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.side_files import side_entry, without_copies
from blip2core.records import Unused, WebImage
from tests.intake.making import png, reasons, tarred, texts, zipped


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_side_files_in_encodings_that_say_which_they_are(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.txt").write_bytes("ein Bär\n熊".encode(encoding))
    (tmp_path / "a.json").write_bytes('{"caption": "l’été"}'.encode(encoding))
    assert texts(read(tmp_path)) == {"a.png": ("ein Bär", "熊", "l’été")}


def test_side_files_in_a_guessed_encoding_are_read_and_told_together(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        (tmp_path / f"{number}.txt").write_bytes("ein Bär".encode("cp1252"))
    (tmp_path / "3.png").write_bytes(png(3))
    (tmp_path / "3.caption").write_bytes("ein Bär".encode("utf-16-be"))
    members = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for source in (tmp_path, NamedFile("a.zip", zipped(dict(sorted(members.items()))))):
        found = list(read(source))
        assert [one.texts for one in found if isinstance(one, WebImage)] == [("ein Bär",)] * 4
        told = reasons(found)
        assert list(told) == ["0.txt", "3.caption"]
        assert told["0.txt"].startswith("3 such files are not UTF-8 and read as Windows-1252")
        assert told["3.caption"].startswith("This file is not UTF-8 and read as UTF-16")


@pytest.mark.parametrize("data", ["Собака бежит".encode("cp1251"), b"\xff", b"\x81"])
def test_what_cannot_be_told_is_refused(data: bytes) -> None:
    [refused] = side_entry("a.png", [("a.txt", data)], Limits()).found.refused
    assert (refused.name, refused.about, refused.texts) == ("a.txt", "text", 1)
    assert "The .txt beside the image is not UTF-8" in refused.reason


def test_a_text_with_line_breaks_is_one_text_where_the_json_has_it_whole() -> None:
    """As webdataset and img2dataset write it: the whole .txt is one text."""
    about = json.dumps({"caption": "one\ntwo"}).encode()
    file = tarred([("0.png", png()), ("0.txt", b"one\ntwo"), ("0.json", about)])
    assert texts(read(NamedFile("a.tar", file))) == {"0.png": ("one\ntwo",)}


def test_each_line_is_a_text_where_nothing_says_otherwise() -> None:
    files = [("a.txt", b"one\ntwo"), ("a.json", b'{"caption": "three"}')]
    entry = side_entry("a.png", files, Limits())
    assert entry.texts == ("one", "two", "three")


def test_only_line_ends_make_lines() -> None:
    data = "one\fpage\r\ntwo\u2028parts\rthree\n\nfour\n".encode()
    entry = side_entry("a.png", [("a.txt", data)], Limits())
    assert entry.texts == ("one page", "two\u2028parts", "three", "four")


def test_a_line_is_a_copy_of_a_text_of_the_table_with_line_breaks(tmp_path: Path) -> None:
    """As kohya and taggui read it: a line is a caption; the table beside it has the whole text."""
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.txt").write_bytes(b"one two\nanother\nits own")
    row = {"file_name": "a.png", "captions": ["one\ntwo", "another"]}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row))
    assert texts(read(tmp_path)) == {"a.png": ("its own", "one\ntwo", "another")}


def test_lines_that_are_copies() -> None:
    assert without_copies("a b\nc\n\nd  e", ["a\nb", "d e", "x"]) == (["c", ""], 2)
    assert without_copies("a\nb\n", ["a b"]) == ([], 1)
    assert without_copies("a\nb", ["a", "a b c"]) == (["b"], 1)
    assert without_copies("\ufeffa", ["\ufeff a"]) == ([], 1)


def test_other_texts_in_a_json_beside_an_image_are_told_once_by_field() -> None:
    rows = [
        {"caption": "a dog", "width": 4, "label": "some kind of dog"},
        {"caption": "a cat", "tags": ["dog", "cat"], "long": "a long other text"},
        {"caption": "a bird", "long": "another long text"},
    ]
    files = {f"{number}.png": png(number) for number in range(3)}
    files |= {f"{number}.json": json.dumps(row).encode() for number, row in enumerate(rows)}
    for source in (zipped(files), tarred(files.items())):
        [told] = [one for one in read(NamedFile("a", source)) if isinstance(one, Unused)]
        assert (told.kind, told.name, told.option) == ("column", "1.json, field long", "")
        assert told.advice.startswith("looks like texts")
