"""Conversations to save, export and replay."""

import io

from PIL import Image

from app.chat.conversation import AnswerRating, ChatTurn
from app.chat.generation_settings import GenerationSettings
from app.chat.image import image_from
from app.chat.session import ChatSession
from blip2core.config import DecodeConfig
from blip2core.records import Turn

HOSTILE = (
    "<script>alert(1)</script> [a](javascript:x) ![i](http://x.example) www.x.example\n# b | $x$"
)


def photo() -> bytes:
    """The bytes of a small JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def talked(*turns: ChatTurn) -> ChatSession:
    """A session in which this was said about an image."""
    session = ChatSession()
    session.receive(image_from(photo(), "../My <b>photo</b>.jpg", "a red thing"))
    session.turns = turns
    return session


ANSWERED = ChatTurn(
    number=1,
    question="Who?",
    answer="a small dog",
    state="answered",
    cut_off=True,
    settings=GenerationSettings(
        decode=DecodeConfig(mode="sample", seed=7), style="custom", custom="{question}:"
    ),
    prompt="Who?:",
    model="stickers-opt",
    revision="0" * 64,
    seconds=0.25,
    rating=AnswerRating(liked=False, reason=HOSTILE),
)
STOPPED = ChatTurn(
    number=2,
    question=HOSTILE,
    answer="a sma",
    state="stopped",
    prompt="Question: …",
    model="stickers-opt",
    revision="0" * 64,
    dropped=(Turn(question="Who?", answer="a small dog"),),
    note="The memory was too small for 5 beams, so this is greedy.",
)
FAILED = ChatTurn(number=3, question="Why?", answer="No answer (reference 12ab).", state="failed")
OPEN = ChatTurn(number=4, question="And?", state="answering")
