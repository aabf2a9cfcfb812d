"""Build the prompt of a question from the conversation before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blip2core.arguments import check_kind, check_text
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, TextError
from blip2core.records import Conversation, Turn
from blip2core.texts import count_of

if TYPE_CHECKING:  # a page that draws itself before the model is loaded imports no torch
    from blip2core.models.generator import Generator
    from blip2core.models.specs import PromptTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The text a language model is to continue."""

    text: str
    dropped: tuple[Turn, ...]
    """The oldest turns, left out because the language model has no room for them."""
    question: str
    """The part of `text` that asks, without the turns before it."""
    tokens: int
    """Length of `text` in tokens of the language model."""


def build_prompt(
    conversation: Conversation,
    question: str,
    template: PromptTemplate,
    count_tokens: Callable[[str], int],
    limit: int,
) -> Prompt:
    """Return the question after as many of the latest turns as fit into `limit` tokens.

    Raises TextError where the question is empty, or does not fit by itself.
    """
    check_kind(conversation, Conversation, "The turns must be a Conversation", ConfigError)
    check_text(question, "The question")
    asked = _asked(question, template)
    past = [_spoken(turn, template) for turn in conversation.turns]
    for dropped in range(len(past) + 1):
        text = template.separator.join([*past[dropped:], asked])
        length = count_tokens(text)
        if length <= limit:
            turns = conversation.turns[:dropped]
            return Prompt(text=text, dropped=turns, question=asked, tokens=length)
    raise TextError(
        f"The question is too long: {length} tokens, where the model has room for {limit}. "
        "Ask it in fewer words."
    )


def prompt_for(
    generator: Generator,
    conversation: Conversation,
    question: str,
    decode: DecodeConfig,
    template: PromptTemplate | None = None,
) -> Prompt:
    """Return `build_prompt` for a model, with room left for the image and the answer.

    Without a template, in the words the model was trained with.
    """
    template = template or generator.spec.template
    room = generator.prompt_room(decode.max_new_tokens)
    if room < 1:
        raise TextError(
            f"An answer of up to {count_of(decode.max_new_tokens, 'new token')} leaves the model "
            "no room for a question: allow fewer."
        )
    return build_prompt(conversation, question, template, generator.count_tokens, room)


def _asked(question: str, template: PromptTemplate) -> str:
    line = " ".join(question.split())  # a line break would end the turn
    if not line:
        raise TextError("The question is empty.")
    # Not str.format: a template may come from a visitor, and braces in it mean nothing else.
    return template.question.replace("{question}", line)


def _spoken(turn: Turn, template: PromptTemplate) -> str:
    """Return a past turn as the model reads it,
    without a second full stop before the separator's.
    """
    answer = " ".join(turn.answer.split())
    text = f"{_asked(turn.question, template)} {answer}".rstrip()
    return text.rstrip(".") if template.separator.startswith(".") else text
