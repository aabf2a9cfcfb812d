"""The input of the CapFilt tab: images of files, archives and tables, and the texts beside them."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from app.inference.capfilt_tasks import InputImage
from app.workbench.capfilt_tab import inputs
from app.workbench.capfilt_tab.inputs import (
    LONGEST_TYPED,
    read_samples,
    read_uploads,
    typed_from,
    with_typed,
)
from app.workbench.image.uploads import uploads_from
from blip2core.errors import TextError
from tests.app.visitor import upload
from tests.app.workbench.conftest import files

GIVEN = [InputImage(name=f"{key}.png", data=b"", key=key, texts=("found",)) for key in "ab"]


def test_archives_and_tables_bring_their_texts(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for file in files(tmp_path, "a.png", "b.png"):
            writer.write(file["path"], file["orig_name"])
    given = [
        upload(tmp_path, "all.zip", archive.getvalue()),
        upload(tmp_path, "texts.csv", b"file,text\na.png,a dog\n"),
    ]
    found = read_uploads(uploads_from(given)).images
    assert [one.name.rpartition("/")[2] for one in found] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("images", "size", "taken"), [(2, 10**9, 2), (1, 10**9, 1), (9, 10**9, 3), (9, 1, 0)]
)
def test_more_than_fits_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int, size: int, taken: int
) -> None:
    """Whichever limit comes first: of images, or of their bytes."""
    monkeypatch.setattr(inputs, "MOST_IMAGES", images)
    monkeypatch.setattr(inputs, "MOST_BYTES", size)
    given = inputs.read_uploads(uploads_from(files(tmp_path, "a.png", "b.png", "c.png")))
    assert len(given.images) == taken
    assert [name for name, _ in given.problems] == ["a.png", "b.png", "c.png"][taken : taken + 1]


def test_typed_texts_join_those_that_were_found() -> None:
    found = with_typed(GIVEN, {"b": "a dog\n\u2060\n \nfound\na cat", "a": "\u200b"})
    assert [one.texts for one in found.images] == [("found",), ("found", "a dog", "a cat")]
    assert found.problems == []


def test_typed_texts_are_bounded_whoever_sends_them() -> None:
    lines = "\n".join(f"text {number}" for number in range(11))
    found = with_typed(GIVEN, {"a": lines, "b": "x" * 1001})
    assert [len(one.texts) for one in found.images] == [11, 2]
    assert found.images[0].texts[-1] == "text 9" and len(found.images[1].texts[1]) == 1000
    assert found.problems == [
        ("a.png", "Only the first 10 typed texts are taken."),
        ("b.png", "Only the first 1,000 characters of a text are taken."),
    ]
    with pytest.raises(TextError, match="at most 200,000 characters"):
        typed_from("x" * (LONGEST_TYPED + 1))


@pytest.mark.parametrize(
    "sent",
    [
        *("{", "1", '"a"', "[1]", "[[]]", '[{"key": "a"}]', '[{"key": "a", "words": 1}]'),
        *('[{"key": [], "words": ""}]', "[" * 100_000),
    ],
)
def test_what_no_page_sends_is_refused_in_a_sentence(sent: str) -> None:
    with pytest.raises(TextError, match="load the page again"):
        typed_from(sent)


def test_typed_texts_come_in_the_order_of_the_screen() -> None:
    cards = [{"key": key, "words": key * 2} for key in "bac"]
    assert list(typed_from(json.dumps(cards)).items()) == [("b", "bb"), ("a", "aa"), ("c", "cc")]
    assert typed_from("") == {}


def test_one_image_given_twice_is_one_with_the_texts_of_both(tmp_path: Path) -> None:
    image = Image.new("RGB", (20, 20), "red")
    given = [
        upload(tmp_path, "one.png", image),
        upload(tmp_path, "two.png", image),
        upload(tmp_path, "texts.csv", b"file,text\none.png,a dog\ntwo.png,a cat\ntwo.png,a dog\n"),
    ]
    found = read_uploads(uploads_from(given))
    assert [(one.name, one.texts) for one in found.images] == [("one.png", ("a dog", "a cat"))]
    assert found.problems == [("two.png", "The same image as one.png, which has its texts now.")]


def test_what_is_no_image_is_told_and_the_others_are_taken(tmp_path: Path) -> None:
    given = [upload(tmp_path, "note.png", b"Dear diary"), *files(tmp_path, "a.png")]
    found = read_uploads(uploads_from(given))
    assert [one.name for one in found.images] == ["a.png"]
    ((name, reason),) = found.problems
    assert name == "note.png" and "not an image but a text" in reason


def test_the_sample_set_is_the_first_twelve_with_their_texts() -> None:
    images = read_samples().images
    assert [one.name for one in images] == [f"{number:03}.jpg" for number in range(1, 13)]
    assert images[0].texts == ("PixMart logo banner 5920",)
