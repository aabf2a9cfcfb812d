"""How much of the model's context a question takes, and by what."""

import pytest

from app.chat.context_usage import measure_context
from app.chat.generation_settings import GenerationSettings
from blip2core.config import DecodeConfig
from blip2core.errors import TextError
from blip2core.records import Conversation
from tests.fakes import FakeGenerator

TALK = Conversation().add("What animal is there?", "a dog").add("What colour is it?", "red")


def test_parts_add_up_to_what_the_model_reads() -> None:
    generator = FakeGenerator(context_limit=100)
    taken = measure_context(generator, TALK, "Where is it?", GenerationSettings())
    assert taken.question == 5  # Question: Where is it? Answer:
    assert taken.history + taken.question == generator.count_tokens(taken.prompt)
    assert (taken.image, taken.answer, taken.total) == (16, 40, 116)
    assert (taken.sent, taken.unsent, taken.is_crowded) == (2, 0, False)


def test_an_empty_box_measures_the_history() -> None:
    generator = FakeGenerator(context_limit=100)
    full = measure_context(generator, TALK, "Where is it?", GenerationSettings())
    empty = measure_context(generator, TALK, " ", GenerationSettings())
    assert (empty.prompt, empty.question, empty.history) == ("", 0, full.history)


def test_turns_without_room_are_counted() -> None:
    generator = FakeGenerator(context_limit=56)
    taken = measure_context(generator, TALK, "Where is it?", GenerationSettings())
    assert (taken.sent, taken.unsent, taken.is_crowded) == (1, 1, True)


def test_only_what_is_sent_is_measured() -> None:
    """A turn that the policy leaves out takes no room, and is no lack of room."""
    whole = measure_context(FakeGenerator(), TALK, "Who?", GenerationSettings(history="all"))
    taken = measure_context(FakeGenerator(), TALK, "Who?", GenerationSettings(history="1"))
    assert (taken.sent, taken.unsent, taken.is_crowded) == (1, 1, False)
    assert 0 < taken.history < whole.history
    none = measure_context(FakeGenerator(), TALK, "Who?", GenerationSettings(history="0"))
    assert (none.sent, none.history, none.prompt) == (0, 0, "Question: Who? Answer:")


def test_a_style_takes_its_own_room() -> None:
    plain = measure_context(
        FakeGenerator(), TALK, "Where is it?", GenerationSettings(style="plain")
    )
    assert (plain.question, plain.prompt[-13:]) == (3, "\nWhere is it?")


def test_what_cannot_be_asked_is_said() -> None:
    with pytest.raises(TextError, match="fewer words"):
        measure_context(FakeGenerator(context_limit=45), TALK, "Is it " * 30, GenerationSettings())
    with pytest.raises(TextError, match="allow fewer"):
        decode = DecodeConfig(max_new_tokens=200)
        measure_context(FakeGenerator(), TALK, "Is it?", GenerationSettings(decode=decode))
