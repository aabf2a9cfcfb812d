"""What can be saved to a dataset: an image with some of its texts, or pairs that were decided."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from app.chat.image import ChatImage
from app.chat.session import ChatSession
from app.chat.text_writer import TextWriter
from app.inference.capfilt_tasks import CapFiltSession, ImageCard
from blip2core.config import CaptionConfig
from blip2core.texts import clean_text

LONGEST_SAVED = 1000
"""Characters of a text that is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOffer:
    """A text about an image that can be saved with it. All texts are hostile."""

    label: str
    """What it is: "Caption", "Answer", "Text"."""
    words: str
    writer: TextWriter | None = None
    """None: somebody typed it."""
    question: str = ""
    """What it answers."""
    chosen: bool = False
    """It is ticked when the dialog opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveOffer:
    """What the dialog shows, as it was when it was opened: later changes change nothing of it."""

    image: ChatImage | None = None
    """The image that all texts are about."""
    texts: tuple[TextOffer, ...] = ()
    pairs: CapFiltSession | None = None
    """Images with verdicts, in place of the other two."""
    cards: tuple[ImageCard, ...] = ()
    """Those of `pairs`, with the verdicts of that moment."""
    model: str = ""
    """Name of the model whose matcher scores the texts."""
    doubted: bool = False
    """The image is unlike anything that model has seen: no text that a model wrote is ticked."""
    uid: str = field(default_factory=lambda: secrets.token_hex(8))


def offer_of_row(session: ChatSession, words: object) -> SaveOffer:
    """Return the offer of a text in a table about the visitor's image.

    Raises ImageError where there is no image.
    """
    image = session.current_image()
    text = clean_text(str(words or ""))[:LONGEST_SAVED]
    writer = session.writer_of(image.key, text)
    label = "Caption" if writer else "Text"
    doubted = _is_doubted(session, image)
    chosen = writer is None or not doubted
    texts = (TextOffer(label=label, words=text, writer=writer, chosen=chosen),) if text else ()
    return SaveOffer(image=image, texts=texts, model=session.model, doubted=doubted)


def offer_of_chat(session: ChatSession) -> SaveOffer:
    """Return the offer of the image with its caption, which is chosen, and all answers, which say
    little without the talk they stand in.

    Raises ImageError where there is no image.
    """
    image = session.current_image()
    doubted = _is_doubted(session, image)
    captions = [replace(one, chosen=not doubted) for one in _caption(session, image)]
    texts = (*captions, *_answers(session))
    return SaveOffer(image=image, texts=texts, model=session.model, doubted=doubted)


def _is_doubted(session: ChatSession, image: ChatImage) -> bool:
    """Return whether an image is known to be unlike anything that the session's model has seen."""
    doubt = image.doubts.get(session.model)
    return doubt is not None and doubt.is_doubted


def _caption(session: ChatSession, image: ChatImage) -> list[TextOffer]:
    """Return the caption beside the image; none where nobody knows which model wrote it."""
    writer = session.writer_of(image.key, image.caption)
    if writer is None and session.stored is not None and session.stored.turns:
        told = session.stored.turns[0]  # a conversation that was saved tells who wrote it
        captions = CaptionConfig(num=1, decode=told.settings.decode)
        writer = TextWriter(model=told.model, revision=told.revision, captions=captions)
    if not image.caption or writer is None or not (writer.model and writer.revision):
        return []
    return [TextOffer(label="Caption", words=clean_text(image.caption), writer=writer)]


def _answers(session: ChatSession) -> list[TextOffer]:
    """Return each answered question with its answer, as imports write them."""
    found = []
    for turn in session.turns:
        question, answer = clean_text(turn.question), clean_text(turn.answer)
        words = f"{question} {answer}"
        if turn.state != "answered" or not answer or len(words) > LONGEST_SAVED:
            continue
        if not (turn.model and turn.revision):
            continue
        captions = CaptionConfig(num=1, decode=turn.settings.decode, prompt=turn.prompt or None)
        writer = TextWriter(model=turn.model, revision=turn.revision, captions=captions)
        found.append(TextOffer(label="Answer", words=words, writer=writer, question=question))
    return found
