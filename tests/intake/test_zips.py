"""Zip archives that mean harm: each member is refused by itself, the others are read."""

import io
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from blip2core.errors import IntakeError
from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.brief_problems import MOST_ALIKE
from blip2core.intake.zips import ZipArchive
from blip2core.records import Problem, WebImage
from tests.intake.making import images, png, reasons, texts, zipped


def test_traversal_names_are_refused_one_by_one() -> None:
    bad = ["../a.png", "/etc/a.png", "x/../../a.png", "C:\\a.png", "..\\a.png", "\\\\host\\a.png"]
    members = {**dict.fromkeys(bad, png()), "fine.png": png(), "x/../also.png": png()}
    found = list(read(NamedFile("z.zip", zipped(members))))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["fine.png", "also.png"]
    assert len(reasons(found)) == len(bad)


def test_links_and_devices_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, kind in {"link.png": stat.S_IFLNK, "dev.png": stat.S_IFCHR}.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (kind | 0o777) << 16
            archive.writestr(member, "/etc/passwd")
    assert set(reasons(read(NamedFile("z.zip", file.getvalue())))) == {"link.png", "dev.png"}


def test_the_first_of_two_members_of_one_name_is_taken() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.png", png(1))
        archive.writestr("a.png", png(2))
        archive.writestr("./a.png", png(3))
    found = list(read(NamedFile("z.zip", file.getvalue())))
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(1)]
    assert len(found) == 3


def test_encrypted_members_are_refused() -> None:
    data = bytearray(zipped({"a.png": png()}))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    assert "encrypted" in reasons(read(NamedFile("z.zip", bytes(data))))["a.png"]


def test_archives_inside_are_not_opened() -> None:
    inner = zipped({"a.png": png()})
    found = read(NamedFile("z.zip", zipped({"b.zip": inner, "c.tar.gz": inner, "d.PNG": inner})))
    assert list(reasons(found)) == ["b.zip", "c.tar.gz"]  # d is left to the check of the image


def test_a_member_larger_than_an_image_may_be_is_not_unpacked() -> None:
    limits = Limits(image_bytes=1_000)
    found = list(
        read(
            NamedFile("z.zip", zipped({"a.png": bytes(1_001), "b.png": bytes(1_000)})),
            limits=limits,
        )
    )
    assert "larger than 1,000 bytes" in reasons(found)["a.png"]
    assert len(found) == 2


def test_an_archive_that_unpacks_to_far_more_than_its_size_ends() -> None:
    limits = Limits(unpacked_floor=1_000_000, unpacked_ratio=10)
    bomb = zipped({f"{number}.png": bytes(400_000) for number in range(10)})
    assert len(bomb) < 10_000
    found = list(read(NamedFile("z.zip", bomb), limits=limits))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["0.png", "1.png"]
    assert all("far more than its size" in reason for reason in reasons(found).values())


def test_a_size_that_lies_does_not_read_more(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.png": bytes(5_000_000)}))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + place, 10)
    assert "damaged" in reasons(read(NamedFile("z.zip", bytes(data))))["a.png"]


def many_empty_members(count: int) -> bytes:
    """Written by hand, since `zipfile` takes its time."""
    locals, listed = [], []
    for number in range(count):
        name = b"%06d.png" % number
        sizes = struct.pack("<5H3L2H", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0)
        locals.append(b"PK\3\4" + sizes + name)
        place = number * (30 + len(name))
        listed.append(b"PK\1\2\x14\0" + sizes + struct.pack("<3H2L", 0, 0, 0, 0, place) + name)
    body, directory = b"".join(locals), b"".join(listed)
    counts = min(count, 0xFFFF)
    end = struct.pack("<4H2LH", 0, 0, counts, counts, len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + end


def test_a_hundred_thousand_empty_members() -> None:
    file = NamedFile("z.zip", many_empty_members(100_000))
    found = [one for one in read(file) if isinstance(one, Problem)]
    assert sum(one.count for one in found) == 100_000 and len(found) == MOST_ALIKE + 1
    assert all(one.reason.endswith("The file is empty.") for one in found)


def test_more_members_than_are_read() -> None:
    file = NamedFile("z.zip", many_empty_members(1_000))
    found = list(read(file, limits=Limits(members=500)))
    assert len(found) == 501 and "Only the first 500" in found[0].reason  # type: ignore[union-attr]
    with pytest.raises(IntakeError, match="lists far more"):
        ZipArchive(file, Limits(members=100))


def test_damaged_archives() -> None:
    whole = zipped({"a.png": png(), "b.png": png(1), "t.csv": b"path,text\na.png,one\n"})
    for end in range(0, len(whole), 7):
        cut = NamedFile("z.zip", whole[:end])
        with pytest.raises(IntakeError):
            list(read(cut))
    spoiled = whole.replace(png()[20:30], bytes(10), 1)
    found = list(read(NamedFile("z.zip", spoiled)))
    assert len(found) == 2


def test_an_empty_archive_is_no_error() -> None:
    assert list(read(NamedFile("z.zip", zipped({})))) == []


def test_a_table_in_an_archive_reaches_only_its_members() -> None:
    table = b"path,text\na.png,one\n../a.png,two\n/etc/passwd,three\nnone.png,four\n"
    found = list(read(NamedFile("z.zip", zipped({"t.csv": table, "a.png": png()}))))
    assert len(reasons(found)) == 3
    assert texts(one for one in found if isinstance(one, WebImage)) == {"a.png": ("one",)}


def test_script_in_names_and_texts_is_kept_as_text() -> None:
    script = "<script>alert(1)</script>"
    members = {f"{script}.png".replace("/", ""): png()}
    members |= {f"{script}.txt".replace("/", ""): script.encode()}
    [found] = images(read(NamedFile("z.zip", zipped(members))))
    assert found.texts == (script,)
