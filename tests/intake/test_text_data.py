"""What was said of a text can be stored in both databases, whatever a file holds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blip2core.formats import OF_DOCUMENTS
from blip2core.intake import NamedFile, read
from blip2core.intake.text_data import DEEPEST, clean_data
from blip2core.records import TextOrigin, WebImage
from tests.intake.making import png, zipped

KEYS = st.sampled_from(
    [
        *("images", "annotations", "questions", "conversations", "messages", "data", "sentences"),
        *("image", "image_id", "imageId", "id", "file_name", "caption", "question", "question_id"),
        *("answers", "answer", "from", "role", "value", "content", "raw", "result", "text"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**50), 10**50) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def test_numbers_and_letters_that_cannot_be_stored() -> None:
    value = {
        "a": float("inf"),
        "b": float("nan"),
        "c": 10**400,
        "d": "x\0\ud800",
        "\0k": [1.5, float("-inf"), None],
    }
    kept = {"a": "Infinity", "c": "1" + "0" * 400, "d": "x", "k": [1.5, "-Infinity", None]}
    assert clean_data(value) == kept
    assert clean_data(10**5_000) is None
    assert clean_data(10**39) == 10**39 and clean_data(-(10**40)) == f"-1{'0' * 40}"


def test_odd_numbers_of_a_row_are_kept_as_texts_and_nan_is_no_value() -> None:
    row = '{"file_name": "a.png", "text": "a dog", "big": 1%s, "inf": Infinity, "nan": NaN}'
    table = (row % ("0" * 400)).encode()
    [image] = read([NamedFile("a.png", png()), NamedFile("t.jsonl", table)])
    assert isinstance(image, WebImage)
    assert image.origins["a dog"].data == {"inf": "Infinity", "big": "1" + "0" * 400}
    table = b"file_name,text,inf,itm\na.png,a dog,1e999,.5\n"
    [image] = read([NamedFile("a.png", png()), NamedFile("t.csv", table)])
    assert isinstance(image, WebImage)
    assert image.origins["a dog"].data == {"inf": "1e999", "itm": 0.5}


@pytest.mark.parametrize(
    ("beside", "place", "data"),
    [
        ({"text_data": {"id": 3, "question": "What?"}}, "text", {"id": 3, "question": "What?"}),
        ({"text_data": '{"id": 3}', "text_place": "alt"}, "alt", {"id": 3}),
        ({"text_place": "alt"}, "alt", {}),
        (
            {"text_data": "so it is", "text_place": 5},
            "text",
            {"text_data": "so it is", "text_place": 5},
        ),
        (
            {"text_data": '{"id": 3}', "aesthetic": 5.5, "item_id": 9},
            "text",
            {"id": 3, "aesthetic": 5.5},
        ),
    ],
)
def test_what_is_left_of_an_export_with_fewer_or_more_columns_is_read(
    beside: dict[str, object], place: str, data: dict[str, object]
) -> None:
    row = {"file_name": "a.png", "text": "a dog"} | beside
    table = NamedFile("t.jsonl", json.dumps(row).encode())
    [image] = read([NamedFile("a.png", png()), table])
    assert isinstance(image, WebImage)
    assert image.origins["a dog"] == TextOrigin(place=place, data=data)


@given(JSON)
def test_any_document_is_read_and_its_data_can_be_stored(document: object) -> None:
    for format in OF_DOCUMENTS:
        if format.is_it(document):
            list(format.read(document))
    data = json.dumps(document).encode()
    members = {"a.json": data, "dog.png": png()}
    for found in (read(NamedFile("a.json", data)), read(NamedFile("a.zip", zipped(members)))):
        for one in found:
            if isinstance(one, WebImage):
                kept = [dict(origin.data) for origin in one.origins.values()]
                json.dumps(kept, allow_nan=False).encode()


def test_what_is_nested_too_deeply_is_left_out() -> None:
    deep: object = "x"
    for _ in range(DEEPEST - 1):
        deep = [deep]
    kept = clean_data({"a": deep, "b": 1})
    assert kept == {"a": deep, "b": 1}
    assert isinstance(clean_data({"a": [deep], "b": 1}), dict)
    assert "x" not in json.dumps(clean_data({"a": [deep], "b": 1}))


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "a.json", "coco.json", "llava.json"])
def test_data_nested_beyond_pythons_limit_is_no_error(name: str) -> None:
    deep = '{"a":' + "[" * 900 + "]" * 900 + ', "b": 1}'
    said = f'"caption_id": 1, "decided_by": "x", "text_data": {deep}'
    cell = deep.replace('"', '""')
    content = {
        "t.jsonl": f'{{"image": "a.png", "text": "a dog", {said}}}',
        "t.csv": f'file_name,text,caption_id,decided_by,text_data\na.png,a dog,1,x,"{cell}"\n',
        "a.json": f'{{"text": "a dog", {said}}}',
        "coco.json": '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1,'
        f' "caption": "a dog", "extra": {{{said}}}}}]}}',
        "llava.json": '[{"image": "a.png", "conversations": [{"from": "gpt", "value": "a dog"}],'
        f' "extra": {{{said}}}}}]',
    }[name]
    found = list(read(NamedFile("z.zip", zipped({"a.png": png(), name: content.encode()}))))
    (image,) = (one for one in found if isinstance(one, WebImage))
    assert image.texts == ("a dog",)
    if name != "llava.json":
        assert image.origins["a dog"].data["b"] == 1
