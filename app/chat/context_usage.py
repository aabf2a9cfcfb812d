"""How many tokens of the language model's context are used, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.chat.generation_settings import GenerationSettings
from blip2core.chat import prompt_for
from blip2core.records import Conversation

if TYPE_CHECKING:
    from blip2core.models.generator import Generator


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
    sent: int = 0
    """Earlier turns that are sent, the latest ones."""
    unsent: int = 0
    """Earlier turns that are not."""
    is_crowded: bool = False
    """Whether some of these are missing for lack of room, and not by the history policy alone."""

    @property
    def used(self) -> int:
        """Sum of all parts."""
        return self.image + self.history + self.question + self.answer


def measure_context(
    generator: Generator, conversation: Conversation, question: str, settings: GenerationSettings
) -> ContextUsage:
    """Return what asking a question would take. Raises TextError where it cannot be asked."""
    template, decode = settings.template(generator.spec.template), settings.decode
    history = settings.policy(generator.spec.history)
    text = question.strip()
    prompt = prompt_for(generator, conversation, text or "?", decode, template, history)
    asked = generator.count_tokens(prompt.question)
    return ContextUsage(
        prompt=prompt.text if text else "",
        image=generator.image_tokens,
        history=prompt.tokens - asked,
        question=asked if text else 0,
        answer=generator.context_limit - generator.prompt_room(decode.max_new_tokens),
        total=generator.image_tokens + generator.context_limit,
        sent=len(conversation.turns) - len(prompt.dropped),
        unsent=len(prompt.dropped),
        is_crowded=prompt.is_crowded,
    )
