"""Texts within lists and objects, and what stands there beside them."""

import pytest

from blip2core.formats.nested_texts import nested_parts, nested_texts


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("a dog", ["a dog"]),
        (["a dog", ["two", "dogs"]], ["a dog", "two", "dogs"]),
        ({"en": "a dog", "pt-BR": "um cachorro"}, ["a dog", "um cachorro"]),
        ({"raw": "A dog.", "text": "a dog", "tokens": ["a"]}, ["A dog.", "a dog"]),
        ({"raw": "A dog.", "sentence": 12}, ["A dog."]),
        ([{"x": "of another kind"}, {"text": "a dog"}], [None, "a dog"]),
        (["a dog", 5, None, True], ["a dog", None, None]),
        ({"en": 5}, [None]),
        ({"text": 5}, [None]),
        ({"foo": "of another kind"}, [None]),
        (7, [None]),
    ],
)
def test_each_part_is_a_text_or_none(cell: object, parts: list[str | None]) -> None:
    assert list(nested_parts(cell)) == parts
    assert list(nested_texts(cell)) == [part for part in parts if part is not None]


@pytest.mark.parametrize("cell", [None, float("nan"), [], {}, [None, []], {"text": None}])
def test_what_is_empty_is_no_part(cell: object) -> None:
    assert list(nested_parts(cell)) == []


def test_what_lies_too_deep_is_no_text() -> None:
    cell: object = "a dog"
    for _ in range(10):
        cell = [cell]
    assert list(nested_parts(cell)) == [None]
