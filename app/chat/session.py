"""What one visitor sees and said. The server alone knows it: browsers are not believed."""

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
"""Images of a visit that keep their features, so that going back to one costs nothing."""


class ChatSession:
    """Belongs to one visitor alone. Events of theirs may overlap, so each change is made under a
    lock and names what it changes: an answer that comes late finds its entry closed.
    """

    def __init__(
        self, model: str = "stickers-opt", opening: StoredConversation | None = None
    ) -> None:
        """`opening` is what a visitor finds on arrival."""
        self.model = model
        """Name of the model that answers this visitor."""
        self.image: ChatImage | None = None
        self.offered: ChatImage | None = None
        """A new image, until the visitor says whether it may end the conversation."""
        self.inspected_text = ""
        """The text with which the visitor wants to look inside the model."""
        self.entries: tuple[ChatTurn, ...] = ()
        self.opening: StoredConversation | None = None
        """Where the conversation on screen began, if not here."""
        self.replaying: threading.Event | None = None
        """Set to end the replay that is going on."""
        self.judged: int | None = None
        """Number of the entry that the latest verdict is about."""
        self.uid = secrets.token_hex(8)
        self._offered_opening: StoredConversation | None = None
        self._remembered: tuple[ChatImage, ...] = ()
        self._numbers, self._talks = itertools.count(), itertools.count()
        self._talk = next(self._talks)
        self._lock = threading.Lock()
        self._arrival = opening
        if opening is not None:
            self._open(opening)

    def __deepcopy__(self, memo: dict[int, Any]) -> ChatSession:
        return ChatSession(self.model, self._arrival)  # Gradio copies a state's first value

    @property
    def topic(self) -> str:
        """Names what is talked about; another image, or another talk, has another name."""
        return f"{self.image.key} {self._talk}" if self.image else ""

    @property
    def is_busy(self) -> bool:
        """Whether the model works for this conversation, or is asked to."""
        return self.open_entry is not None or self.replaying is not None

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of the visitor's would be lost with the conversation."""
        opening = self.opening
        if opening is not None and opening.kind == "example" and self.entries is opening.entries:
            return True
        return not self.entries

    @property
    def conversation(self) -> Conversation:
        """What the model is told of: answered questions, and stopped ones that have some answer."""
        return conversation_of(self.entries)

    @property
    def open_entry(self) -> ChatTurn | None:
        """The question that still waits for the end of its answer."""
        return next((entry for entry in reversed(self.entries) if entry.is_open), None)

    def is_about(self, image: ChatImage) -> bool:
        """Whether this is the image that is talked about."""
        return self.image is not None and self.image.key == image.key

    def receive(self, image: ChatImage) -> None:
        """A new image: taken at once, or only offered where it would end a conversation."""
        with self._lock:
            known = self._known(image)
            self._offered_opening = None
            if self.is_untouched:
                self._start(known)
            elif not self.is_about(known):
                self.offered = known

    def receive_talk(self, opening: StoredConversation) -> None:
        """A conversation from a file: taken, or offered, as an image is."""
        with self._lock:
            if self.is_untouched:
                self._open(opening)
            else:
                self.offered, self._offered_opening = opening.image, opening

    def accept(self) -> None:
        """What was offered comes, the conversation so far goes."""
        self.stop()
        with self._lock:
            if self._offered_opening is not None:
                self._open(self._offered_opening)
            elif self.offered is not None:
                self._start(self.offered)
            self.offered = self._offered_opening = None

    def keep(self) -> None:
        """What was offered goes."""
        with self._lock:
            self.offered = self._offered_opening = None

    def remove(self) -> None:
        """The image on screen goes; an image that was talked about stays the topic."""
        with self._lock:
            if self.offered is None and self.is_untouched:
                self._start(None)
            self.offered = self._offered_opening = None

    def _start(self, image: ChatImage | None) -> None:
        """Nothing said yet about an image."""
        if self.entries:
            self._talk = next(self._talks)
        self.image, self.entries, self.opening = image, (), None

    def _open(self, opening: StoredConversation) -> None:
        self._talk = next(self._talks)
        entries = tuple(replace(e, number=next(self._numbers)) for e in opening.entries)
        self.opening = replace(opening, entries=entries)
        self.image, self.entries = self._known(opening.image), entries

    def _known(self, image: ChatImage) -> ChatImage:
        """An image with what was learned of it before."""
        known = next((old for old in self._remembered if old.key == image.key), image)
        return replace(known, name=image.name, data=image.data)

    def learn(self, image: ChatImage) -> bool:
        """Features or a caption of an image came; False where it is no longer the current one."""
        with self._lock:
            others = (old for old in self._remembered if old.key != image.key)
            self._remembered = (replace(image, data=b""), *others)[:REMEMBERED]
            if is_topic := self.is_about(image):
                self.image = image
            return is_topic

    def ask(self, question: str, settings: GenerationSettings = GenerationSettings()) -> None:  # noqa: B008 - frozen
        """One more question, open until it is answered, stopped or failed."""
        with self._lock:
            number = next(self._numbers)
            self.entries += (ChatTurn(number=number, question=question, settings=settings),)

    def change(self, number: int, **changes: Any) -> bool:
        """An open entry goes on; False, and no change, where it is closed or gone."""
        with self._lock:
            return self._change(number, lambda entry: entry.is_open, changes)

    def judge(self, number: int, verdict: AnswerRating | None) -> ChatTurn | None:
        """The entry with what the visitor thinks of its answer; None where it has none."""
        with self._lock:
            self._change(number, lambda entry: entry.is_told, {"verdict": verdict})
            told = (e for e in self.entries if e.number == number and e.is_told)
            return next(told, None)

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
        """An entry and all that came after it go; None where there is none of this number."""
        self.stop()
        with self._lock:
            for index, entry in enumerate(self.entries):
                if entry.number == number:
                    self.entries = self.entries[:index]
                    return entry
        return None

    def begin_replay(self) -> threading.Event:
        """The event that `stop` sets; `end_replay` when it is over."""
        with self._lock:
            self.replaying = threading.Event()
            return self.replaying

    def end_replay(self) -> None:
        with self._lock:
            self.replaying = None

    def stop(self) -> None:
        """What is answered so far stays; no more of it is waited for."""
        if (replaying := self.replaying) is not None:
            replaying.set()
        if (entry := self.open_entry) is not None:
            entry.stop.set()
            self.change(entry.number, state="stopped")

    def clear(self) -> None:
        """An empty conversation about the same image."""
        self.stop()
        with self._lock:
            self.entries, self.opening = (), None
