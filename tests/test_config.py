"""Settings are checked where they are made, and the message names the setting."""

from dataclasses import FrozenInstanceError, replace

import pytest

from blip2core.config import (
    BLIP2_RANKING,
    GREEDY,
    CaptionConfig,
    DecodeConfig,
    ExportConfig,
    FilterConfig,
    check_number,
)
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


@pytest.mark.parametrize("instruction", ["", "  ", "Look at <image>."])
def test_an_instruction_has_words_and_no_mark(instruction):
    assert ExportConfig(instruction="What is there?").instruction == "What is there?"
    with pytest.raises(ConfigError, match="instruction"):
        ExportConfig(instruction=instruction)


def test_how_many_texts_a_mode_can_give():
    check_number(1, DecodeConfig())
    check_number(9, DecodeConfig(mode="sample"))
    check_number(100, DecodeConfig(mode="sample"))
    with pytest.raises(ConfigError, match="at most 100"):
        check_number(101, DecodeConfig(mode="sample"))
    check_number(5, DecodeConfig(mode="beam", beams=5))
    for num, decode in [
        (0, DecodeConfig()),
        (2, DecodeConfig()),
        (6, DecodeConfig(mode="beam", beams=5)),
    ]:
        with pytest.raises(ConfigError, match="num"):
            check_number(num, decode)


def test_captions_are_drawn_by_nucleus_sampling_with_a_seed():
    decode = CaptionConfig().decode
    assert (decode.mode, decode.top_p, decode.seed) == ("sample", 0.9, 0)
    with pytest.raises(ConfigError, match="num"):
        CaptionConfig(num=2, decode=GREEDY)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("head", ["itm", "itc"], ["itg", ""]),
        ("threshold", [None, 0.0, 1.0], [-0.1, 1.1, float("nan")]),
        ("margin", [None, -0.5, 2.0], [2.1, float("nan")]),
        ("top_k", [None, 1, 100], [0, -1]),
        ("shortest", [1, 50], [0]),
        ("longest", [None, 1], [0]),
    ],
)
def test_ranges_of_the_filter(name, good, bad):
    for value in good:
        assert getattr(FilterConfig(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(ConfigError, match=name):
            FilterConfig(**{name: value})


def test_a_cosine_may_be_negative():
    assert FilterConfig(head="itc", threshold=-0.2).threshold == -0.2


def test_the_filter_of_the_papers():
    assert (FilterConfig().head, FilterConfig().threshold) == ("itm", 0.5)
    assert (BLIP2_RANKING.head, BLIP2_RANKING.threshold, BLIP2_RANKING.top_k) == ("itc", None, 2)
