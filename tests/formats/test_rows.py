"""What an export said of a text, read again: also where somebody changed it."""

import pytest

from blip2core.formats.rows import exported_origin
from blip2core.intake import NamedFile, read
from blip2core.records import TextOrigin
from tests.intake.making import images, png, zipped

OURS = {"caption_id": 7, "decided_by": "ann", "text_place": "alt", "text_data": '{"id": 3}'}


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
    assert origin.place == "text" and "k" not in origin.data
