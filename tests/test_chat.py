"""Conversations become prompts that fit."""

from types import SimpleNamespace

import pytest

from blip2core.chat import build_prompt, prompt_for
from blip2core.config import DecodeConfig
from blip2core.errors import TextError
from blip2core.records import Conversation
from tests.fakes import FakeGenerator

PLAIN = SimpleNamespace(question="Question: {question} Answer:", separator=". ")
LINES = SimpleNamespace(question="Question: {question} Answer:", separator="\n")
TALK = Conversation().add("What animal is there?", "a dog").add("What colour is it?", "red")


def words(text: str) -> int:
    return len(text.split())


def test_history_goes_before_the_question() -> None:
    prompt = build_prompt(TALK, "Where is it?", PLAIN, words, limit=100)
    assert prompt.text == (
        "Question: What animal is there? Answer: a dog. "
        "Question: What colour is it? Answer: red. "
        "Question: Where is it? Answer:"
    )
    assert prompt.dropped == ()


def test_separator_belongs_to_the_template() -> None:
    prompt = build_prompt(Conversation().add("Who?", "a cat."), "Where?", LINES, words, limit=100)
    assert prompt.text == "Question: Who? Answer: a cat.\nQuestion: Where? Answer:"


def test_full_stop_is_not_doubled() -> None:
    prompt = build_prompt(Conversation().add("Who?", "a cat."), "Where?", PLAIN, words, limit=100)
    assert prompt.text == "Question: Who? Answer: a cat. Question: Where? Answer:"


@pytest.mark.parametrize(("limit", "kept"), [(20, 2), (19, 1), (12, 1), (11, 0), (5, 0)])
def test_oldest_turns_are_dropped_first(limit: int, kept: int) -> None:
    prompt = build_prompt(TALK, "Where is it?", PLAIN, words, limit=limit)
    assert words(prompt.text) <= limit
    assert prompt.dropped == TALK.turns[: 2 - kept]
    assert prompt.text.count("Question:") == kept + 1


def test_question_too_long_by_itself_says_so() -> None:
    with pytest.raises(TextError, match="too long: 5 tokens, where the model has room for 4"):
        build_prompt(TALK, "Where is it?", PLAIN, words, limit=4)


@pytest.mark.parametrize("question", ["", "  \n\t"])
def test_empty_question_is_refused(question: str) -> None:
    with pytest.raises(TextError, match="empty"):
        build_prompt(Conversation(), question, PLAIN, words, limit=100)


def test_line_breaks_and_braces_stay_inside_the_question() -> None:
    prompt = build_prompt(Conversation(), "Is it\n{red} {0}?", LINES, words, limit=100)
    assert prompt.text == "Question: Is it {red} {0}? Answer:"


def test_room_is_left_for_the_answer() -> None:
    generator = FakeGenerator(context_limit=30)
    roomy = prompt_for(generator, TALK, "Where is it?", DecodeConfig(max_new_tokens=5))
    tight = prompt_for(generator, TALK, "Where is it?", DecodeConfig(max_new_tokens=20))
    assert (len(roomy.dropped), len(tight.dropped)) == (0, 2)


def test_answer_longer_than_the_context_is_explained() -> None:
    generator = FakeGenerator(context_limit=30)
    with pytest.raises(TextError, match="up to 30 new tokens leaves the model no room"):
        prompt_for(generator, TALK, "Where is it?", DecodeConfig(max_new_tokens=30))
    with pytest.raises(TextError, match="up to 1 new token leaves"):
        prompt_for(FakeGenerator(context_limit=1), TALK, "Who?", DecodeConfig(max_new_tokens=1))
    one = FakeGenerator(context_limit=31)  # room for one token of a prompt, which has more
    with pytest.raises(TextError, match="has room for 1"):
        prompt_for(one, TALK, "Where is it?", DecodeConfig(max_new_tokens=30))


def test_template_of_a_visitor_takes_the_place_of_the_models_own() -> None:
    generator = FakeGenerator()
    own = SimpleNamespace(question="{question} {0} {question.__class__} ->", separator="\n")
    prompt = prompt_for(generator, Conversation(), "Where?", DecodeConfig(), own)
    assert prompt.text == "Where? {0} {question.__class__} ->"
