"""Archives that nobody meant well with: every member is told of, and nothing else comes out."""

import io
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blip2core.errors import IntakeError
from blip2core.file_names import inner_path
from blip2core.formats.files import looks_like_image
from blip2core.intake import Limits, NamedFile, read
from blip2core.records import Problem, Unused, WebImage
from blip2core.texts import clean_text
from tests.intake.hostile import (
    DAMAGE,
    LIMITS,
    NAMES,
    PNGS,
    damaged,
    is_one_line,
    leads_elsewhere,
    read_hostile,
)
from tests.intake.making import png, reasons, tarred

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
MODES = [0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR]
IMAGE_ENDS = st.sampled_from([".png", ".JPG", ".webp", ".doc", ""])
IMAGE_NAMES = st.tuples(NAMES, IMAGE_ENDS).map("".join)
ENDS = st.sampled_from(
    [".png", ".jpg", ".txt", ".png.txt", ".json", ".csv", ".jsonl", ".zip", ".tar", ".md", "/"]
)
CONTENTS = st.one_of(
    st.sampled_from(PNGS),
    st.binary(max_size=200),
    st.text(max_size=50).map(str.encode),
    st.lists(NAMES, max_size=4).map(lambda names: "\n".join(["path,text", *names]).encode()),
    st.just(b'{"caption": "a", "url": "http://127.0.0.1/x"}'),
    st.just(bytes(20_000)),
)
MEMBERS = st.lists(
    st.tuples(st.tuples(NAMES, ENDS).map("".join), CONTENTS, st.sampled_from(MODES)), max_size=8
)
ZIP_METHODS = st.sampled_from(METHODS)
EMPTY = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
"""Kinds of members of a tar that have no content."""
WIDE = Limits()


def zip_of(members: Sequence[tuple[str, bytes, int]], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that stand there twice
        for name, data, mode in members:
            member = zipfile.ZipInfo(name)
            member.external_attr, member.compress_type = (mode | 0o644) << 16, method
            archive.writestr(member, data)
    return file.getvalue()


def tar_of(members: Sequence[tuple[str, bytes, bytes]], mode: str, form: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=form) as archive:
        for name, data, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            if kind not in EMPTY:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


@given(NAMES, st.integers(0, 4), st.sampled_from(["", "a", "a/b"]))
@example("a/../C:/x.png", 4, "")
@example(" /x.png", 4, "")
@example(" /a/..", 4, "")
@example(".\x01./x.png", 4, "a")
def test_a_name_has_one_form_and_stays_inside(name: str, depth: int, folder: str) -> None:
    try:
        path = inner_path(name, folder=folder, depth=depth)
    except IntakeError as error:
        assert is_one_line(str(error))  # noqa: PT017 - most are no errors
        return
    assert not leads_elsewhere(path) and not leads_elsewhere(clean_text(path))
    assert path.count("/") <= depth
    assert inner_path(path, depth=depth) == path


@given(
    st.lists(
        st.tuples(IMAGE_NAMES, st.sampled_from([*PNGS, b"", b"no image"]), st.sampled_from(MODES)),
        max_size=10,
    ),
    ZIP_METHODS,
)
def test_each_member_of_a_zip_is_an_image_or_a_problem(
    members: list[tuple[str, bytes, int]], method: int
) -> None:
    data = zip_of(members, method)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [one.filename for one in archive.infolist()]
    # What macOS puts beside the files is left out; files of one kind that are none are one line.
    files = [name for name in names if not name.endswith("/") and name[:9] != "__MACOSX/"]
    found = read_hostile("z.zip", data, WIDE)
    assert found is not None
    assert sum(one.count if isinstance(one, Unused) else 1 for one in found) == len(files)
    images = [one for one in found if isinstance(one, WebImage)]
    assert not any(leads_elsewhere(one.name) for one in images)
    given_data = [data for _, data, _ in members]
    for one in images:
        given_data.remove(one.data)  # each comes from a member of its own


@given(
    st.lists(
        st.tuples(
            st.tuples(
                st.sampled_from(["a", "../a", "/a", "x/b", "x\\..\\..\\c", "C:/a", "é", "l" * 150]),
                st.sampled_from([".png", ".jpg"]),
            ).map("".join),
            st.sampled_from([*PNGS, b""]),
            st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]),
        ),
        max_size=10,
    ),
    st.sampled_from(["w", "w:gz", "w:bz2", "w:xz"]),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_each_image_of_a_tar_is_an_image_or_a_problem(
    members: list[tuple[str, bytes, bytes]], mode: str, form: int
) -> None:
    found = read_hostile("t.tar", tar_of(members, mode, form), WIDE)
    assert found is not None and len(found) == len(members)
    images = [one for one in found if isinstance(one, WebImage)]
    assert not any(leads_elsewhere(one.name) for one in images)
    given_data = [data for _, data, kind in members if kind == tarfile.REGTYPE]
    for one in images:
        given_data.remove(one.data)


@given(st.lists(DAMAGE, min_size=1, max_size=2), st.sampled_from(["w", "w:gz", "w:xz"]))
@example([("ones", 0.6, 10, b"x")], "w")
@example([("cut", 0.6, 1, b"x")], "w")
def test_what_damage_took_from_a_tar_is_told(
    damages: list[tuple[str, float, int, bytes]], mode: str
) -> None:
    members = [(f"{shade}.png", png(shade)) for shade in range(3)]
    spoiled = damaged(tarred(members, mode), damages)
    if not spoiled or looks_like_image(spoiled):
        return
    found = read_hostile("t.tar", spoiled, WIDE)
    if found is not None and sum(isinstance(one, WebImage) for one in found) < len(members):
        assert any(isinstance(one, Problem) for one in found)


@given(MEMBERS, ZIP_METHODS, LIMITS, st.lists(DAMAGE, max_size=3))
def test_nothing_beyond_the_limits_comes_out_of_a_zip(
    members: list[tuple[str, bytes, int]], method: int, limits: Limits, damages: list
) -> None:
    data = damaged(zip_of(members, method), damages)
    found = read_hostile("z.zip", data, limits)
    if found is None:
        return
    images = [one for one in found if isinstance(one, WebImage)]
    assert len(images) <= limits.members
    assert sum(len(one.data) for one in images) <= limits.unpacked_bytes(len(data))
    assert not any(leads_elsewhere(one.name) for one in images if one.url is None)


@given(
    st.lists(
        st.tuples(
            st.tuples(NAMES, ENDS).map("".join),
            CONTENTS,
            st.sampled_from([bytes([kind]) for kind in range(256)] + [tarfile.REGTYPE] * 250),
        ),
        max_size=8,
    ),
    st.sampled_from(["w", "w:gz", "w:bz2", "w:xz"]),
    LIMITS,
    st.lists(DAMAGE, max_size=3),
)
def test_nothing_beyond_the_limits_comes_out_of_a_tar(
    members: list[tuple[str, bytes, bytes]], mode: str, limits: Limits, damages: list
) -> None:
    data = damaged(tar_of(members, mode, tarfile.GNU_FORMAT), damages)
    found = read_hostile("t.tar", data, limits)
    if found is None:
        return
    images = [one for one in found if isinstance(one, WebImage)]
    assert len(images) <= limits.members
    assert sum(len(one.data) for one in images) <= limits.unpacked_bytes(len(data))
    assert not any(leads_elsewhere(one.name) for one in images)


@given(
    st.sampled_from(["", "a", "a.png", "a.zip", "a.tar", "a.csv", "a.jsonl", "a.parquet"]),
    st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08\0", b"BZh", b"\xfd7zXZ\0", b"PAR1"]),
    st.binary(max_size=600),
    LIMITS,
)
def test_any_bytes_under_any_name(name: str, start: bytes, rest: bytes, limits: Limits) -> None:
    read_hostile(name, start + rest, limits)


# What was found, each by an example of its own.


def test_a_damaged_lzma_member_is_a_problem() -> None:
    data = bytearray(zip_of([("a.png", png() * 20, 0)], zipfile.ZIP_LZMA))
    start = data.index(b"a.png") + 5
    data[start + 9] ^= 0xFF
    assert "damaged" in reasons(read(NamedFile("z.zip", bytes(data))))["a.png"]


def test_a_member_without_a_name_is_a_problem() -> None:
    data = zip_of([("a.png", png(1), 0), ("bcdef", png(2), 0)], zipfile.ZIP_STORED)
    found = list(read(NamedFile("z.zip", data.replace(b"bcdef", bytes(5)))))
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(1)]
    assert "empty" in reasons(found)[""]


def test_a_name_that_would_lead_elsewhere_once_it_is_cleaned_is_refused() -> None:
    data = zip_of([(" /etc/a.png", png(1), 0), (".\x01./a.png", png(2), 0)], zipfile.ZIP_STORED)
    assert len(reasons(read(NamedFile("z.zip", data)))) == 2


def test_a_record_of_zip64_that_is_cut_off_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b"PK\6\6"
    data = bytearray(file.getvalue())
    struct.pack_into("<L", data, data.index(b"PK\5\6") + 12, 0xFFFFFFFF)
    with pytest.raises(IntakeError, match="not a whole zip"):
        list(read(NamedFile("z.zip", bytes(data))))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_damaged_header_near_the_end_is_told(number: int) -> None:
    whole = tarred([(f"{shade}.png", png(shade)) for shade in range(3)])
    header = whole.index(f"{number - 1}.png".encode())
    found = read_hostile("t.tar", whole[:header] + b"?" + whole[header + 1 :], WIDE)
    assert found is None if number == 1 else "damaged" in reasons(found or [])["t.tar"]


def test_an_archive_that_was_cut_between_two_members_is_told() -> None:
    whole = tarred([("a.png", png(1)), ("b.png", png(2))])
    found = read_hostile("t.tar", whole[: whole.index(b"b.png")], WIDE)
    assert "cut off" in reasons(found or [])["t.tar"]


def test_names_of_names_without_end_are_a_problem() -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 6
    chain = (header.tobuf(tarfile.GNU_FORMAT) + b"a.png".ljust(512, b"\0")) * 2_000
    first, last = tarred([("a.png", png(1))]), tarred([("b.png", png(2))])
    body = first.rstrip(b"\0")
    body += bytes(-len(body) % 512)
    found = list(read(NamedFile("t.tar", body + chain + last)))
    assert isinstance(found[-1], Problem) or isinstance(found[0], Problem)
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(1)]
    with pytest.raises(IntakeError, match="no whole tar"):
        list(read(NamedFile("t.tar", chain + last)))
