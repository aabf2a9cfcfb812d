"""Tar archives: samples of webdataset, plain images, and those that mean harm."""

import gzip
import io
import json
import os
import pickle
import random
import tarfile
from pathlib import Path

import pytest

from blip2core.errors import IntakeError
from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.archive_reader import read_archive
from blip2core.intake.read_plan import ReadPlan
from blip2core.intake.tars import BACKWARD_STEPS, TarArchive
from blip2core.records import WebImage
from tests.intake.making import png, reasons, tarred, texts


def tar(*members: tuple[str | tarfile.TarInfo, bytes], mode: str = "w") -> NamedFile:
    return NamedFile("a.tar", tarred(members, mode))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_samples_as_img2dataset_writes_them(mode: str) -> None:
    about = {"url": "https://e.org/1", "caption": "one", "license": "CC0", "status": "success"}
    file = tar(
        ("000000001.jpg", png(1)),
        ("000000001.txt", b"one"),
        ("000000001.json", json.dumps(about).encode()),
        ("000000002.json", b"{}"),
        ("000000002.webp", png(2)),
        mode=mode,
    )
    one, two = read(file)
    assert isinstance(one, WebImage) and isinstance(two, WebImage)
    assert (one.texts, one.url, one.license) == (("one",), "https://e.org/1", "CC0")
    assert (two.name, two.texts, two.url) == ("000000002.webp", (), None)


def test_the_key_ends_at_the_first_dot() -> None:
    file = tar(
        ("x/1.jpg", png(1)),
        ("x/1.seg.png", png(2)),
        ("x/1.cls", b"7"),
        ("x/1.txt", b"one\nuno"),
        ("y/1.txt", b"another"),
        ("y/1.png", png(3)),
    )
    assert texts(read(file)) == {"x/1.jpg": ("one", "uno"), "y/1.png": ("another",)}


def test_a_plain_archive_of_images() -> None:
    file = tar(("my.first.jpg", png(1)), ("my.second.jpg", png(2)), ("b.png", png(3)))
    assert list(texts(read(file))) == ["my.first.jpg", "my.second.jpg", "b.png"]


def test_no_pickle_is_ever_read(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Harm:
        def __reduce__(self) -> tuple[object, ...]:
            return canary.touch, ()

    harm = pickle.dumps(Harm())
    file = tar(("1.pyd", harm), ("1.pkl", harm), ("1.pickle", harm), ("1.png", png()))
    assert list(texts(read(file))) == ["1.png"]
    assert not canary.exists()


def test_members_that_are_no_files_are_refused() -> None:
    members = []
    for name, kind in {
        "s.png": tarfile.SYMTYPE,
        "h.png": tarfile.LNKTYPE,
        "f.png": tarfile.FIFOTYPE,
    }.items():
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        members.append((member, b""))
    found = list(read(tar(*members, ("fine.png", png()))))
    assert set(reasons(found)) == {"s.png", "h.png", "f.png"}
    assert isinstance(found[-1], WebImage)


def test_names_that_lead_outside_or_come_twice_are_refused() -> None:
    bad = ["../a.png", "/a.png", "x/../../a.png", "b.png", "c.tar", "t.csv", "e.png"]
    members = [("b.png", png(1)), *((name, png(2)) for name in bad[:-1]), ("e.png", b"")]
    found = list(read(tar(*members)))
    assert set(reasons(found)) == set(bad)
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(1)]


def test_names_that_are_not_utf8() -> None:
    data = tarred([("XX.png", png())]).replace(b"XX.png", b"\xff\xfe.png", 1)
    header = bytearray(data[:512])
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    [found] = read(NamedFile("a.tar", bytes(header) + data[512:]))
    assert isinstance(found, WebImage)
    found.name.encode("utf-8")


def test_a_thousand_empty_members() -> None:
    headers = [tarfile.TarInfo(f"{number}.png").tobuf() for number in range(1_000)]
    assert len(headers[0]) == 512
    data = b"".join(headers) + bytes(1_024)
    assert len(reasons(read(NamedFile("a.tar", data)))) == 1_000
    found = list(read(NamedFile("a.tar", data), limits=Limits(members=10)))
    assert len(found) == 11 and "Only the first 10" in reasons(found)["a.tar"]


def test_an_archive_that_unpacks_to_far_more_than_its_size_ends() -> None:
    bomb = gzip.compress(tarred([("1.png", png()), ("2.png", bytes(20_000_000)), ("3.png", png())]))
    limits = Limits(unpacked_floor=1_000_000, unpacked_ratio=10)
    found = list(read(NamedFile("a.tar.gz", bomb), limits=limits))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["1.png"]
    assert "far more than its size" in reasons(found)["a.tar.gz"]


def test_a_header_that_never_ends() -> None:
    huge = tarfile.TarInfo("././@LongLink")
    huge.type, huge.size = tarfile.GNUTYPE_LONGNAME, 20_000_000
    file = io.BytesIO()
    with gzip.open(file, "wb") as packed:
        packed.write(huge.tobuf(tarfile.GNU_FORMAT))
        for _ in range(20):
            packed.write(b"a" * 1_000_000)
    [problem] = read(NamedFile("a.tar.gz", file.getvalue()))
    assert "more than it says" in reasons([problem])["a.tar.gz"]


def test_what_comes_before_a_break_is_kept() -> None:
    whole = tarred([(f"{number}.png", png(number)) for number in range(4)])
    found = list(read(NamedFile("a.tar", whole[: 512 * 5])))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["0.png", "1.png"]
    assert "breaks off after 2.png" in reasons(found)["a.tar"]
    noise = random.Random(0).randbytes(100_000)
    packed = gzip.compress(tarred([(f"{number}.png", noise[number:]) for number in range(4)]))
    found = list(read(NamedFile("a.tar.gz", packed[: len(packed) // 2])))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["0.png"]
    assert "breaks off after 1.png" in reasons(found)["a.tar.gz"]


def test_a_damaged_header_in_the_middle_is_told() -> None:
    whole = bytearray(tarred([(f"{number}.png", png(number)) for number in range(40)]))
    whole[512 * 40 : 512 * 40 + 300] = b"x" * 300
    found = list(read(NamedFile("a.tar", bytes(whole))))
    assert "what follows was not read" in reasons(found)["a.tar"]
    assert len(found) == 21


def test_what_is_no_tar_archive() -> None:
    for data in (b"\x1f\x8b nothing", gzip.compress(b"path\na.png\n"), b"\0"):
        with pytest.raises(IntakeError, match="no whole tar archive"):
            list(read(NamedFile("a.tar", data)))


def test_texts_that_cannot_be_used_are_told() -> None:
    file = tar(
        ("1.png", png()), ("1.txt", b"\xff\xfe"), ("2.png", png()), ("2.json", b"[" * 100_000)
    )
    found = list(read(file))
    assert set(reasons(found)) == {"1.txt", "2.json"}
    kept = [one.name for one in found if isinstance(one, WebImage)]
    assert kept == ["1.png", "2.png"], "the images can be used"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_table_among_the_members_is_read(mode: str) -> None:
    file = tar(
        ("train/1.png", png(1)),
        ("train/metadata.jsonl", b'{"file_name": "1.png", "text": "one"}\n'),
        ("train/2.png", png(2)),
        ("more.csv", b"file_name,text\ntrain/2.png,two\n"),
        mode=mode,
    )
    assert texts(read(file)) == {"train/1.png": ("one",), "train/2.png": ("two",)}


def test_a_compressed_archive_is_read_twice_and_no_more() -> None:
    members = [(f"{number}.png", png(number)) for number in range(50)]
    members += [(f"{number}.txt", b"a text") for number in range(50)]
    with TarArchive(tar(*members, mode="w:gz"), Limits()) as archive:
        found = list(read_archive(archive, ReadPlan(), webdataset=True))
        assert len(texts(found)) == 50 and archive._steps_back == 1


def test_a_compressed_archive_is_not_read_again_for_each_row_of_a_table() -> None:
    names = [f"{number}.bin" for number in range(40)]
    rows = "\n".join(reversed(names))
    members = [
        ("t.csv", f"file_name\n{rows}\n".encode()),
        *((name, b"no image" * 20) for name in names),
    ]
    with TarArchive(tar(*members, mode="w:gz"), Limits()) as archive:
        found = list(read_archive(archive, ReadPlan(), webdataset=True))
        assert [one.name for one in found] == names, "in the order of the archive, not of the rows"
        assert archive._steps_back == 1


def test_a_compressed_archive_is_not_read_again_and_again() -> None:
    members = [(f"{number}.png", png(number)) for number in range(20)]
    with TarArchive(tar(*members, mode="w:gz"), Limits()) as archive:
        names = [name for name in archive.names() if isinstance(name, str)]
        for name in reversed(names[-BACKWARD_STEPS:]):
            archive.file(name, 1_000)
        with pytest.raises(IntakeError, match="again and again"):
            archive.file(names[0], 1_000)


def test_the_texts_of_a_compressed_archive_are_bounded() -> None:
    members = [("1.txt", b"x" * 20), ("2.txt", b"y" * 20), ("1.png", png(1)), ("2.png", png(2))]
    found = list(read(tar(*members, mode="w:gz"), limits=Limits(table_bytes=30)))
    assert list(reasons(found)) == ["2.txt"]
    assert "may take 30 bytes in all" in reasons(found)["2.txt"]
    assert [one.texts for one in found if isinstance(one, WebImage)] == [("x" * 20,), ()]
    assert len(texts(read(tar(*members), limits=Limits(table_bytes=30)))) == 2


def test_sizes_below_zero_end_the_archive() -> None:
    for kind in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME):
        first, last = tarfile.TarInfo("1.png"), tarfile.TarInfo("2.png")
        last.type, last.size = kind, -1_024
        data = first.tobuf() + last.tobuf(tarfile.GNU_FORMAT) + bytes(10_240)
        found = reasons(read(NamedFile("a.tar", data)))
        assert set(found) == {"1.png", "a.tar"}


def test_hidden_members_and_those_of_macos_are_passed_by() -> None:
    file = tar(
        ("._a.png", b"\0"), ("__MACOSX/a.png", b"\0"), (".DS_Store", b"\0"), ("a.png", png())
    )
    assert list(texts(read(file))) == ["a.png"]


def test_a_member_that_is_cut_off_is_told_once() -> None:
    whole = tarred([("0.png", png(0)), ("1.png", png(1))])
    assert set(reasons(read(NamedFile("a.tar", whole[: 512 * 3])))) == {"a.tar"}


def test_a_file_that_shrinks_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tarred([("0.png", png(0)), ("1.png", png(1))]))
    with TarArchive(NamedFile("a.tar", path), Limits()) as archive:
        assert list(archive.names()) == ["0.png", "1.png"]
        os.truncate(path, 512 * 3 + 10)
        assert archive.file("0.png", 1_000).read(1_000) == png(0)
        with pytest.raises(IntakeError, match="damaged"):
            archive.file("1.png", 1_000)


def test_a_text_that_is_not_kept_is_no_member() -> None:
    file = tar(("1.txt", b"x" * 20), ("2.txt", b"y" * 20), mode="w:gz")
    with TarArchive(file, Limits(table_bytes=30)) as archive:
        assert [isinstance(one, str) for one in archive.names()] == [True, False]
        with pytest.raises(IntakeError, match="no such member"):
            archive.file("2.txt", 100)
