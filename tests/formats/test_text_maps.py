"""Objects with a text for each image, and kohya's metadata."""

import pytest

from blip2core.formats import format_of
from blip2core.formats.text_maps import TEXT_MAP
from tests.formats.reading import data, read, refused


def test_a_text_or_several_for_each_name() -> None:
    document = {"a/1.jpg": "a dog", "2.PNG": ["a cat", "cats", 3]}
    assert read(document, TEXT_MAP) == [("a/1.jpg", ["a dog"]), ("2.PNG", ["a cat", "cats"])]


def test_what_is_no_text_of_an_image_is_counted() -> None:
    first = {f"{number}.jpg": "a dog" for number in range(20)}
    document = first | {"20.jpg": ["a cat", 3, None, {"x": 1}], "21.jpg": 7, "22.jpg": None}
    assert refused(document, TEXT_MAP) == {"What stands for this image is no text.": 3}
    assert read(document, TEXT_MAP)[20:] == [("20.jpg", ["a cat"]), ("21.jpg", []), ("22.jpg", [])]
    assert refused({"1": {"caption": 5, "tags": "dog"}}, TEXT_MAP) == {
        "What stands for this image is no text.": 1
    }


def test_metadata_of_kohya() -> None:
    document = {
        "/data/1.jpg": {"caption": "a dog", "tags": "dog, beach", "train_resolution": [512, 768]},
        "2": {"tags": "cat", "rating": "safe"},
        "3": {},
    }
    assert read(document, TEXT_MAP) == [
        ("/data/1.jpg", ["a dog", "dog, beach"]),
        ("2", ["cat"]),
        ("3", []),
    ]
    assert data(document, TEXT_MAP) == [{}, {}, {"rating": "safe"}]
    places = [origin.place for one in TEXT_MAP.read(document) for _, origin in one.texts]
    assert places == ["caption", "tags", "tags"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"caption": "a dog"},
        {"1.jpg": "a dog", "note": "b"},
        {"1.jpg": 7},
        {"1": {"name": "a"}},
        {"1.jpg": {"caption": "a"}, "2.jpg": "b"},
    ],
)
def test_other_objects_are_none(document: object) -> None:
    assert format_of(document) is not TEXT_MAP
