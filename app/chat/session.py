"""The chat session of one visitor. It is kept on the server: browsers are not believed."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from app.chat.conversation import AnswerRating, ChatTurn, StoredConversation, conversation_of
from app.chat.generation_settings import GenerationSettings
from app.chat.image import ChatImage
from app.chat.text_writer import TextWriter
from blip2core.errors import ImageError
from blip2core.records import Conversation
from blip2core.texts import clean_text

_NO_IMAGE = "Choose an image first."
_REMEMBERED_WRITERS = 500
"""Texts of a session of which is remembered how they were written."""
REMEMBERED = 4
"""Images of a session whose features are kept, so that going back to one costs nothing."""


class ChatSession:
    """An image, the conversation about it, and what is offered in its place; of one visitor.

    A visitor's events may overlap, so each change is made under a lock and names the turn that it
    changes: an answer that comes late finds its turn closed.
    """

    def __init__(
        self, model: str = "stickers-opt", stored: StoredConversation | None = None
    ) -> None:
        """Begin with `stored`, the conversation that a visitor sees first, if there is one."""
        self.model = model
        """Name of the model that answers this visitor."""
        self.image: ChatImage | None = None
        self.offered: ChatImage | None = None
        """A new image, until the visitor says whether it may end the conversation."""
        self.inspected_text = ""
        """The text with which the visitor wants to look inside the model."""
        self.questioned: int | None = None
        """Number of the turn of whose answer the visitor wants to know why."""
        self.turns: tuple[ChatTurn, ...] = ()
        self.unsent = 0
        """How many of the answered turns, from the first on, the next question is sent without."""
        self.refused: tuple[str, str] = ("", "")
        """A typed question that has no room in the context, and why."""
        self.stored: StoredConversation | None = None
        """The stored conversation that the one on screen continues, if any."""
        self.replaying: threading.Event | None = None
        """Set to end the replay that is going on."""
        self.rated: int | None = None
        """Number of the turn that was rated last."""
        self.uid = secrets.token_hex(8)
        self._offered_conversation: StoredConversation | None = None
        self._remembered: tuple[ChatImage, ...] = ()
        self._writers: dict[tuple[str, str], TextWriter] = {}
        self._numbers, self._conversation_numbers = itertools.count(), itertools.count()
        self._conversation_number = next(self._conversation_numbers)
        self._lock = threading.Lock()
        self._arrival = stored
        if stored is not None:
            self._open(stored)

    def __deepcopy__(self, memo: dict[int, Any]) -> ChatSession:
        return ChatSession(self.model, self._arrival)  # Gradio copies a state's first value

    @property
    def topic(self) -> str:
        """Name of the conversation; another image or a new conversation has another one."""
        return f"{self.image.key} {self._conversation_number}" if self.image else ""

    @property
    def is_busy(self) -> bool:
        """Whether the model works for this conversation, or is asked to."""
        return self.open_turn is not None or self.replaying is not None

    @property
    def is_untouched(self) -> bool:
        """Whether the visitor has said nothing yet that a new image could end."""
        stored = self.stored
        if stored is not None and stored.kind == "example" and self.turns is stored.turns:
            return True
        return not self.turns

    @property
    def conversation(self) -> Conversation:
        """The turns that prompts contain: answered questions, and stopped ones with some answer."""
        return conversation_of(self.turns)

    @property
    def open_turn(self) -> ChatTurn | None:
        """The question that still waits for the end of its answer."""
        return next((turn for turn in reversed(self.turns) if turn.is_open), None)

    @property
    def obstacle(self) -> str:
        """Why the visitor has to choose first; empty where there is no need."""
        if self.offered is not None:
            return "First say whether the new image may start a new conversation."
        return "" if self.image is not None else _NO_IMAGE

    def chosen_image(self) -> ChatImage:
        """Return the image for new work. Raises ImageError where there is an obstacle."""
        if self.obstacle:
            raise ImageError(self.obstacle)
        return self.current_image()

    def current_image(self) -> ChatImage:
        """Return the image of the conversation, whatever is offered in its place meanwhile.

        Raises ImageError where there is none.
        """
        if self.image is None:
            raise ImageError(_NO_IMAGE)
        return self.image

    def is_about(self, image: ChatImage) -> bool:
        """Return whether this is the image that is talked about."""
        return self.image is not None and self.image.key == image.key

    def receive(self, image: ChatImage) -> None:
        """Take a new image; where it would end a conversation, only offer it."""
        with self._lock:
            known = self._known(image)
            self._offered_conversation = None
            if self.is_untouched:
                self._start(known)
            elif not self.is_about(known):
                self.offered = known

    def receive_conversation(self, stored: StoredConversation) -> None:
        """Take a conversation from a file, or offer it, as `receive` does with an image."""
        with self._lock:
            if self.is_untouched:
                self._open(stored)
            else:
                self.offered, self._offered_conversation = stored.image, stored

    def receive_arrival(self) -> None:
        """Take what a visitor finds on arrival, or offer it, unless it is there."""
        stored = self._arrival
        if stored is None:
            self.remove()
        elif self.stored is None or self.stored.kind != stored.kind:
            self.receive_conversation(stored)

    def accept_offer(self) -> None:
        """Replace the conversation by what was offered."""
        self.stop()
        with self._lock:
            if self._offered_conversation is not None:
                self._open(self._offered_conversation)
            elif self.offered is not None:
                self._start(self.offered)
            self.offered = self._offered_conversation = None

    def decline_offer(self) -> None:
        """Refuse what was offered; the conversation goes on."""
        with self._lock:
            self.offered = self._offered_conversation = None

    def remove(self) -> None:
        """Remove the image on screen; an image with a conversation stays."""
        with self._lock:
            if self.offered is None and self.is_untouched:
                self._start(None)
            self.offered = self._offered_conversation = None

    def _start(self, image: ChatImage | None) -> None:
        """Begin an empty conversation about an image."""
        if self.turns:
            self._conversation_number = next(self._conversation_numbers)
        self.image, self.turns, self.stored, self.unsent = image, (), None, 0

    def _open(self, stored: StoredConversation) -> None:
        self._conversation_number = next(self._conversation_numbers)
        turns = tuple(replace(turn, number=next(self._numbers)) for turn in stored.turns)
        self.stored = replace(stored, turns=turns)
        image = self._known(stored.image)
        self.image = replace(image, caption=stored.image.caption or image.caption)
        self.turns, self.unsent = turns, 0

    def _known(self, image: ChatImage) -> ChatImage:
        """Return an image with the features and the caption that are remembered of it."""
        known = next((old for old in self._remembered if old.key == image.key), image)
        return replace(known, name=image.name, data=image.data, path=image.path, item=image.item)

    def learn(self, image: ChatImage, **known: Any) -> bool:
        """Keep what has become known of an image, as its features or its caption, beside what was
        known of it before; return whether it is the current one.
        """
        with self._lock:
            older = (self.image, *self._remembered)
            before = next((old for old in older if old and old.key == image.key), image)
            image = replace(before, data=image.data, name=image.name, **known)
            others = [old for old in self._remembered if old.key != image.key]
            seen = [old.caption for old in self._remembered if old.key == image.key]
            # A caption that a file told is of its conversation alone.
            caption = known.get("caption", seen[0] if seen else "")
            remembered = replace(image, data=b"", caption=caption)
            self._remembered = (remembered, *others)[:REMEMBERED]
            if is_topic := self.is_about(image):
                self.image = image
            return is_topic

    def note_written(self, key: str, texts: Iterable[str], writer: TextWriter) -> None:
        """Remember how texts about the image of this key were written; the oldest are forgotten."""
        with self._lock:
            self._writers |= {(key, clean_text(text)): writer for text in texts}
            for oldest in list(self._writers)[:-_REMEMBERED_WRITERS]:
                del self._writers[oldest]

    def writer_of(self, key: str, text: str) -> TextWriter | None:
        """Return how a text about the image of this key was written, as far as it is known."""
        return self._writers.get((key, clean_text(text)))

    def ask(
        self,
        question: str,
        settings: GenerationSettings = GenerationSettings(),  # noqa: B008 - frozen
        *,
        anyway: bool = False,
    ) -> None:
        """Add a question, which is open until it is answered, stopped or failed. `anyway`: also
        where the model was never taught such questions.
        """
        with self._lock:
            number = next(self._numbers)
            turn = ChatTurn(number=number, question=question, settings=settings, anyway=anyway)
            self.turns += (turn,)

    def change(self, number: int, **changes: Any) -> bool:
        """Change an open turn; return False, and change nothing, where it is closed or gone."""
        with self._lock:
            return self._change(number, lambda turn: turn.is_open, changes)

    def go_on(self, number: int) -> bool:
        """Open the latest turn again, so that its answer goes on from what stands; return False,
        and change nothing, where it is another one or nothing is left of its answer.
        """
        with self._lock:
            latest = self.turns[-1] if self.turns else None
            if latest is None or latest.number != number or not latest.can_go_on:
                return False
            again = replace(
                latest, state="asked", begun=latest.answer, note="", stop=threading.Event()
            )
            self.turns = (*self.turns[:-1], again)
            return True

    def fail(self, number: int, message: str) -> None:
        """Close an open turn that has no answer; what stood before it was to go on stays."""
        turn = next((turn for turn in self.turns if turn.number == number), None)
        if turn is not None and turn.begun:
            self.change(number, state="stopped", answer=turn.begun, note=message)
        else:
            self.change(number, state="failed", answer=message)

    @property
    def questioned_turn(self) -> ChatTurn | None:
        """The turn of whose answer the visitor wants to know why, while it is there."""
        turns = (turn for turn in self.turns if turn.number == self.questioned and turn.has_answer)
        return next(turns, None)

    @property
    def rated_turn(self) -> ChatTurn | None:
        """The turn that was rated last, while it is there."""
        return next((turn for turn in self.turns if turn.number == self.rated), None)

    def rate(self, number: int, rating: AnswerRating | None) -> ChatTurn | None:
        """Set the rating of an answer; return its turn, or None where there is no answer."""
        with self._lock:
            self._change(number, lambda turn: turn.has_answer, {"rating": rating})
            rated = (t for t in self.turns if t.number == number and t.has_answer)
            return next(rated, None)

    def _change(
        self, number: int, allowed: Callable[[ChatTurn], bool], changes: dict[str, Any]
    ) -> bool:
        for index, turn in enumerate(self.turns):
            if turn.number == number and allowed(turn):
                changed = replace(turn, **changes)
                self.turns = (*self.turns[:index], changed, *self.turns[index + 1 :])
                return True
        return False

    def cut(self, number: int) -> ChatTurn | None:
        """Remove a turn and all after it; return the turn, or None where it is not there."""
        self.stop()
        with self._lock:
            for index, turn in enumerate(self.turns):
                if turn.number == number:
                    self.turns = self.turns[:index]
                    return turn
        return None

    def begin_replay(self) -> threading.Event:
        """Return the event that `stop` sets; call `end_replay` when the replay is over."""
        with self._lock:
            self.replaying = threading.Event()
            return self.replaying

    def end_replay(self) -> None:
        """Note that the replay is over."""
        with self._lock:
            self.replaying = None

    def stop(self) -> None:
        """Stop the answer or the replay under way; the answer so far stays."""
        if (replaying := self.replaying) is not None:
            replaying.set()
        if (turn := self.open_turn) is not None:
            turn.stop.set()
            self.change(turn.number, state="stopped")

    def clear(self) -> None:
        """Begin an empty conversation about the same image."""
        self.stop()
        with self._lock:
            self.turns, self.stored, self.unsent = (), None, 0
