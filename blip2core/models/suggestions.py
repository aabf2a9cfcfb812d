"""What a model can be asked to begin with, by kind: what the papers show that it does.

BLIP-2 (arXiv 2301.12597), section 4.1 and figure 4: questions, knowledge and reasoning, captions
that begin with given words, talks. InstructBLIP (arXiv 2305.06500), figure 1: instructions.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """Words of one kind to ask a model."""

    kind: str
    """The heading above them; empty where there is one kind alone."""
    words: tuple[str, ...]
    begin_captions: bool = False
    """Whether they are no questions but the first words of a caption: they are sent as they stand,
    without the turns before, and the model goes on from them."""


_QUESTIONS = Suggestions(
    kind="Questions", words=("What is in the picture?", "Where is this?", "What colour is it?")
)
_KNOWLEDGE = Suggestions(
    kind="Knowledge and reasoning",
    words=("What does the man feel and why?", "What is unusual about it?", "What is it used for?"),
)
_TALK = Suggestions(
    kind="A talk, one after the other",
    words=("What is this?", "What is it known for?", "Why is that so?"),
)
STICKERS = (
    Suggestions(kind="", words=("What animal is there?", "How many are there?", "Where is it?")),
)
BLIP2 = (
    _QUESTIONS,
    _KNOWLEDGE,
    Suggestions(
        kind="Captions that begin with",
        words=("a photo of", "this is a cartoon of", "a painting that shows"),
        begin_captions=True,
    ),
    _TALK,
)
INSTRUCTBLIP = (
    _QUESTIONS,
    _KNOWLEDGE,
    Suggestions(
        kind="Instructions",
        words=("Describe the image in detail.", "Write a short poem about the image."),
    ),
    _TALK,
)
BLIP = (
    Suggestions(
        kind="Captions that begin with",
        words=("a picture of", "a photo of", "a drawing of"),
        begin_captions=True,
    ),
)
