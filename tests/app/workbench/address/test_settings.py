"""Settings as fields of the address: only what differs, and only what is in range."""

import pytest

from app.chat.generation_settings import NAMES
from app.workbench.address.settings import settings_fields, settings_values
from app.workbench.page import build_workbench
from blip2core.errors import ConfigError
from tests.fakes import FakeGenerator, fake_services

FIRST = dict(
    zip(
        NAMES,
        ["greedy", 40, 0, 1.0, 1.0, 0.9, 5, 1.0, "", "own", "{question}", "own"],
        strict=True,
    )
)
MOST = [256 if name == "max_new_tokens" else None for name in NAMES]


def read(**fields: str) -> dict[str, object]:
    values = settings_values(fields, list(FIRST.values()), MOST)
    return {name: value for name, value in zip(NAMES, values, strict=True) if value != FIRST[name]}


def test_what_is_written_is_read_again() -> None:
    chosen = {"mode": "sample", "temperature": 0.7, "seed": "12", "history": "2", "beams": 3}
    written = settings_fields([chosen.get(name, FIRST[name]) for name in NAMES], [*FIRST.values()])
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
    assert len(visits) == 1
    assert len(visits[0].outputs) == len(NAMES) + 1  # and the address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", "99"), ("temperature", "nan"), ("temperature", "hot"), ("beams", "2.5")),
        *(("mode", "<script>"), ("style", "evil"), ("history", "7"), ("seed", "one")),
        *(("max_new_tokens", "257"), ("max_new_tokens", "9" * 30), ("min_new_tokens", "-1")),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError):
        read(**{name: value})


def test_fields_that_are_no_settings_are_left_out() -> None:
    assert read(__theme="dark", utm_source="x") == {}
