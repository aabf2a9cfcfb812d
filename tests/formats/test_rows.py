"""What an export said of a text, read again: also where somebody changed it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from blip2core.config import ExportConfig
from blip2core.exports import FORMATS
from blip2core.formats import imagefolder, rows
from blip2core.formats.rows import exported_origin
from blip2core.intake import NamedFile, preview, read
from blip2core.records import TextOrigin, WebImage
from tests.exports.conftest import ANSWERS
from tests.intake.making import images, png, zipped

OURS = {"caption_id": 7, "decided_by": "ann", "text_place": "alt", "text_data": '{"id": 3}'}

WITH_SCORES = sorted(
    name for name, one in FORMATS.items() if not one.one_way and name != "imagefolder"
)


def test_it_comes_back_with_what_the_export_added() -> None:
    found = exported_origin(OURS | {"itm": 0.5, "scorer": None}, "caption")
    said = {"id": 3, "caption_id": 7, "decided_by": "ann", "itm": 0.5}
    assert found == TextOrigin(place="alt", data=said)


def test_rows_of_other_programs_are_left_alone() -> None:
    assert exported_origin({"caption_id": 7, "text": "a dog"}, "caption") is None


def test_cells_of_a_table_and_what_stands_for_nothing() -> None:
    row = OURS | {"caption_id": "7", "itm": "0.25", "itc": -1.0, "decision_id": 0, "scorer": ""}
    found = exported_origin(row | {"text_place": "", "text_data": ""}, "caption")
    assert found == TextOrigin(
        place="caption", data={"caption_id": 7, "decided_by": "ann", "itm": 0.25}
    )


@pytest.mark.parametrize("said", ["[1]", "{", "[" * 100_000, 5, ["x"], {"a": 1}])
@pytest.mark.parametrize("place", [None, 5, ["x"], {"a": "b"}])
def test_what_somebody_wrote_there_costs_no_text(said: object, place: object) -> None:
    found = exported_origin(OURS | {"text_data": said, "text_place": place}, "caption")
    assert found is not None and found.place == "caption"
    assert found.data.get("a") == (1 if said == {"a": 1} else None)


def test_hostile_values_are_read_with_their_text() -> None:
    line = (
        b'{"image": "1.png", "text": "a dog", "caption_id": {"x": 1}, "decided_by": ["\\u0000"], '
        b'"text_place": {"y": 2}, "text_data": "{\\"k\\": 1e999}"}'
    )
    source = NamedFile("t.zip", zipped({"1.png": png(), "t.jsonl": line}))
    [image] = images(read(source))
    origin = image.origins["a dog"]
    ours = {"caption_id": {"x": 1}, "decided_by": [""]}
    assert origin.place == "text"
    assert origin.data == ours | {"k": "Infinity", "text_place": {"y": 2}}


def test_a_cosine_of_minus_one_is_a_score_but_where_a_format_has_stand_ins() -> None:
    ours = dict.fromkeys(rows.OF_TEXT) | OURS | {"itc": -1.0, "scorer": "blip"}
    found = exported_origin(ours, "caption")
    assert found is not None and found.data["itc"] == -1.0
    for filled in (imagefolder.filled(ours), imagefolder.filled(ours | {"itc": None})):
        found = exported_origin(filled, "caption")
        assert found is not None and "itc" not in found.data


@pytest.mark.parametrize("name", WITH_SCORES)
def test_a_cosine_of_minus_one_comes_back_from_each_format(
    name: str, written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    out, _, _ = written(name, make_pairs(**ANSWERS, itc=-1.0, captioner=None))
    found = [one for one in read(out) if isinstance(one, WebImage)]
    scores = [origin.data.get("itc") for one in found for origin in one.origins.values()]
    assert scores and set(scores) == {-1.0}


def test_scores_that_an_import_kept_are_not_taken_for_ours() -> None:
    kept = {"text_data": '{"itm": 0.9, "itc": 0.8, "id": 3}'}
    found = exported_origin(dict.fromkeys(rows.OF_TEXT) | OURS | kept | {"itc": 0.5}, "caption")
    assert found is not None
    said = {"imported_itm": 0.9, "imported_itc": 0.8, "itc": 0.5, "id": 3}
    assert found.data == said | {"caption_id": 7, "decided_by": "ann"}


def test_what_came_under_names_of_ours_is_kept_beside_ours_however_often_it_goes_round() -> None:
    data: Mapping[str, Any] = {"source": "flickr", "caption_id": 49, "decided_by": ["bo"], "id": 3}
    for number in (7, 8, 9):
        ours = {"caption_id": number, "source": "web", "decided_by": "ann", "itm": number / 10}
        row = dict.fromkeys(rows.OF_TEXT) | ours | {"text_data": json.dumps(dict(data))}
        found = exported_origin(row, "caption")
        assert found is not None
        data = found.data
        imported = {"source": "flickr", "caption_id": 49, "decided_by": ["bo"]}
        kept = {f"imported_{name}": value for name, value in imported.items()}
        kept |= {"imported_itm": 0.7} if number > 7 else {}
        assert data == {"id": 3} | ours | kept


def test_a_key_of_an_annotation_comes_back_though_an_export_has_it_too(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    out, _, _ = written("coco", make_pairs(text_data='{"source": "flickr", "license": 4}'))
    for one in images(read(out)):
        for origin in one.origins.values():
            assert origin.data["imported_source"] == "flickr" and origin.data["license"] == 4
            assert origin.data["source"] in ("web", "synthetic", "human", "edited")


@pytest.mark.parametrize(
    ("name", "captions"),
    [
        (name, captions)
        for name in ("csv", "jsonl", "parquet", "imagefolder")
        for captions in ("rows", "lists")
        if captions == "rows" or FORMATS[name].lists
    ],
)
def test_a_preview_tells_what_is_read_of_an_export(
    written: Callable[..., Any], name: str, captions: Any
) -> None:
    out, _, _ = written(name, config=ExportConfig(captions=captions))
    for shown in preview(out):
        roles = {column: shown.role(column) for column in shown.header}
        unread = {column for column, role in roles.items() if role == "not used"}
        assert unread <= {"image_sha256", "width", "height"}
        assert shown.role("details" if captions == "lists" else "scorer") == "data"
