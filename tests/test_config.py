"""Settings are checked where they are made, and the message names the setting."""

from dataclasses import FrozenInstanceError, replace

import pytest

from blip2core.config import GREEDY, DecodeConfig
from blip2core.errors import Blip2Error, ConfigError


def test_the_defaults_are_greedy_and_frozen():
    assert DecodeConfig() == GREEDY and GREEDY.mode == "greedy" and GREEDY.seed is None
    with pytest.raises(FrozenInstanceError):
        GREEDY.beams = 3
    assert issubclass(ConfigError, Blip2Error)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("mode", ["greedy", "sample", "beam"], ["nucleus", ""]),
        ("max_new_tokens", [1, 500], [0, -1]),
        ("min_new_tokens", [0, 40], [-1, 41]),
        ("temperature", [0.1, 2.0], [0.0, -1.0, float("nan")]),
        ("top_p", [0.01, 1.0], [0.0, 1.1]),
        ("beams", [1, 64], [0, 65]),
        ("length_penalty", [-2.0, 2.0], [11.0, float("inf")]),
        ("repetition_penalty", [0.5, 2.0], [0.0, 11.0]),
        ("seed", [None, 0, 2**63 - 1], [-1, 2**63]),
    ],
)
def test_ranges(name, good, bad):
    for value in good:
        assert getattr(replace(GREEDY, **{name: value}), name) == value
    for value in bad:
        with pytest.raises(ConfigError, match=name):
            replace(GREEDY, **{name: value})
