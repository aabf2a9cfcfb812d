"""Build the prompt of a question from the conversation before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blip2core.arguments import check_kind, check_text
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, TextError
from blip2core.models.prompt_words import asked, tidy
from blip2core.records import ALL_TURNS, Conversation, HistoryPolicy, Turn
from blip2core.texts import count_of

if TYPE_CHECKING:  # a page that draws itself before the model is loaded imports no torch
    from blip2core.models.generator import Generator
    from blip2core.models.specs import PromptTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The text a language model is to continue."""

    text: str
    dropped: tuple[Turn, ...]
    """The oldest turns, which are not sent."""
    is_crowded: bool
    """Whether some of these are missing for lack of room, and not by the history policy alone."""
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
    history: HistoryPolicy = ALL_TURNS,
) -> Prompt:
    """Return the question after as many of the latest turns as the policy sends and as fit into
    `limit` tokens.

    Question and answers are made tidy, see `prompt_words`. Raises TextError where the question is
    empty, or does not fit by itself.
    """
    check_kind(conversation, Conversation, "The turns must be a Conversation", ConfigError)
    check_text(question, "The question")
    alone = asked(question, template)
    past = [_spoken(turn, template) for turn in conversation.turns]
    length = count_tokens(alone)
    if length > limit:
        raise TextError(
            f"The question is too long: {length} tokens, where the model has room for {limit}. "
            "Ask it in fewer words."
        )
    least = 0 if history.turns is None else max(0, len(past) - history.turns)
    text, tokens, dropped, is_crowded = alone, length, len(past), False
    for first in reversed(range(least, len(past))):
        longer = template.separator.join([*past[first:], alone])
        size = count_tokens(longer)
        is_crowded = size > limit
        if is_crowded or (history.tokens is not None and size - length > history.tokens):
            break
        text, tokens, dropped = longer, size, first
    return Prompt(
        text=text,
        dropped=conversation.turns[:dropped],
        is_crowded=is_crowded,
        question=alone,
        tokens=tokens,
    )


def prompt_for(
    generator: Generator,
    conversation: Conversation,
    question: str,
    decode: DecodeConfig,
    template: PromptTemplate | None = None,
    history: HistoryPolicy | None = None,
) -> Prompt:
    """Return `build_prompt` for a model, with room left for the image and the answer.

    Without a template, in the words the model was trained with; without a history policy, with as
    many earlier turns as its spec says.
    """
    template = template or generator.spec.template
    history = generator.spec.history if history is None else history
    room = generator.prompt_room(decode.max_new_tokens)
    if room < 1:
        raise TextError(
            f"An answer of up to {count_of(decode.max_new_tokens, 'new token')} leaves the model "
            "no room for a question: allow fewer."
        )
    return build_prompt(conversation, question, template, generator.count_tokens, room, history)


def _spoken(turn: Turn, template: PromptTemplate) -> str:
    """Return a past turn as the model reads it,
    without a second full stop before the separator's.
    """
    text = f"{asked(turn.question, template)} {tidy(turn.answer)}".rstrip()
    return text.rstrip(".") if template.separator.startswith(".") else text
