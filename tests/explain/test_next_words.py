"""The words that could have been written: the same probabilities as those of the writing itself."""

import math
from dataclasses import replace

import pytest
from PIL import Image

from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, ModelError, TextError
from blip2core.explain.next_words import next_words
from blip2core.models import Generator

PROMPT = "Question: Who? Answer:"
SHORT = DecodeConfig(max_new_tokens=5, min_new_tokens=5)


@pytest.fixture(
    params=[
        "tiny_generator",
        "tiny_t5_generator",
        "tiny_instructblip",
        "tiny_instructblip_t5",
        "tiny_blip",
    ]
)
def writer(request: pytest.FixtureRequest) -> Generator:
    return request.getfixturevalue(request.param)


def test_probabilities_are_those_of_the_writing(
    writer: Generator, images: list[Image.Image]
) -> None:
    features = writer.encode(images[:1])
    said = writer.answer(features, [PROMPT], decode=SHORT, logprobs=True)[0]
    calls = writer.vision.calls
    words = next_words(writer, features, PROMPT, said.tokens)
    assert writer.vision.calls == calls
    told = [word.written.probability for word in words]
    assert told == pytest.approx([math.exp(one) for one in said.logprobs], abs=1e-5)
    written = "".join(word.written.piece for word in words).strip()
    assert written == writer.tokenizer.decode(list(said.tokens), skip_special_tokens=True).strip()


def test_the_likeliest_come_first_and_greedy_writing_takes_the_first(
    tiny_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    decode = DecodeConfig(max_new_tokens=4)
    said = tiny_generator.answer(features, [PROMPT], decode=decode)[0]
    words = next_words(tiny_generator, features, PROMPT, said.tokens, alternatives=3)
    for word in words:
        chances = [one.probability for one in word.likeliest]
        assert len(chances) == 3 and chances == sorted(chances, reverse=True)
        assert min(chances) >= 0 and sum(chances) <= 1 + 1e-6
        assert word.likeliest[0].probability == word.written.probability


def test_the_token_that_ends_a_text_adds_nothing(
    tiny_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    end = tiny_generator.end_tokens[0]
    *_, last = next_words(tiny_generator, features, PROMPT, (20, end))
    assert last.written.piece == ""


def test_what_cannot_be_followed_is_refused(
    tiny_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    with pytest.raises(ConfigError, match="the text is empty"):
        next_words(tiny_generator, features, PROMPT, ())
    with pytest.raises(ModelError, match="features of one image"):
        next_words(tiny_generator, tiny_generator.encode(images[:2]), PROMPT, (20,))
    with pytest.raises(ModelError, match="made for"):
        next_words(tiny_generator, replace(features, encoder="another"), PROMPT, (20,))
    with pytest.raises(TextError, match="shorten it"):
        next_words(tiny_generator, features, "a dog " * 500, (20,))
