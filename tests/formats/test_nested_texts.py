"""Texts in the lists and objects that a cell of a table spells."""

import io

import numpy as np
import pandas as pd
import pytest

from blip2core.formats.nested_texts import listed_texts, nested_parts, nested_texts, spelled
from blip2core.intake import NamedFile, read
from blip2core.records import WebImage
from tests.intake.making import png


def texts_in(cell: str) -> list[str]:
    return list(nested_texts(listed_texts(cell)))


def from_csv(table: bytes) -> WebImage:
    """The only image of a table; nothing else is told."""
    (found,) = read([NamedFile("1.png", png()), NamedFile("t.csv", table)])
    assert isinstance(found, WebImage)
    return found


@pytest.mark.parametrize(
    "cell",
    [
        np.array(["a dog", "it's a cat", 'a "big" one']),
        np.array(["a dog", None, "it's a cat", 'a "big" one', np.nan], object),
        np.array(["a dog", "it's a cat", 'a "big" one'] + ["a dog"] * 90),
        np.array([["a dog", "it's a cat"], ['a "big" one', "a dog"]]),
        [np.str_("a dog"), np.str_("it's a cat"), np.str_('a "big" one')],
        [{"raw": "a dog", "tokens": np.array(["a", "dog"], object)}, "it's a cat", 'a "big" one'],
    ],
)
def test_an_array_printed_by_pandas_is_as_many_texts_as_it_has(cell: object) -> None:
    file = io.BytesIO()
    pd.DataFrame({"image": ["1.png"], "captions": [cell]}).to_csv(file, index=False)
    assert from_csv(file.getvalue()).texts == ("a dog", "it's a cat", 'a "big" one')


def test_objects_in_an_array_are_printed_without_commas_too() -> None:
    rows = np.array([{"raw": "a dog", "id": 1}, {"raw": "a cat", "id": 2}], object)
    assert texts_in(str(rows)) == ["a dog", "a cat"]


@pytest.mark.parametrize(
    "cell",
    [
        "['a' 'b', 'c']",
        "[a dog]",
        "['a' or 'b']",
        "{'text': 'a' 'b'}",
        "['a' # 'b']",
        "[call('a')]",
        "['a' 'b' ... 'y' 'z']",
        "[laughs] a dog [barks]",
        "[1, 2]",
        '["a", 5]',
        '{"a": 5}',
        "['a'",
        "[" * 5_000 + "]" * 5_000,
    ],
)
def test_what_is_no_certain_list_is_one_text_as_it_stands(cell: str) -> None:
    assert texts_in(cell) == [cell]


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ('["one"]', ["one"]),
        ('["it\'s", null]', ["it's"]),
        ("['a', None]", ["a"]),
        ("[nan, 'a']", ["a"]),
        ("[u'a', u'b']", ["a", "b"]),
        ("['it\\'s' \"a 'b'\"]", ["it's", "a 'b'"]),
        ('[["a", "b"], ["c"]]', ["a", "b", "c"]),
        ('{"text": ["a dog", "b dog"]}', ["a dog", "b dog"]),
        ('{"en": "a dog", "de": "ein Hund"}', ["a dog", "ein Hund"]),
        (r"['a \d dog']", [r"a \d dog"]),
        ('["two\nlines"]', ["two\nlines"]),
        ("[]", []),
        ("{}", []),
        ("[null]", []),
    ],
)
def test_texts_of_a_list_or_an_object_in_a_cell(cell: str, texts: list[str]) -> None:
    assert texts_in(cell) == texts


@pytest.mark.parametrize("cell", ["[]", "{}", "[null]", '[""]', "[nan]"])
def test_an_empty_list_in_a_cell_is_no_text(cell: str) -> None:
    quoted = cell.replace('"', '""')
    found = from_csv(f'image,text\n1.png,"{quoted}"\n'.encode())
    assert (found.texts, found.refused) == ((), ())


def test_a_value_that_is_no_list_stays_as_it_is() -> None:
    assert spelled("a dog") == "a dog"
    assert spelled("'a' 'b'") == "'a' 'b'"
    assert spelled(5) == 5


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
