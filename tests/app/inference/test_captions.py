"""Captions from request to scores."""

from threading import Event

import pytest

from app.inference.captions import (
    MOST_CAPTIONS,
    CaptionRequest,
    ScoredCaption,
    caption_and_score,
    caption_request_from,
    continues_prompt,
    merge_equal,
    progress_of,
    with_scores,
)
from app.inference.features import PairFeatures
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, TextError
from blip2core.models.specs import PromptTemplate, find_spec
from blip2core.records import Generated, Match
from tests.fakes import FakeFeatures, FakeGenerator, FakeMatcher, fake_services

PLAIN = PromptTemplate()
SAMPLE = DecodeConfig(mode="sample", seed=1)
FEATURES = FakeFeatures(sizes=((4, 4),))
SEEN = PairFeatures(generator=FEATURES, matcher=FEATURES)


def written(text: str, *logprobs: float) -> Generated:
    return Generated(text=text, tokens=tuple(range(len(logprobs))), logprobs=logprobs)


def test_equal_captions_are_merged_with_their_mean_log_probability() -> None:
    texts = [written("a dog", -1, -2), written("a cat", -3.0), written("a dog", -1, -2)]
    assert merge_equal(texts) == [
        ScoredCaption(text="a dog", times=2, tokens=2, logprob=-1.5),
        ScoredCaption(text="a cat", times=1, tokens=1, logprob=-3.0),
    ]


def test_words_a_caption_goes_on_from_are_part_of_it() -> None:
    assert merge_equal([written("a dog", -1)], "a photo of")[0].text == "a photo of a dog"
    assert continues_prompt(find_spec("stickers-opt")) and not continues_prompt(
        find_spec("stickers-t5")
    )
    assert not continues_prompt(find_spec("instructblip-vicuna-7b"))


def test_scores_go_to_captions_with_words_likeliest_first() -> None:
    captions = [ScoredCaption(text="a"), ScoredCaption(text=""), ScoredCaption(text="b")]
    fits = [
        Match(text="a", itm=0.2, itc=0.9, query=0),
        Match(text="b", itm=0.7, itc=0.1, query=0, truncated=True),
    ]
    assert with_scores(captions, fits) == [
        ScoredCaption(text="b", itm=0.7, itc=0.1, truncated=True),
        ScoredCaption(text="a", itm=0.2, itc=0.9),
        ScoredCaption(text=""),
    ]


def test_captions_grow_and_the_last_are_scored() -> None:
    matcher = FakeMatcher()
    services = fake_services(FakeGenerator(), matcher)
    *growing, last = caption_and_score(
        services.engine, "", SEEN, CaptionRequest(num=3, decode=SAMPLE), Event()
    )
    assert [caption.text for caption in growing[0]] == ["a", "a", "a"]
    assert [(c.text, c.times, c.itm) for c in last] == [
        ("a red bird on the beach", 2, 1.0),
        ("a bird", 1, 1.0),
    ]
    assert matcher.scored == ["a red bird on the beach", "a bird"]


def test_what_is_stopped_is_not_scored() -> None:
    matcher, stop = FakeMatcher(), Event()
    services = fake_services(FakeGenerator(), matcher)
    steps = caption_and_score(services.engine, "", SEEN, CaptionRequest(num=2, decode=SAMPLE), stop)
    next(steps)
    stop.set()
    *_, last = steps
    assert [(caption.text, caption.stopped) for caption in last] == [("a", True)]
    assert matcher.scored == []


@pytest.mark.parametrize(
    ("num", "problem"),
    [
        (0, "from 1 to 8"),
        (MOST_CAPTIONS + 1, "from 1 to 8"),
        (None, "is empty"),
        (1e999, "must be a number"),
    ],
)
def test_number_has_limits(num: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        caption_request_from(num, "", SAMPLE, PLAIN)


def test_order_is_what_the_mode_can_fill() -> None:
    assert caption_request_from(5, "", DecodeConfig(), PLAIN).num == 1
    beams = DecodeConfig(mode="beam", beams=5)
    assert caption_request_from(8, "", beams, PLAIN).decode.beams == 8
    drawn = caption_request_from(3, "", DecodeConfig(mode="sample"), PLAIN).decode.seed
    assert drawn is not None
    with pytest.raises(TextError, match="at most"):
        caption_request_from(3, "a" * 400, SAMPLE, PLAIN)


def test_a_request_has_the_prompt_that_the_model_reads() -> None:
    def prompt_of(typed: str) -> str:
        return caption_request_from(3, typed, SAMPLE, PLAIN).prompt

    assert prompt_of(" a \n photo ") == "a photo"
    assert prompt_of("Who is it? ") == "Question: Who is it? Answer:"
    assert prompt_of("") == ""


def test_progress_counts_tokens_of_the_longest() -> None:
    order = CaptionRequest(decode=DecodeConfig(max_new_tokens=20))
    growing = [ScoredCaption(text="a", tokens=3), ScoredCaption(text="b", tokens=7)]
    assert progress_of(growing, order) == (7, 20, "Writing: 7 of at most 20 tokens")
    assert progress_of([ScoredCaption(text="a", logprob=-1.0)], order)[2] == "Scoring"
