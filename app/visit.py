"""What one visitor sees and said: a picture, the questions about it, and what became of them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from blip2core.records import Conversation, Turn

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures

REMEMBERED = 4
"""Pictures of a visit that keep their features, so that going back to one costs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture on its way from a file to what the model keeps of it."""

    key: str
    """Hash of its content."""
    shown: Image.Image
    """RGB, small enough for a screen."""
    name: str = "picture"
    """Name of its file. Hostile text."""
    data: bytes = field(default=b"", repr=False)
    """The file as it came; kept for the picture on screen alone."""
    features: ImageFeatures | None = None
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A question and what became of it."""

    number: int
    """Unique within a visit."""
    question: str
    answer: str = ""
    """The answer so far, or the message of a failure."""
    state: Literal["asked", "loading", "answering", "answered", "stopped", "failed"] = "asked"
    dropped: tuple[Turn, ...] = ()
    """Earlier turns that the model did not read, for lack of room."""
    stop: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)
    """Set when nobody waits for the answer any more."""

    @property
    def is_open(self) -> bool:
        """True while an answer may still come."""
        return self.state in ("asked", "loading", "answering")


class Visit:
    """Belongs to one visitor alone. Events of theirs may overlap, so each change is made under a
    lock and names what it changes: an answer that comes late finds its entry closed.
    """

    def __init__(self, model: str = "stickers-opt") -> None:
        self.model = model
        """Name of the model that answers this visitor."""
        self.picture: Picture | None = None
        self.offered: Picture | None = None
        """A new picture, until the visitor says whether it may end the conversation."""
        self.entries: tuple[Entry, ...] = ()
        self._remembered: tuple[Picture, ...] = ()
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Visit:
        return Visit(self.model)  # Gradio copies a state's first value for each visitor

    @property
    def topic(self) -> str:
        """Names the picture that is talked about; another one, or none, has another name."""
        return self.picture.key if self.picture else ""

    @property
    def conversation(self) -> Conversation:
        """What the model is told of: answered questions, and stopped ones that have some answer."""
        told = [e for e in self.entries if e.state in ("answered", "stopped") and e.answer]
        turns = tuple(Turn(question=entry.question, answer=entry.answer) for entry in told)
        return Conversation(turns=turns)

    @property
    def open_entry(self) -> Entry | None:
        """The question that still waits for the end of its answer."""
        return next((entry for entry in reversed(self.entries) if entry.is_open), None)

    def is_about(self, picture: Picture) -> bool:
        """Whether this is the picture that is talked about."""
        return self.picture is not None and self.picture.key == picture.key

    def receive(self, picture: Picture) -> None:
        """A new picture: taken at once, or only offered where it would end a conversation."""
        with self._lock:
            known = next((old for old in self._remembered if old.key == picture.key), picture)
            known = replace(known, name=picture.name, data=picture.data)
            if not self.entries:
                self.picture = known
            elif not self.is_about(known):
                self.offered = known

    def accept(self) -> None:
        """The offered picture comes, the conversation about the old one goes."""
        self.clear()
        with self._lock:
            self.picture, self.offered = self.offered or self.picture, None

    def keep(self) -> None:
        """The offered picture goes."""
        self.offered = None

    def remove(self) -> None:
        """The picture on screen goes; a picture that was talked about stays the topic."""
        with self._lock:
            if self.offered is None and not self.entries:
                self.picture = None
            self.offered = None

    def learn(self, picture: Picture) -> bool:
        """Features or a caption of a picture came; False where it is no longer the current one."""
        with self._lock:
            others = (old for old in self._remembered if old.key != picture.key)
            self._remembered = (replace(picture, data=b""), *others)[:REMEMBERED]
            if is_topic := self.is_about(picture):
                self.picture = picture
            return is_topic

    def ask(self, question: str) -> None:
        """One more question, open until it is answered, stopped or failed."""
        with self._lock:
            self.entries += (Entry(number=next(self._numbers), question=question),)

    def change(self, number: int, **changes: Any) -> bool:
        """An open entry goes on; False, and no change, where it is closed or gone."""
        with self._lock:
            for index, entry in enumerate(self.entries):
                if entry.number == number and entry.is_open:
                    changed = replace(entry, **changes)
                    self.entries = (*self.entries[:index], changed, *self.entries[index + 1 :])
                    return True
        return False

    def stop(self) -> None:
        """What is answered so far stays; no more of it is waited for."""
        if (entry := self.open_entry) is not None:
            entry.stop.set()
            self.change(entry.number, state="stopped")

    def clear(self) -> None:
        """An empty conversation about the same picture."""
        self.stop()
        with self._lock:
            self.entries = ()
