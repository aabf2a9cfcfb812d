"""The page's values become the settings of their names, in the order in which they are sent."""

import gradio as gr
import pytest

from app.inference.decoding import DECODING, decode_from, seeded
from app.workbench.widgets.generation_controls import build_decoding
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError


def test_each_value_goes_to_its_setting() -> None:
    assert decode_from("sample", 11, 3, 1.5, 0.7, 0.8, 4, -0.5, "9") == DecodeConfig(
        mode="sample",
        max_new_tokens=11,
        min_new_tokens=3,
        repetition_penalty=1.5,
        temperature=0.7,
        top_p=0.8,
        beams=4,
        length_penalty=-0.5,
        seed=9,
    )


def test_no_value_more_and_none_less_is_taken() -> None:
    for values in (["greedy", 11], ["greedy", 11, 3, 1, 1, 1, 4, 1, None, "more"]):
        with pytest.raises(ValueError, match="zip"):
            decode_from(*values)


def test_the_controls_stand_in_that_order() -> None:
    with gr.Blocks():
        controls = build_decoding(40)
    assert [control.label for control in controls.inputs] == [
        "Decoding",
        "Max new tokens",
        "Min new tokens",
        "Repetition penalty",
        "Temperature",
        "Top-p",
        "Beams",
        "Length penalty",
        "Seed",
    ]
    assert len(DECODING) == len(controls.inputs)


def test_numbers_of_words_are_whole_and_the_others_are_not() -> None:
    decode = decode_from("greedy", 11.0, 3.0, 1, 1, 1, 4.0, 1, None)
    assert [type(value) for value in (decode.max_new_tokens, decode.beams, decode.top_p)] == [
        int,
        int,
        float,
    ]
    assert decode.seed is None


@pytest.mark.parametrize(
    ("place", "name", "least", "most", "step"),
    [
        (1, "max_new_tokens", 1, 256, 1),
        (2, "min_new_tokens", 0, 11, 1),
        (3, "repetition_penalty", 1.0, 3.0, 0.1),
        (4, "temperature", 0.1, 1.5, 0.1),
        (5, "top_p", 0.1, 1.0, 0.1),
        (6, "beams", 2, 10, 1),
        (7, "length_penalty", -1.0, 2.0, 0.1),
    ],
)
def test_each_setting_has_its_limits(
    place: int, name: str, least: float, most: float, step: float
) -> None:
    given = ["sample", 11, 0, 1.5, 0.7, 0.8, 4, -0.5, "9"]
    for value in (least, most):
        given[place] = value
        assert getattr(decode_from(*given), name) == value
    for value in (least - step, most + step):
        given[place] = value
        with pytest.raises(ConfigError, match=name):
            decode_from(*given)


@pytest.mark.parametrize("seed", ["-1", "1.5", "x", "²"])
def test_a_seed_is_a_whole_number(seed: str) -> None:
    with pytest.raises(ConfigError, match="seed"):
        decode_from("sample", 11, 3, 1.5, 0.7, 0.8, 4, -0.5, seed)


def test_a_seed_is_drawn_where_words_are_drawn_and_none_is_given() -> None:
    sample = DecodeConfig(mode="sample")
    assert seeded(sample).seed != seeded(sample).seed
    assert seeded(DecodeConfig(mode="sample", seed=4)).seed == 4
    assert seeded(DecodeConfig()).seed is None


@pytest.mark.parametrize("number", [10**400, -(10**400), float("nan")])
def test_a_number_that_no_float_holds_is_refused(number: float) -> None:
    with pytest.raises(ConfigError, match="beams must be a number"):
        decode_from("beam", 11, 0, 1.0, 1.0, 0.9, number, 1.0, None)


def test_a_seed_has_at_most_63_bits() -> None:
    decoding = ("sample", 11, 0, 1.0, 1.0, 0.9, 4, 1.0)
    assert decode_from(*decoding, str(2**63 - 1)).seed == 2**63 - 1
    assert decode_from(*decoding, "0" * 5_000).seed == 0
    with pytest.raises(ConfigError, match="at most 19 digits"):
        decode_from(*decoding, "9" * 5_000)
    with pytest.raises(ConfigError, match="seed"):
        decode_from(*decoding, str(2**63))
