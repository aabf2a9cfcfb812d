"""The chat session of one visitor. It is kept on the server: browsers are not believed."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.chat.conversation import AnswerRating, ChatTurn, StoredConversation, conversation_of
from app.chat.generation_settings import GenerationSettings
from app.chat.image import ChatImage
from blip2core.records import Conversation

REMEMBERED = 4
"""Images of a session whose features are kept, so that going back to one costs nothing."""


class ChatSession:
    """An image, the conversation about it, and what is offered in its place; of one visitor.

    A visitor's events may overlap, so each change is made under a lock and names the entry that it
    changes: an answer that comes late finds its entry closed.
    """

    def __init__(
        self, model: str = "stickers-opt", opening: StoredConversation | None = None
    ) -> None:
        """`opening` is the conversation that a visitor sees first."""
        self.model = model
        """Name of the model that answers this visitor."""
        self.image: ChatImage | None = None
        self.offered: ChatImage | None = None
        """A new image, until the visitor says whether it may end the conversation."""
        self.inspected_text = ""
        """The text with which the visitor wants to look inside the model."""
        self.entries: tuple[ChatTurn, ...] = ()
        self.opening: StoredConversation | None = None
        """The stored conversation that the one on screen continues, if any."""
        self.replaying: threading.Event | None = None
        """Set to end the replay that is going on."""
        self.judged: int | None = None
        """Number of the entry that was rated last."""
        self.uid = secrets.token_hex(8)
        self._offered_opening: StoredConversation | None = None
        self._remembered: tuple[ChatImage, ...] = ()
        self._numbers, self._conversation_numbers = itertools.count(), itertools.count()
        self._conversation_number = next(self._conversation_numbers)
        self._lock = threading.Lock()
        self._arrival = opening
        if opening is not None:
            self._open(opening)

    def __deepcopy__(self, memo: dict[int, Any]) -> ChatSession:
        return ChatSession(self.model, self._arrival)  # Gradio copies a state's first value

    @property
    def topic(self) -> str:
        """Name of the conversation; another image or a new conversation has another one."""
        return f"{self.image.key} {self._conversation_number}" if self.image else ""

    @property
    def is_busy(self) -> bool:
        """Whether the model works for this conversation, or is asked to."""
        return self.open_entry is not None or self.replaying is not None

    @property
    def is_untouched(self) -> bool:
        """Whether the visitor has said nothing yet that a new image could end."""
        opening = self.opening
        if opening is not None and opening.kind == "example" and self.entries is opening.entries:
            return True
        return not self.entries

    @property
    def conversation(self) -> Conversation:
        """The turns that prompts contain: answered questions, and stopped ones with some answer."""
        return conversation_of(self.entries)

    @property
    def open_entry(self) -> ChatTurn | None:
        """The question that still waits for the end of its answer."""
        return next((entry for entry in reversed(self.entries) if entry.is_open), None)

    def is_about(self, image: ChatImage) -> bool:
        """Whether this is the image that is talked about."""
        return self.image is not None and self.image.key == image.key

    def receive(self, image: ChatImage) -> None:
        """Take a new image; where it would end a conversation, only offer it."""
        with self._lock:
            known = self._known(image)
            self._offered_opening = None
            if self.is_untouched:
                self._start(known)
            elif not self.is_about(known):
                self.offered = known

    def receive_conversation(self, opening: StoredConversation) -> None:
        """Take a conversation from a file, or offer it, as `receive` does with an image."""
        with self._lock:
            if self.is_untouched:
                self._open(opening)
            else:
                self.offered, self._offered_opening = opening.image, opening

    def accept(self) -> None:
        """Replace the conversation by what was offered."""
        self.stop()
        with self._lock:
            if self._offered_opening is not None:
                self._open(self._offered_opening)
            elif self.offered is not None:
                self._start(self.offered)
            self.offered = self._offered_opening = None

    def keep(self) -> None:
        """Refuse what was offered; the conversation goes on."""
        with self._lock:
            self.offered = self._offered_opening = None

    def remove(self) -> None:
        """Remove the image on screen; an image with a conversation stays."""
        with self._lock:
            if self.offered is None and self.is_untouched:
                self._start(None)
            self.offered = self._offered_opening = None

    def _start(self, image: ChatImage | None) -> None:
        """Begin an empty conversation about an image."""
        if self.entries:
            self._conversation_number = next(self._conversation_numbers)
        self.image, self.entries, self.opening = image, (), None

    def _open(self, opening: StoredConversation) -> None:
        self._conversation_number = next(self._conversation_numbers)
        entries = tuple(replace(e, number=next(self._numbers)) for e in opening.entries)
        self.opening = replace(opening, entries=entries)
        self.image, self.entries = self._known(opening.image), entries

    def _known(self, image: ChatImage) -> ChatImage:
        """Return an image with the features and the caption that are remembered of it."""
        known = next((old for old in self._remembered if old.key == image.key), image)
        return replace(known, name=image.name, data=image.data)

    def learn(self, image: ChatImage) -> bool:
        """Keep an image with new features or a caption; return whether it is the current one."""
        with self._lock:
            others = (old for old in self._remembered if old.key != image.key)
            self._remembered = (replace(image, data=b""), *others)[:REMEMBERED]
            if is_topic := self.is_about(image):
                self.image = image
            return is_topic

    def ask(self, question: str, settings: GenerationSettings = GenerationSettings()) -> None:  # noqa: B008 - frozen
        """Add a question, which is open until it is answered, stopped or failed."""
        with self._lock:
            number = next(self._numbers)
            self.entries += (ChatTurn(number=number, question=question, settings=settings),)

    def change(self, number: int, **changes: Any) -> bool:
        """Change an open entry; return False, and change nothing, where it is closed or gone."""
        with self._lock:
            return self._change(number, lambda entry: entry.is_open, changes)

    def judge(self, number: int, verdict: AnswerRating | None) -> ChatTurn | None:
        """Set the rating of an answer; return its entry, or None where there is no answer."""
        with self._lock:
            self._change(number, lambda entry: entry.has_answer, {"verdict": verdict})
            rated = (e for e in self.entries if e.number == number and e.has_answer)
            return next(rated, None)

    def _change(
        self, number: int, allowed: Callable[[ChatTurn], bool], changes: dict[str, Any]
    ) -> bool:
        for index, entry in enumerate(self.entries):
            if entry.number == number and allowed(entry):
                changed = replace(entry, **changes)
                self.entries = (*self.entries[:index], changed, *self.entries[index + 1 :])
                return True
        return False

    def cut(self, number: int) -> ChatTurn | None:
        """Remove an entry and all after it; return the entry, or None where it is not there."""
        self.stop()
        with self._lock:
            for index, entry in enumerate(self.entries):
                if entry.number == number:
                    self.entries = self.entries[:index]
                    return entry
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
        if (entry := self.open_entry) is not None:
            entry.stop.set()
            self.change(entry.number, state="stopped")

    def clear(self) -> None:
        """Begin an empty conversation about the same image."""
        self.stop()
        with self._lock:
            self.entries, self.opening = (), None
