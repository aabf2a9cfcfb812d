"""How far a reading is; which archives are read again, and which are not."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from blip2core.intake import Columns, Downloads, Limits, NamedFile, Reading, read, reading_of
from blip2core.intake.reading import ArchiveMark, in_bytes, in_time
from blip2core.records import Problem, WebImage
from tests.intake.making import encoded, png, tarred, zipped

NAMES = ("a.tar", "b.zip", "c.tar")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three archives, each with an image and its text, and an image that lies open."""
    for number, name in enumerate(NAMES):
        members = {f"{number}.png": png(number), f"{number}.txt": b"a cat"}
        data = zipped(members) if name.endswith("zip") else tarred(members.items())
        (tmp_path / name).write_bytes(data)
    (tmp_path / "open.png").write_bytes(png(9))
    return tmp_path


def followed(source: Any, **more: Any) -> tuple[list[str], dict[str, str], Reading]:
    """What is read, images by name and marks as words; the keys of what was finished; the rest."""
    reading = Reading(finished=more.pop("finished", ()))
    told, keys = [], {}
    for one in reading.followed(read(source, reading=reading, **more)):
        if isinstance(one, ArchiveMark):
            told.append(f"{one.what} {one.name}")
            if one.what == "end":
                keys[one.name] = one.key
        elif isinstance(one, WebImage):
            told.append(one.name)
    return told, keys, reading


def test_archives_begin_and_end_around_their_images(folder: Path) -> None:
    told, keys, reading = followed(folder)
    marked = [
        *("open.png", "begin a.tar", "0.png", "end a.tar", "begin b.zip", "1.png", "end b.zip"),
        *("begin c.tar", "2.png", "end c.tar"),
    ]
    assert told == marked and len(set(keys.values())) == 3
    assert (reading.archives, reading.archive, reading.images) == (3, 3, 4)
    total = sum(file.stat().st_size for file in folder.iterdir())
    assert reading.bytes == reading.total_bytes == total and reading.share == 1.0


def test_what_was_finished_is_passed_over(folder: Path) -> None:
    _, keys, _ = followed(folder)
    told, again, reading = followed(folder, finished={keys["a.tar"], keys["c.tar"]})
    passed = ["open.png", "skipped a.tar", "begin b.zip", "1.png", "end b.zip", "skipped c.tar"]
    assert told == passed and again == {"b.zip": keys["b.zip"]}
    sizes = [(folder / name).stat().st_size for name in ("a.tar", "c.tar")]
    assert reading.skipped_bytes == sum(sizes)


@pytest.mark.parametrize("kind", ["several", "named", "parquet"])
def test_several_sources_are_units_too(folder: Path, kind: str) -> None:
    sources: list[Any] = [folder / name for name in NAMES]
    names = list(map(str, NAMES))
    if kind == "named":
        sources = [NamedFile(name, folder.joinpath(name).read_bytes()) for name in NAMES]
    if kind == "parquet":
        sources, names = (
            [_parquet(folder, number) for number in range(2)],
            ["0.parquet", "1.parquet"],
        )
    _, keys, _ = followed(sources)
    assert list(keys) == names
    told, _, _ = followed(sources, finished=set(keys.values()))
    assert told == [f"skipped {name}" for name in names]


def test_tables_with_images_in_a_folder_are_units(tmp_path: Path) -> None:
    for number in range(2):
        _parquet(tmp_path, number)
    _, keys, _ = followed(tmp_path)
    assert list(keys) == ["0.parquet", "1.parquet"]
    told, _, _ = followed(tmp_path, finished=set(keys.values()))
    assert told == ["skipped 0.parquet", "skipped 1.parquet"]


def _parquet(folder: Path, number: int) -> Path:
    import pyarrow
    from pyarrow import parquet

    rows = [{"image": {"bytes": png(number), "path": f"{number}.png"}, "text": "a cat"}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{number}.parquet")
    return folder / f"{number}.parquet"


def _change_bytes(path: Path) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"a cat", b"a dog"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _touch(path: Path) -> None:
    os.utime(path, (1, 1))


def _grow(path: Path) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes() + bytes(512))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [_change_bytes, _touch, _grow])
def test_an_archive_that_changed_is_read_again(
    folder: Path, change: Callable[[Path], None]
) -> None:
    _, keys, _ = followed(folder)
    change(folder / "a.tar")
    told, again, _ = followed(folder, finished=set(keys.values()))
    assert again.keys() == {"a.tar"} and "0.png" in told and "skipped b.zip" in told


@pytest.mark.parametrize(
    "other",
    [
        {"columns": Columns(texts=("prompt",))},
        {"limits": Limits(texts=7)},
        {"metadata_texts": False},
        {"download": Downloads()},
    ],
)
def test_other_settings_read_again(folder: Path, other: dict[str, object]) -> None:
    _, keys, _ = followed(folder)
    told, again, _ = followed(folder, finished=set(keys.values()), **other)
    assert list(again) == list(NAMES) and "0.png" in told


@pytest.mark.parametrize("where", ["beside", "given", "texts"])
def test_with_a_table_that_names_images_all_is_read(folder: Path, where: str) -> None:
    """Its rows may be about any archive: passed over, they would be called texts without image."""
    sources: list[Any] = [folder / name for name in NAMES]
    _, alone, _ = followed(sources)
    table = folder / ("t.csv" if where == "beside" else "t.data")
    table.write_text("image,text\n1.png,from the table\n", encoding="utf-8")
    named = NamedFile("t.csv", table)
    more: dict[str, Any] = {"finished": set(alone.values())}
    source: Any = folder
    if where == "given":
        source = [*sources, named]
    if where == "texts":
        source, more["texts"] = sources, named
    told, keys, _ = followed(source, **more)
    assert keys == {} and "left b.zip" in told and "1.png" in told
    found = {one.name: one.texts for one in read(source, texts=more.get("texts")) if _is_image(one)}
    assert found["1.png"] == ("a cat", "from the table")


def _is_image(one: object) -> bool:
    return isinstance(one, WebImage)


def test_what_cannot_be_opened_is_left(folder: Path) -> None:
    (folder / "b.zip").write_bytes(b"PK\x03\x04 damaged")
    told, keys, reading = followed([folder / name for name in NAMES])
    assert list(keys) == ["a.tar", "c.tar"] and "left b.zip" in told
    assert reading.share == 1.0


def test_an_archive_in_a_folder_that_is_gone_is_a_problem(folder: Path) -> None:
    sources: Sequence[Any] = [folder / "a.tar", folder / "gone.tar"]
    reading = Reading()
    problems = [one.name for one in read(sources, reading=reading) if isinstance(one, Problem)]
    assert problems == [str(folder / "gone.tar")]
    assert reading.total_bytes == 0, "nobody knows how much it would be"


def test_what_the_files_say_is_told_with_their_archive(tmp_path: Path) -> None:
    """So that it is not lost where another archive is read again alone."""
    camera = {ExifTags.Base.ImageDescription: "OLYMPUS DIGITAL CAMERA"}
    exif = Image.Exif()
    exif.update(camera)
    for name in ("a.tar", "b.tar"):
        data = encoded(Image.new("RGB", (4, 3)), "JPEG", exif=exif)
        (tmp_path / name).write_bytes(tarred([("1.jpg", data)]))
    reading = Reading()
    told = [
        one.what if isinstance(one, ArchiveMark) else type(one).__name__
        for one in reading.followed(read(tmp_path, reading=reading))
    ]
    assert told == ["begin", "WebImage", "Unused", "end"] * 2


def test_how_far_it_is_in_words() -> None:
    reading = Reading(
        total_bytes=3_100_000_000, bytes=412_000_000, archives=32, archive=4, images=12_340
    )
    reading.seconds = 60.0
    assert reading.sentence() == (
        "412 MB of 3.1 GB, archive 4 of 32, 12,340 images, about 7 minutes left"
    )
    reading.skipped_bytes = 206_000_000  # what was passed over took no time
    assert reading.sentence().endswith("about 13 minutes left")
    assert Reading(images=1).sentence() == "1 image"
    assert reading_of(reading.as_json()).images == 12_340


def test_sizes_and_times_in_words() -> None:
    assert [in_bytes(size) for size in (1, 999, 9_400, 10_000_000, 3_149_000_000)] == [
        *("1 byte", "999 bytes", "9.4 kB", "10 MB", "3.1 GB")
    ]
    assert [in_time(seconds) for seconds in (0.2, 89, 90, 5_399, 7_200)] == [
        *("1 second", "89 seconds", "2 minutes", "90 minutes", "2 hours")
    ]
