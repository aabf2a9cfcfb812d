"""The values of a conversation: an image, and turns of a question with its answer."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from app.chat.generation_settings import GenerationSettings
from app.chat.image import ChatImage
from blip2core.records import Conversation, Turn

StoredKind = Literal["example", "import"]
TurnState = Literal["asked", "loading", "answering", "answered", "stopped", "failed", "untaught"]
"""untaught: the model was never taught such questions, and was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRating:
    """A visitor's like or dislike of an answer."""

    liked: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTurn:
    """A question with its settings and its answer, which may still be growing."""

    number: int = -1
    """Unique within a session; -1 outside of one."""
    question: str
    settings: GenerationSettings = GenerationSettings()
    answer: str = ""
    """The answer so far, or the message of a failure."""
    anyway: bool = False
    """Whether it is to be answered even if the model was never taught such questions."""
    begun: str = ""
    """What stood of the answer when it was asked to go on."""
    cut_off: bool = False
    """Whether the limit of tokens ended the answer, and not the model."""
    state: TurnState = "asked"
    dropped: tuple[Turn, ...] = ()
    """The earliest turns, which the model did not read."""
    prompt: str = ""
    """What the model read after the image."""
    model: str = ""
    revision: str = ""
    """Names its weights exactly, see `Generator.revision`."""
    seconds: float | None = None
    """From the beginning of the answer to its end, waiting not counted."""
    note: str = ""
    """What the visitor should know of how the answer came about."""
    rating: AnswerRating | None = None
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    """Set when nobody waits for the answer any more."""

    @property
    def is_open(self) -> bool:
        """True while an answer may still come."""
        return self.state in ("asked", "loading", "answering")

    @property
    def has_answer(self) -> bool:
        """True where there is an answer, or part of one; later prompts contain such turns."""
        return self.state in ("answered", "stopped") and bool(self.answer)

    @property
    def is_untaught(self) -> bool:
        """True where the model was not asked, for it was never taught such questions."""
        return self.state == "untaught"

    @property
    def can_go_on(self) -> bool:
        """True where there is part of an answer, which the model did not end."""
        return self.has_answer and (self.cut_off or self.state == "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConversation:
    """A conversation from a file, with its image."""

    image: ChatImage
    turns: tuple[ChatTurn, ...]
    kind: StoredKind
    """example: comes with the page, and makes room without being asked."""


def conversation_of(turns: Iterable[ChatTurn]) -> Conversation:
    """Return the turns with an answer, which prompts contain."""
    answered = (turn for turn in turns if turn.has_answer)
    return Conversation(turns=tuple(Turn(question=e.question, answer=e.answer) for e in answered))
