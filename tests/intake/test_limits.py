"""Limits are exact: what just fits is read, and what is one larger is refused."""

import io
from dataclasses import fields
from pathlib import Path

import pytest

from blip2core.errors import ConfigError, IntakeError
from blip2core.file_names import MAX_NAME, inner_path
from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.archives import FolderArchive, LooseFiles
from blip2core.intake.limited_stream import LimitedStream
from blip2core.records import Problem, WebImage
from tests.intake.making import images, png, reasons, zipped

NAMES = [field.name for field in fields(Limits)]


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_is_at_least_one(name: str) -> None:
    assert getattr(Limits(**{name: 1}), name) == 1
    for wrong in (0, -1):
        with pytest.raises(ConfigError, match=f"{name} .{wrong}. must be at least 1"):
            Limits(**{name: wrong})


@pytest.mark.parametrize("value", ["5", None, 1.5, True])
def test_a_limit_is_a_whole_number(value: object) -> None:
    with pytest.raises(ConfigError, match="texts must be a whole number; got"):
        Limits(texts=value)  # type: ignore[arg-type]


def test_an_archive_may_unpack_to_the_larger_of_two_sizes() -> None:
    limits = Limits(unpacked_floor=100, unpacked_ratio=10)
    assert [limits.unpacked_bytes(packed) for packed in (0, 10, 11)] == [100, 100, 110]


def test_a_stream_gives_what_was_allowed_and_no_byte_more() -> None:
    stream = LimitedStream(io.BytesIO(b"123456789"))
    stream.allow(4)
    assert stream.read(2) + stream.read(2) == b"1234"
    with pytest.raises(IntakeError, match="far more than it says"):
        stream.read(1)
    stream.allow(4)
    assert stream.read(4) == b"6789"
    untouched = LimitedStream(io.BytesIO(b"1"))
    with pytest.raises(IntakeError):
        untouched.read(1)
    untouched.allow(1)
    with pytest.raises(IntakeError, match="below zero"):
        untouched.read(-1)


def test_the_longest_and_the_deepest_name() -> None:
    assert len(inner_path("x" * MAX_NAME)) == MAX_NAME
    assert inner_path("a/" * 2 + "b", depth=2) == "a/a/b"
    with pytest.raises(IntakeError, match="deeper than 2"):
        inner_path("a/" * 3 + "b", depth=2)


def test_the_largest_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12345")
    for archive in (
        FolderArchive(tmp_path, Limits()),
        LooseFiles([NamedFile("a.png", b"12345")]),
    ):
        assert archive.file("a.png", 5).read(5) == b"12345"
        with pytest.raises(IntakeError):
            archive.file("a.png", 4)
    with pytest.raises(IntakeError, match="larger than 4 bytes"):
        NamedFile("a.png", b"12345").read(4)
    with pytest.raises(IntakeError, match="empty"):
        NamedFile("a.png", b"").read(4)
    assert NamedFile("a.txt", b"").read(4, may_be_empty=True) == b""


def test_the_last_file_of_a_folder(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    (tmp_path / ".hidden.png").write_bytes(png(9))
    assert len(images(read(tmp_path, limits=Limits(members=3)))) == 3
    found = list(read(tmp_path, limits=Limits(members=2)))
    assert [isinstance(one, Problem) for one in found].count(False) == 2
    [told] = reasons(found).values()
    assert "first 2 files" in told


def test_the_deepest_folder(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "1.png").write_bytes(png())
    assert len(images(read(tmp_path, limits=Limits(depth=2)))) == 1
    assert "too deep" in reasons(read(tmp_path, limits=Limits(depth=1)))["a/b/1.png"]


def test_the_last_row_of_a_table() -> None:
    table = NamedFile("t.csv", b"url\nhttp://a.example/1\nhttp://a.example/2\n")
    told = [one.reason for one in read(table, limits=Limits(rows=2)) if isinstance(one, Problem)]
    assert len(told) == 2 and not any("first 2 rows" in reason for reason in told)
    told = [one.reason for one in read(table, limits=Limits(rows=1)) if isinstance(one, Problem)]
    assert any("first 1 rows" in reason for reason in told)


def test_the_last_member_and_the_largest_image_of_an_archive() -> None:
    file = NamedFile("z.zip", zipped({f"{number}.png": png(number) for number in range(3)}))
    size = max(len(png(number)) for number in range(3))
    assert len(images(read(file, limits=Limits(members=3, image_bytes=size)))) == 3
    assert reasons(read(file, limits=Limits(members=2)))
    small = min(len(png(number)) for number in range(3)) - 1
    assert len(reasons(read(file, limits=Limits(image_bytes=small)))) == 3


def test_a_json_file_of_too_many_values_is_refused_before_it_is_read() -> None:
    row = b'{"image": "a.png", "caption": "one, two"},'
    data = b"[" + row * 3 + row[:-1] + b"]"
    files = {"a.png": png(), "t.json": data}
    for values, number in ((data.count(b"{") + data.count(b",") + 1, 1), (12, 0)):
        limits = Limits(json_values=values)
        found = list(read(NamedFile("z.zip", zipped(files)), limits=limits))
        assert [len(one.texts) for one in found if isinstance(one, WebImage)] == [number]
        assert [one.reason for one in found if isinstance(one, Problem)] == [
            "t.json has about 16 values; at most 12 are read. Split it, or save its rows as JSON "
            "Lines."
        ] * (1 - number)
