"""The texts of one image take no more time and memory than those that are kept."""

from unittest.mock import patch

from blip2core.formats import rows
from blip2core.formats.annotated import MOST_DATA, scalars
from blip2core.intake import Limits, image_texts
from blip2core.intake.columns import guess_columns
from blip2core.intake.image_texts import joined, texts_of
from blip2core.intake.row_entries import entry_of
from blip2core.records import TextOrigin


def test_data_is_cleaned_of_the_texts_that_are_kept_and_once_where_they_share_it() -> None:
    shared = TextOrigin(place="x", data={"a": 1.0})
    each = [(f"text {n}", TextOrigin(place="x", data={"n": n})) for n in range(10)]
    with patch.object(image_texts, "clean_origin", wraps=image_texts.clean_origin) as cleaned:
        found = texts_of(each, "here", Limits(texts=3))
        assert cleaned.call_count == 3
        texts_of([(f"text {n}", shared) for n in range(3)], "here", Limits())
        assert cleaned.call_count == 4
    assert found.words == ("text 0", "text 1", "text 2") and found.read == 10
    assert [one.data for one in found.origins.values()] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_what_an_export_said_of_a_row_is_read_once_for_all_its_texts() -> None:
    row = {"image": "a.png", "captions": ["one", "two", "three"], "caption_id": 1}
    row |= {"decided_by": "x", "text_data": '{"a": 1}'}
    with patch.object(rows.json, "loads", wraps=rows.json.loads) as loads:
        found = entry_of(row, guess_columns(list(row)), "row 1", Limits()).found
    assert loads.call_count == 1
    assert [one.data["a"] for one in found.origins.values()] == [1, 1, 1]


def test_the_data_of_an_entry_has_as_many_fields_as_that_of_a_row() -> None:
    row = {f"k{n}": n for n in range(MOST_DATA + 5)}
    assert scalars({"long": "x" * 2_000, **row}, "k0") == dict(list(row.items())[1 : MOST_DATA + 1])


def test_of_equal_texts_the_first_that_says_more_of_itself_is_where_it_stood() -> None:
    bare = TextOrigin(place="metadata: XMP blip2:texts")
    first, second = (TextOrigin(place="caption", data={"id": n}) for n in (1, 2))
    stood = [("a dog", bare), ("a cat", bare), ("a dog", first), ("a dog", second)]
    found = texts_of(stood, "here", Limits(texts=2))
    assert (found.words, found.duplicates) == (("a dog", "a cat"), 2)
    assert found.origins == {"a dog": first, "a cat": bare}
    parts = [texts_of([one], "here", Limits()) for one in stood]
    assert joined(parts, "here", Limits()) == found


def test_an_equal_text_beyond_the_limit_gets_no_data_of_others() -> None:
    told, other = (TextOrigin(place=place, data={"id": place}) for place in "ab")
    found = texts_of(
        [("a", TextOrigin()), ("b", other), ("c", other), ("a", told)], "here", Limits(texts=2)
    )
    assert found.origins == {"a": told, "b": other}
