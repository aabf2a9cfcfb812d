"""Settings as the page sends them, and the words around a question."""

from dataclasses import replace
from typing import Any

import pytest

from app.chat.generation_settings import NAMES, GenerationSettings, settings_from, with_seed
from app.inference.decoding import describe_decoding
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.models.specs import PromptTemplate, find_spec

PAGE = {
    "mode": "sample",
    "max_new_tokens": 30.0,
    "min_new_tokens": 2,
    "repetition_penalty": 1,
    "temperature": 0.7,
    "top_p": 0.8,
    "beams": 4,
    "length_penalty": 0,
    "seed": " 7 ",
    "style": "short",
    "custom": "",
    "history": "2",
}


def send(**changes: Any) -> GenerationSettings:
    """What the server makes of the controls."""
    return settings_from(*((PAGE | changes)[name] for name in NAMES))


def test_every_setting_arrives() -> None:
    settings = send()
    assert settings.decode == DecodeConfig(
        mode="sample",
        max_new_tokens=30,
        min_new_tokens=2,
        repetition_penalty=1,
        temperature=0.7,
        top_p=0.8,
        beams=4,
        length_penalty=0,
        seed=7,
    )
    assert isinstance(settings.decode.max_new_tokens, int)
    assert (settings.style, settings.history) == ("short", "2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_new_tokens": 31}, "min_new_tokens"),
        ({"max_new_tokens": 257}, "from 1 to 256"),
        ({"max_new_tokens": None}, "max_new_tokens is empty"),
        ({"beams": 64}, "from 2 to 10"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"temperature": float("nan")}, "temperature must be a number"),
        ({"beams": 2.5}, "beams .* must be a whole number"),
        ({"temperature": float("nan")}, "temperature"),
        ({"repetition_penalty": -1}, "repetition_penalty"),
        ({"mode": "magic"}, "mode"),
        ({"seed": "-1"}, "whole number"),
        ({"seed": "²"}, "whole number"),
        ({"seed": "9" * 20}, "seed"),
        ({"style": "rude"}, "style"),
        ({"style": "custom", "custom": "no place"}, "must contain {question}"),
        ({"style": "custom", "custom": "{question}" * 100}, "at most 500"),
    ],
)
def test_what_is_out_of_range_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        send(**changes)


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("own", "Question: {question} Answer:"),
        ("plain", "{question}"),
        ("answer", "Question: {question} Answer:"),
        ("short", "Question: {question} Short answer:"),
        ("custom", "Look: {question} It is"),
    ],
)
def test_styles_change_the_words_and_nothing_else(style: str, words: str) -> None:
    own = find_spec("stickers-opt").template
    template = send(style=style, custom="Look: {question} It is").template(own)
    assert template == PromptTemplate(question=words, separator="\n")


def test_a_seed_is_drawn_where_it_counts_and_none_is_given() -> None:
    drawn = {with_seed(send(seed="")).decode.seed for _ in range(3)}
    assert len(drawn) == 3 and None not in drawn
    assert with_seed(send()).decode.seed == 7
    assert with_seed(send(seed=None, mode="greedy")).decode.seed is None


def test_settings_in_words_name_only_what_had_a_part() -> None:
    decode = DecodeConfig(seed=3)
    assert describe_decoding(decode) == "greedy, 0 to 40 tokens"
    sampled = describe_decoding(replace(decode, mode="sample", repetition_penalty=1.5))
    assert sampled == (
        "sampling, temperature 1, top-p 0.9, seed 3, 0 to 40 tokens, repetition penalty 1.5"
    )
    assert describe_decoding(replace(decode, mode="beam")).startswith("5 beams, length penalty 1")
    one = describe_decoding(replace(decode, mode="beam", beams=1, max_new_tokens=1))
    assert one == "1 beam, length penalty 1, 0 to 1 token"
