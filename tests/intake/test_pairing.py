"""Which text belongs to which image, by names alone."""

import itertools
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blip2core.intake import Limits, NamedFile, read
from blip2core.intake.pairing import pair
from blip2core.records import Unused, WebImage
from tests.intake.making import images, png, reasons, tarred, texts, zipped

KINDS = ["tar", "tar.gz", "tar.xz", "zip", "files"]
Members = list[tuple[str, bytes]]


def archive(kind: str, members: Members) -> NamedFile | list[NamedFile]:
    if kind == "files":
        return [NamedFile(name, data) for name, data in members]
    if kind == "zip":
        return NamedFile("a.zip", zipped(dict(members)))
    mode = {"tar": "w", "tar.gz": "w:gz", "tar.xz": "w:xz"}[kind]
    return NamedFile(f"a.{kind}", tarred(members, mode))


def found_texts(kind: str, members: Members) -> dict[str, tuple[str, ...]]:
    return texts(read(archive(kind, members)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_finds_its_image_in_any_order(kind: str) -> None:
    members = [(f"x/{number}.png", png(number)) for number in range(20)]
    members += [(f"x/{number}.txt", f"text {number}".encode()) for number in range(20)]
    for seed in range(3):
        random.Random(seed).shuffle(members)
        found = found_texts(kind, members)
        assert found == {f"x/{number}.png": (f"text {number}",) for number in range(20)}
        assert list(found) == [name for name, _ in members if name.endswith(".png")]


@pytest.mark.parametrize("kind", KINDS)
def test_names_with_dots_pair_up_to_the_last_dot(kind: str) -> None:
    members = [
        ("22.05.jpg", png(1)),
        ("22.06.jpg", png(2)),
        ("22.05.txt", b"five"),
        ("22.06.caption", b"six"),
        ("v1.2/a.jpg", png(3)),
        ("v1.2/a.txt", b"in a folder"),
        ("22.jpg", png(4)),
    ]
    assert found_texts(kind, members) == {
        "22.05.jpg": ("five",),
        "22.06.jpg": ("six",),
        "v1.2/a.jpg": ("in a folder",),
        "22.jpg": (),
    }


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_samples_of_webdataset_pair_up_to_the_first_dot(kind: str) -> None:
    members = [
        ("b.txt", b"both"),
        ("b.left.jpg", png(1)),
        ("b.right.jpg", png(2)),
        ("a.en.txt", b"english"),
        ("a.seg.png", png(3)),
        ("a.jpg", png(4)),
        ("a.json", b'{"caption": "of json", "license": "CC0"}'),
        ("a.cls", b"7"),
    ]
    found = images(read(archive(kind, members)))
    assert {one.name: one.texts for one in found} == {
        "b.left.jpg": ("both",),
        "b.right.jpg": ("both",),
        "a.jpg": ("english", "of json"),
    }
    assert found[-1].license == "CC0"


def test_a_text_of_several_images_of_a_folder_is_told() -> None:
    members = [("b.left.jpg", png(1)), ("b.right.jpg", png(2)), ("b.txt", b"both")]
    found = list(read(archive("zip", members)))
    assert [one.texts for one in found[1:]] == [("both",), ("both",)]  # type: ignore[union-attr]
    assert "up to the first dot" in reasons(found)["b.txt"]


@pytest.mark.parametrize("sides", [[], [("a.txt", b"one"), ("b.txt", b"two")]])
def test_an_image_that_is_taken_for_a_map_is_told(sides: Members) -> None:
    members = [(f"{stem}{end}", png()) for stem in "ab" for end in (".jpg", ".seg.png")] + sides
    [unused] = [one for one in read(archive("tar", members)) if isinstance(one, Unused)]
    assert (unused.name, unused.count) == ("a.seg.png", 2)
    assert "This file and 1 more were not imported" in unused.advice


@pytest.mark.parametrize("kind", ["tar", "zip", "files"])
def test_a_text_finds_its_image_in_another_unicode_form_or_case(kind: str) -> None:
    members = [
        ("caf\u00e9.png", png(1)),
        ("cafe\u0301.txt", b"composed"),
        ("u\u0308.png", png(2)),
        ("\u00fc.png.caption", b"apart"),
        ("IMG_1.JPG", png(3)),
        ("img_1.txt", b"in capitals"),
        ("d/Two.png", png(4)),
        ("d/two.png", png(5)),
        ("d/two.txt", b"as it is written"),
        ("E.png", png(6)),
        ("e.png", png(7)),
    ]
    assert [one.texts for one in images(read(archive(kind, members)))] == [
        ("composed",),
        ("apart",),
        ("in capitals",),
        (),
        ("as it is written",),
        (),
        (),
    ]
    unclear = [("Ab.png", png(1)), ("aB.png", png(2)), ("ab.txt", b"whose?")]
    found = list(read(archive(kind, unclear)))
    assert [one.texts for one in found if isinstance(one, WebImage)] == [(), ()]
    assert list(reasons(found)) == ["ab.txt"]


def test_an_image_that_a_table_names_is_no_map() -> None:
    table = b"file_name,text\na.jpg,first\na.v2.jpg,second\n"
    members = [("a.jpg", png(1)), ("a.v2.jpg", png(2)), ("a.v3.jpg", png(3)), ("m.csv", table)]
    found = list(read(archive("tar", members)))
    assert texts(one for one in found if isinstance(one, WebImage)) == {
        "a.jpg": ("first",),
        "a.v2.jpg": ("second",),
    }
    assert [one.name for one in found if isinstance(one, Unused)] == ["a.v3.jpg"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_what_its_bytes_say(kind: str) -> None:
    names = ["photo", "photo.dat", "x.y.z", "IMG_1.JPG", "b.JPEG", "c.jfif", "d.JFIF", "e.jpe"]
    members = [(name, png(number)) for number, name in enumerate(names)]
    members += [("x.y.txt", b"of z"), ("IMG_1.TXT", b"of 1"), ("c.Caption", b"of c")]
    members += [("photo.dat.txt", b"of dat")]
    assert found_texts(kind, members) == {
        **dict.fromkeys(names, ()),
        "x.y.z": ("of z",),
        "IMG_1.JPG": ("of 1",),
        "c.jfif": ("of c",),
        "photo.dat": ("of dat",),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_beside_an_image_is_read(kind: str) -> None:
    members = [
        ("a.jpg.txt", b"whole name"),
        ("a.txt", b"stem"),
        ("a.TXT", b"upper case"),
        ("a.caption", b"caption"),
        ("a.json", b'{"text": "json"}'),
        ("a.jpg", png()),
    ]
    expected = {"whole name", "stem", "upper case", "caption", "json"}
    assert set(found_texts(kind, members)["a.jpg"]) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_never_paired_is_told(kind: str) -> None:
    members = [
        ("a.png", png()),
        ("b.txt", b"of nothing"),
        ("c.json", b"{}"),
        ("d.dat", b"neither"),
        ("e.png", b""),
    ]
    found = list(read(archive(kind, members)))
    assert set(reasons(found)) == {"b.txt", "c.json", "e.png"}
    assert "No image has the name of this text" in reasons(found)["b.txt"]
    assert "JSON of no known format" in reasons(found)["c.json"]
    [unused] = [one for one in found if isinstance(one, Unused)]
    assert (unused.name, unused.kind, unused.count) == ("d.dat", "file", 1)
    assert unused.advice.startswith("this file was not read: neither an image")


def test_fields_of_a_sample_that_may_hold_texts_are_told_by_kind() -> None:
    members = [
        (f"{n}{end}", data) for n in "123" for end, data in ((".png", png()), (".b.json", b"[]"))
    ]
    members += [("1.prompt", b"a dog"), ("1.cls", b"7")]
    found = [one for one in read(archive("tar", members)) if isinstance(one, Unused)]
    told = {one.name: (one.count, one.advice) for one in found}
    assert {name: count for name, (count, _) in told.items()} == {
        "1.b.json": 3,
        "1.prompt": 1,
        "1.cls": 1,
    }
    assert told["1.b.json"][1].startswith(
        "this and 2 more .b.json were not read (2.b.json, 3.b.json): the texts of a sample are in"
    )
    assert told["1.cls"][1].startswith("this file was not read: the texts of a sample are in")


def test_more_files_of_texts_than_an_image_may_have_are_told() -> None:
    ends = ["".join(end) for end in itertools.product("tT", "xX", "tT")]
    members = [(f"a.{end}", end.encode()) for end in ends] + [("a.png", png())]
    assert len(found_texts("tar", members)["a.png"]) == 8
    found = read(archive("tar", members), limits=Limits(texts=4))
    assert reasons(found) == {"a.png": "There are 8 texts; at most 4 are read."}


def test_a_text_that_is_too_large_is_told_and_its_image_read() -> None:
    members = [("a.png", png()), ("a.txt", b"x" * 1_000_001)]
    for kind in KINDS:
        found = list(read(archive(kind, members)))
        assert list(reasons(found)) == ["a.txt"] and len(found) == 2


def test_a_hundred_thousand_names_are_paired_in_one_pass() -> None:
    names = [f"{number % 300}.{number}" for number in range(100_000)]
    found = pair(
        [f"{name}.jpg" for name in names], [f"{name}.txt" for name in names], webdataset=True
    )
    assert found.sides["7.7.jpg"] == ("7.7.txt",)
    assert len(found.sides) == 100_000 and not found.maps


STEMS = st.sampled_from(["a", "b", "a.b", "a.b.c", "b.a", "x/a", "x/a.b"])
IMAGE_ENDS = st.sampled_from([".jpg", ".PNG", ".jfif", ".dat", ""])
TEXT_ENDS = st.sampled_from([".txt", ".TXT", ".caption", ".json", ".jpg.txt", ".en.txt", ".z.json"])
NAMES = st.tuples(STEMS, IMAGE_ENDS | TEXT_ENDS).map("".join)


@given(st.lists(NAMES, unique=True, max_size=12), st.sampled_from(KINDS))
@example(["a.b.jpg", "a.jpg", "a.b.txt", "a.en.txt", "a.z.json"], "tar")
def test_every_image_and_every_text_is_accounted_for(names: list[str], kind: str) -> None:
    members = [(name, content(number, name)) for number, name in enumerate(names)]
    found = list(read(archive(kind, members)))
    read_images = {one.name for one in found if isinstance(one, WebImage)}
    read_texts = {text for one in found if isinstance(one, WebImage) for text in one.texts}
    told = reasons(found) | {one.name: one.advice for one in found if isinstance(one, Unused)}
    for number, name in enumerate(names):
        if not is_text(name):
            is_map = kind.startswith("tar") and "." in name.rpartition("/")[2]
            assert name in read_images or is_map
        elif f"text {number}" not in read_texts:
            grouped = any(name[-7:] in reason for reason in told.values())
            assert name in told or (name.endswith(".z.json") and grouped)
    assert len(read_images) == sum(isinstance(one, WebImage) for one in found)


def is_text(name: str) -> bool:
    return name.lower().endswith((".txt", ".caption", ".json"))


def content(number: int, name: str) -> bytes:
    if not is_text(name):
        return png(number)
    return f'{{"text": "text {number}"}}'.encode() if ".json" in name else f"text {number}".encode()


@pytest.mark.parametrize("kind", ["zip", "files"])
def test_outside_tars_nothing_is_a_map_and_a_text_needs_the_name_of_its_image(kind: str) -> None:
    members = [("a.jpg", png(1)), ("a.seg.png", png(2)), ("a.txt", b"a"), ("a.en.txt", b"en")]
    found = list(read(archive(kind, members)))
    assert {one.name: one.texts for one in found if isinstance(one, WebImage)} == {
        "a.jpg": ("a",),
        "a.seg.png": (),
    }
    assert list(reasons(found)) == ["a.en.txt"]
