"""Texts inside image files come in with every source, and all of them are accounted for."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from blip2core.intake import Downloads, Limits, NamedFile, Sums, check_image, downloads, read
from blip2core.records import Problem, Told, Unused, WebImage
from blip2core.texts import clean_text
from tests.formats.files import (
    chunk,
    exif,
    jpeg_with,
    jpeg_with_exif,
    png_info,
    png_with,
    saved,
    segment,
)
from tests.intake.making import images, png, reasons, tarred, texts, zipped

DOG = saved("JPEG", exif=exif({0x010E: b"a dog inside"}))
PNG_DOG = saved("PNG", pnginfo=png_info(Description="a dog inside"))


def folder(path: Path) -> Any:
    (path / "a.jpg").write_bytes(DOG)
    return path


def table_of_images(path: Path) -> Any:
    file = io.BytesIO()
    column = pyarrow.array([{"bytes": DOG, "path": "a.jpg"}])
    parquet.write_table(pyarrow.table({"image": column}), file)
    return NamedFile("t.parquet", file.getvalue())


def table_of_names(path: Path) -> Any:
    folder(path)
    (path / "t.csv").write_text("file_name,caption\na.jpg,\n")
    return path / "t.csv"


SOURCES: dict[str, Callable[[Path], Any]] = {
    "folder": folder,
    "image": lambda path: folder(path) / "a.jpg",
    "zip": lambda path: NamedFile("s.zip", zipped({"a.jpg": DOG})),
    "tar": lambda path: NamedFile("s.tar", tarred([("a.jpg", DOG)])),
    "uploads": lambda path: [NamedFile("a.jpg", DOG)],
    "zip among uploads": lambda path: [NamedFile("s.zip", zipped({"a.jpg": DOG}))],
    "table of images": table_of_images,
    "table of names": table_of_names,
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_brings_the_texts_inside_its_images(source: str, tmp_path: Path) -> None:
    given = SOURCES[source](tmp_path)
    (image,) = images(read(given))
    assert image.texts == ("a dog inside",)
    assert image.origins["a dog inside"].place == "metadata: EXIF ImageDescription"
    (image,) = images(read(given, metadata_texts=False))
    assert image.texts == ()


def test_so_do_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "fetch", lambda *_: DOG)
    table = NamedFile("t.csv", b"url\nhttp://example.com/a.jpg\n")
    (image,) = images(read(table, download=Downloads()))
    assert image.texts == ("a dog inside",)


def test_a_text_that_stands_beside_the_image_too_is_a_duplicate() -> None:
    files = {"a.jpg": DOG, "a.txt": b"a dog inside\nanother"}
    (image,) = images(read(NamedFile("s.zip", zipped(files))))
    assert image.texts == ("a dog inside", "another")
    assert image.origins["a dog inside"].place == ".txt"
    assert (image.duplicates, image.texts_read) == (1, 3)


def test_so_is_one_that_stands_beside_it_on_a_single_line() -> None:
    inside = saved("JPEG", exif=exif({0x010E: b"a dog\non a beach"}))
    files = {"a.jpg": inside, "a.txt": b"a dog on a beach"}
    (image,) = images(read(NamedFile("s.zip", zipped(files))))
    assert (image.texts, image.duplicates) == (("a dog on a beach",), 1)


def test_a_text_beside_the_image_gets_the_settings_that_stand_with_it_inside() -> None:
    inside = "a dog\non a beach\nNegative prompt: cats\nSteps: 20"
    data = png_with(chunk(b"tEXt", b"parameters\0" + inside.encode()))
    files = {"a.png": data, "a.txt": b"a dog on a beach"}
    (image,) = images(read(NamedFile("s.zip", zipped(files))))
    assert (image.texts, image.duplicates) == (("a dog on a beach",), 1)
    origin = image.origins["a dog on a beach"]
    assert origin.place == "metadata: PNG parameters"
    assert "Steps: 20" in str(origin.data)


def test_the_same_text_in_several_fields_is_one() -> None:
    data = saved("JPEG", exif=exif({0x010E: b"a dog"}, b"ASCII\0\0\0a dog"), comment=b"a dog ")
    (image,) = images(read([NamedFile("a.jpg", data)]))
    assert (image.texts, image.duplicates) == (("a dog",), 2)


def test_a_text_given_apart_comes_first() -> None:
    (image,) = images(read([NamedFile("a.jpg", DOG)], texts={"a.jpg": ["from a list"]}))
    assert image.texts == ("from a list", "a dog inside")


def test_a_text_that_is_too_long_is_refused_and_the_image_is_not() -> None:
    long = saved("PNG", pnginfo=png_info(Description="a" * 20_001))
    refused, image = read([NamedFile("a.png", long)])
    assert isinstance(refused, Problem) and isinstance(image, WebImage)
    assert (refused.about, refused.texts) == ("text", 1)
    assert "20,001 characters" in refused.reason
    assert image.texts == ()


def test_of_too_many_texts_the_first_are_read() -> None:
    words = (b"one dog", b"two dogs", b"six dogs")
    many = png_with(*[chunk(b"tEXt", b"Comment\0" + one) for one in words])
    found = read([NamedFile("a.png", many)], limits=Limits(texts=2))
    assert [one.texts for one in found] == [1, ("one dog", "two dogs")]


def test_what_cameras_write_is_told_once_for_each_field_with_examples() -> None:
    words = [b"OLYMPUS DIGITAL CAMERA", b"SONY DSC", b"OLYMPUS DIGITAL CAMERA", b"DCF_PICTURE"]
    words += [b"untitled", b"AppleMark"]
    files = [
        NamedFile(f"{number}.jpg", saved("JPEG", exif=exif({0x010E: one})))
        for number, one in enumerate(words)
    ]
    files.append(NamedFile("s.png", saved("PNG", pnginfo=png_info(Software="GIMP 2.10"))))
    found = list(read(files))
    first, second = (one for one in found if isinstance(one, Unused))
    assert (first.kind, first.name, first.count) == ("file", "0.jpg", 6)
    assert first.advice == (
        'EXIF ImageDescription says "OLYMPUS DIGITAL CAMERA", "SONY DSC", "DCF_PICTURE" in 6 '
        "images: cameras and programs write that, so it was not taken for a text of the image; "
        "where it is one, write it into a .txt beside the image"
    )
    assert (second.name, second.count) == ("s.png", 1)
    assert second.advice.startswith('PNG Software says "GIMP 2.10" in 1 image:')
    assert [one.texts for one in found if isinstance(one, WebImage)] == [()] * 7


def test_names_of_fields_are_shown_safely_and_not_without_end() -> None:
    odd = "\x1b[31m" + "x" * 70
    chunks = [chunk(b"tEXt", f"{number} {odd}\0a dog".encode()) for number in range(60)]
    found = list(read([NamedFile("a.png", png_with(*chunks))]))
    told = [one for one in found if isinstance(one, Unused)]
    assert len(told) == 51 and sum(one.count for one in told) == 60
    assert told[-1].advice.startswith("other fields says")
    assert not any("\x1b" in one.advice for one in told)
    assert max(len(one.advice) for one in told) < 400


def test_a_damaged_block_is_a_note_and_costs_nothing() -> None:
    broken = NamedFile("a.jpg", jpeg_with_exif(b"II*\0")), NamedFile("b.jpg", jpeg_with_exif(b"x"))
    found = list(read([*broken, NamedFile("c.jpg", DOG)]))
    (note,) = (one for one in found if isinstance(one, Problem))
    assert (note.about, note.name, note.texts) == ("note", "a.jpg", 0)
    assert note.reason == (
        "EXIF of this file and 1 more cannot be read, so a text in there was left out; the image "
        "was not."
    )
    for one in found:
        if isinstance(one, WebImage):
            check_image(one.data)


def test_two_damaged_blocks_of_a_kind_are_one_image() -> None:
    broken = jpeg_with(*[segment(0xFE, b"\1\2a" * 30)] * 2)
    (note,) = (one for one in read([NamedFile("a.jpg", broken)]) if isinstance(one, Problem))
    assert note.reason.startswith("JPEG comment of this file cannot be read")


def test_settings_of_a_generated_image_are_kept_with_its_prompt() -> None:
    words = "a fox\nNegative prompt: blurry \1\nSteps: 20, Seed: 1"
    data = png_with(chunk(b"tEXt", b"parameters\0" + words.encode()))
    (image,) = images(read([NamedFile("a.png", data)]))
    assert image.texts == ("a fox",)
    said = {"negative prompt": "blurry", "settings": "Steps: 20, Seed: 1"}
    assert dict(image.origins["a fox"].data) == said


def test_a_file_that_is_no_image_has_no_texts_inside() -> None:
    (image,) = images(read([NamedFile("a.jpg", b"<html>a dog</html>")]))
    assert image.texts == ()


def test_maps_and_other_names_are_as_before() -> None:
    found = {"a.jpg": DOG, "b.png": PNG_DOG, "c.png": png(), "c.txt": b"beside"}
    read_ = texts(read(NamedFile("s.zip", zipped(found))))
    assert read_ == {
        "a.jpg": ("a dog inside",),
        "b.png": ("a dog inside",),
        "c.png": ("beside",),
    }
    assert reasons(read(NamedFile("s.zip", zipped(found)))) == {}


WORDS = st.lists(
    st.sampled_from(["a dog", "a  dog", "two\ncats", "e\u0301", " ", "", "x" * 41]), max_size=5
)


@given(st.lists(st.tuples(WORDS, WORDS, st.booleans()), max_size=4))
def test_every_text_inside_is_in_a_sum(drawn: list[tuple[list[str], list[str], bool]]) -> None:
    files: list[NamedFile] = []
    given: dict[str, list[str]] = {}
    for number, (inside, beside, whole) in enumerate(drawn):
        data = png_with(*[chunk(b"tEXt", b"Comment\0" + one.encode()) for one in inside])
        files.append(NamedFile(f"{number}.png", data if whole else data[:-100]))
        given[f"{number}.png"] = beside
    limits = Limits(text_characters=40, texts=3)
    sums = counted(read(files, texts=given, limits=limits))
    everything = [one for inside, beside, _ in drawn for one in (*inside, *beside)]
    assert sums.texts_read == sum(bool(one.strip()) for one in everything)
    assert sums.images_read == len(drawn)
    lost = [one for inside, beside, whole in drawn if not whole for one in (*inside, *beside)]
    assert sums.texts_without_image + sums.texts_refused >= sum(bool(one.strip()) for one in lost)


def counted(found: Any) -> Sums:
    sums = Sums()
    for one in found:
        add(sums, one)
    return sums


def add(sums: Sums, one: WebImage | Told) -> None:
    if isinstance(one, Unused):
        sums.add_unused(one)
    elif isinstance(one, Problem):
        sums.add_problem(one)
    else:
        assert all(text == clean_text(text) for text in one.texts)
        try:
            check_image(one.data)
        except Exception as error:
            sums.add_problem(one.problem(str(error)))
        else:
            sums.add_image(one, is_new=True, texts_new=len(one.texts))
