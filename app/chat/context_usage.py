"""How many tokens of the language model's context are used, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from app.chat.generation_settings import GenerationSettings
from blip2core.chat import prompt_for
from blip2core.records import Conversation, Turn

if TYPE_CHECKING:
    from blip2core.models.generator import Generator

AMBER = 0.8
"""Share of the context from which on the bar warns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextUsage:
    """Tokens of the language model's context, by what takes them."""

    prompt: str
    """What the model reads after the image; empty while there is no question."""
    image: int
    history: int
    question: int
    answer: int
    """Room kept for the answer; 0 where it lies elsewhere (encoder-decoder)."""
    total: int
    dropped: tuple[Turn, ...] = ()
    """Turns that have no room any more."""

    @property
    def used(self) -> int:
        """Sum of all parts."""
        return self.image + self.history + self.question + self.answer


def measure_context(
    generator: Generator, conversation: Conversation, question: str, settings: GenerationSettings
) -> ContextUsage:
    """Return what asking a question would take. Raises TextError where it cannot be asked."""
    template, decode = settings.template(generator.spec.template), settings.decode
    text = question.strip()
    prompt = prompt_for(generator, conversation, text or "?", decode, template)
    asked = generator.count_tokens(prompt.question)
    return ContextUsage(
        prompt=prompt.text if text else "",
        image=generator.image_tokens,
        history=prompt.tokens - asked,
        question=asked if text else 0,
        answer=generator.context_limit - generator.prompt_room(decode.max_new_tokens),
        total=generator.image_tokens + generator.context_limit,
        dropped=prompt.dropped,
    )


def usage_html(taken: ContextUsage) -> str:
    """Return the HTML of a bar, and what it means in words."""
    parts = {
        "image": taken.image,
        "history": taken.history,
        "question": taken.question,
        "answer": taken.answer,
        "free": max(taken.total - taken.used, 0),
    }
    bar = "".join(
        f'<i class="{name}" style="flex-grow:{size}"></i>' for name, size in parts.items() if size
    )
    words = ", ".join(
        f'<span class="{name}">{name}{" up to" if name == "answer" else ""} {size}</span>'
        for name, size in parts.items()
        if size and name != "free"
    )
    amber = bool(taken.dropped) or taken.used >= AMBER * taken.total
    return (
        f'<div class="meter{" amber" if amber else ""}">'
        f'<div class="bar" aria-hidden="true">{bar}</div>'
        f"<p>Room: {taken.used} of {taken.total} tokens ({words}).{_warning(taken, amber)}</p>"
        "</div>"
    )


def _warning(taken: ContextUsage, amber: bool) -> str:
    if taken.dropped:
        questions = ", ".join(f"“{escape(turn.question)}”" for turn in taken.dropped)
        return (
            f" <strong>The model will no longer know: {questions}. "
            "A new conversation has all the room again.</strong>"
        )
    if amber:
        return (
            " <strong>Nearly full: the earliest questions are left out next. "
            "A new conversation has all the room again.</strong>"
        )
    return ""


def usage_problem_html(words: str) -> str:
    """Return HTML in place of the bar, where a question cannot be asked as it stands."""
    return f'<div class="meter amber"><p><strong>{escape(words)}</strong></p></div>'
