"""The schema of conversation.json, in which a conversation is saved and checked when read."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from app.chat.conversation import AnswerRating, ChatTurn, conversation_of
from app.chat.feedback import LONGEST_REASON
from app.chat.generation_settings import LONGEST_CUSTOM, GenerationSettings, Style
from app.chat.image import ChatImage
from app.inference.decoding import within_limits
from blip2core.config import DecodeConfig

LONGEST_TEXT = 20_000
"""Characters of a prompt or an answer."""
MOST_TURNS = 200
BoundedText = Annotated[str, Field(max_length=LONGEST_TEXT)]
Name = Annotated[str, Field(max_length=255)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, serialize_by_alias=True
    )


class SavedDecode(_Part):
    """The fields of DecodeConfig; the seed is the one that was used."""

    mode: Literal["greedy", "sample", "beam"]
    max_new_tokens: int
    min_new_tokens: int
    temperature: FiniteFloat
    top_p: FiniteFloat
    beams: int
    length_penalty: FiniteFloat
    repetition_penalty: FiniteFloat
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None


class SavedFeedback(_Part):
    """What the visitor thought of an answer."""

    liked: bool
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""


class SavedTurn(_Part):
    """A question, its answer, and how it was asked."""

    question: Annotated[str, Field(max_length=2000, pattern=r"\S")]
    answer: BoundedText
    state: Literal["answered", "stopped", "failed", "untaught"]
    cut_off: bool = False
    """Whether the limit of tokens ended the answer."""
    model: Name
    revision: Name
    """Commit or SHA-256 of the weights."""
    decode: SavedDecode
    style: Style
    custom: Annotated[str, Field(max_length=LONGEST_CUSTOM)] = ""
    history: Literal["own", "0", "1", "2", "3", "4", "6", "10", "all"] = "all"
    """Earlier turns that were sent; files from before it was a setting have all."""
    prompt: BoundedText
    """The exact text the model read after the image."""
    dropped: Annotated[int, Field(ge=0, le=MOST_TURNS)] = 0
    """How many of the earliest turns are not in the prompt."""
    note: Annotated[str, Field(max_length=1000)] = ""
    seconds: Annotated[FiniteFloat, Field(ge=0)] | None = None
    feedback: SavedFeedback | None = None


class SavedImage(_Part):
    """The image, which lies beside conversation.json."""

    file: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}\.[a-z]{3,4}$")]
    """Its name beside conversation.json; a plain name, no path."""
    name: Name
    """What the visitor's file was called."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the file's bytes."""
    caption: BoundedText = ""


class SavedConversation(_Part):
    """All of conversation.json."""

    format: Literal["blip2-conversation"] = "blip2-conversation"
    version: Literal[1] = 1
    saved_at: datetime
    image: SavedImage = Field(validation_alias="picture", serialization_alias="picture")
    """Under the key "picture" in the file, as version 0.1 wrote it."""
    turns: Annotated[list[SavedTurn], Field(max_length=MOST_TURNS)]


def saved(image: ChatImage, file: str, turns: tuple[ChatTurn, ...]) -> SavedConversation:
    """Return what is saved of a conversation about an image that is stored as `file`.

    Questions without an answer are left out, and turns before the latest 200.
    """
    closed = [turn for turn in turns if not turn.is_open]
    kept = closed[-MOST_TURNS:]
    gone = len(conversation_of(closed[: len(closed) - len(kept)]).turns)
    return SavedConversation(
        saved_at=datetime.now().astimezone(),
        image=SavedImage(
            file=file,
            name=image.name[:255],
            sha256=hashlib.sha256(image.data).hexdigest(),
            caption=image.caption,
        ),
        turns=[_turn(turn, max(0, len(turn.dropped) - gone)) for turn in kept],
    )


def _turn(turn: ChatTurn, dropped: int) -> SavedTurn:
    decode = {name: getattr(turn.settings.decode, name) for name in SavedDecode.model_fields}
    feedback = None
    if turn.rating is not None:
        feedback = SavedFeedback(liked=turn.rating.liked, reason=turn.rating.reason)
    return SavedTurn(
        question=turn.question,
        answer=turn.answer,
        cut_off=turn.cut_off,
        state=turn.state,  # type: ignore[arg-type]  # no open one comes here
        model=turn.model,
        revision=turn.revision,
        decode=SavedDecode(**decode),
        style=turn.settings.style,
        custom=turn.settings.custom,
        history=turn.settings.history,  # type: ignore[arg-type]  # checked by the settings
        prompt=turn.prompt,
        dropped=dropped,
        note=turn.note,
        seconds=turn.seconds,
        feedback=feedback,
    )


def turns_of(conversation: SavedConversation) -> tuple[ChatTurn, ...]:
    """Return the turns of a saved conversation. Raises ConfigError for a setting out of range."""
    turns: list[ChatTurn] = []
    for saved_turn in conversation.turns:
        decode = within_limits(DecodeConfig(**saved_turn.decode.model_dump()))
        rating = None
        if saved_turn.feedback is not None:
            rating = AnswerRating(
                liked=saved_turn.feedback.liked, reason=saved_turn.feedback.reason
            )
        turn = ChatTurn(
            question=saved_turn.question,
            answer=saved_turn.answer,
            state=saved_turn.state,
            cut_off=saved_turn.cut_off,
            settings=GenerationSettings(
                decode=decode,
                style=saved_turn.style,
                custom=saved_turn.custom,
                history=saved_turn.history,
            ),
            prompt=saved_turn.prompt,
            dropped=conversation_of(turns).turns[: saved_turn.dropped],
            note=saved_turn.note,
            model=saved_turn.model,
            revision=saved_turn.revision,
            seconds=saved_turn.seconds,
            rating=rating,
        )
        turns.append(turn)
    return tuple(turns)
