"""Settings as fields of the address: only what differs, and only what is in range."""

import pytest

from app.chat.generation_settings import NAMES
from app.inference.decoding import DECODING
from app.workbench.address.settings import QUESTION, caption_fields
from app.workbench.page import build_workbench
from blip2core.errors import Blip2Error, ConfigError
from tests.fakes import FakeGenerator, fake_services

FIRST = dict(
    zip(
        NAMES,
        ["greedy", 40, 0, 1.0, 1.0, 0.9, 5, 1.0, "", "own", "{question}", "own"],
        strict=True,
    )
)
CAPTIONS = {"num": 5, "prompt": "", **{name: FIRST[name] for name in DECODING}}
MOST = [256 if name == "max_new_tokens" else None for name in NAMES]


def read(**fields: str) -> dict[str, object]:
    values = QUESTION.read(fields, list(FIRST.values()), MOST)
    return {name: value for name, value in zip(NAMES, values, strict=True) if value != FIRST[name]}


def test_what_is_written_is_read_again() -> None:
    chosen = {"mode": "sample", "temperature": 0.7, "seed": "12", "history": "2", "beams": 3}
    written = QUESTION.written([chosen.get(name, FIRST[name]) for name in NAMES], [*FIRST.values()])
    fields = {name: value for name, value in written.items() if value}
    assert fields == {name: str(value) for name, value in chosen.items()}
    assert read(**fields) == chosen


def test_the_first_values_are_those_of_the_page() -> None:
    page = build_workbench(fake_services(FakeGenerator()))
    visits = [
        event
        for event in page.fns.values()
        if getattr(event.fn, "__qualname__", "").startswith("connect_settings.<locals>.visit")
    ]
    # And the address itself. Chat, captions and pairs.
    assert [len(one.outputs) - 1 for one in visits] == [len(NAMES), *[len(CAPTIONS)] * 2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("temperature", "99"),
            ("temperature", "nan"),
            ("temperature", "hot"),
            ("beams", "2.5"),
            ("beams", "1_0"),
        ),
        *(("mode", "<script>"), ("style", "evil"), ("history", "7"), ("seed", "one")),
        *(("max_new_tokens", "257"), ("max_new_tokens", "9" * 30), ("min_new_tokens", "-1")),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        read(**{name: value})


def test_fields_that_are_no_settings_are_left_out() -> None:
    assert read(__theme="dark", utm_source="x") == {}


def test_captions_have_fields_of_their_own() -> None:
    fields = caption_fields("caption")
    first, most = list(CAPTIONS.values()), [None] * len(CAPTIONS)
    chosen = CAPTIONS | {"num": 7, "prompt": "a photo of", "mode": "beam"}
    written = {k: v for k, v in fields.written([*chosen.values()], first).items() if v}
    assert written == {"caption.num": "7", "caption.prompt": "a photo of", "caption.mode": "beam"}
    assert fields.read(written, first, most) == [*chosen.values()]
    assert fields.read({"mode": "sample", "capfilt.num": "9"}, first, most) == first


@pytest.mark.parametrize(
    ("name", "value"), [("num", "99"), ("num", "two"), ("prompt", "x" * 5000), ("beams", "99")]
)
def test_a_caption_setting_out_of_range_is_refused(name: str, value: str) -> None:
    fields = {f"caption.{name}": value}
    with pytest.raises(Blip2Error):
        caption_fields("caption").read(fields, [*CAPTIONS.values()], [None] * len(CAPTIONS))
