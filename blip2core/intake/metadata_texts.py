"""Texts inside image files, beside those that were told of the images, with the same account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blip2core.file_names import safe_name
from blip2core.formats.image_metadata import image_metadata
from blip2core.intake.entries import Entry, with_entry
from blip2core.intake.image_texts import FoundText, texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.side_files import on_one_line
from blip2core.records import Problem, Told, Unused, WebImage
from blip2core.texts import count_of

EXAMPLES = 3
"""Different texts of a field that was not used, which are told."""
SHOWN = 60
"""Characters of each of them."""
MOST_FIELDS = 50
"""Fields that are told apart; names of PNG texts are whatever somebody wrote."""
OTHERS = "other fields"


@dataclass(slots=True)
class _Seen:
    """A field or block of several images of which nothing was used."""

    name: str
    """The first image."""
    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.count += 1
        shown = safe_name(text.strip(), limit=SHOWN)
        if len(self.examples) < EXAMPLES and shown not in self.examples:
            self.examples.append(shown)


class MetadataTexts:
    """Adds to images what stands inside their files, and remembers what was not used."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._not_used: dict[str, _Seen] = {}
        self._unread: dict[str, _Seen] = {}

    def added(self, found: WebImage) -> WebImage:
        """Return an image with the texts of its file after those that it has; one that it has, be
        it on a single line, is a duplicate, whose data it gets where it has none.
        """
        inside = image_metadata(found.data)
        for place, text in inside.not_used:
            self._seen(self._not_used, place, found.name).add(text)
        for block in dict.fromkeys(inside.unread):
            self._seen(self._unread, block, found.name).add("")
        if not inside.texts:
            return found
        known = {on_one_line(text): text for text in found.texts}
        copies: list[FoundText] = []
        others: list[FoundText] = []
        for text, origin in inside.texts:
            copy = known.get(on_one_line(text))
            (others if copy is None else copies).append((copy or text, origin))
        # The copies first: whatever the limit, they are no texts too many.
        read = texts_of((*copies, *others), found.name, self._limits)
        return with_entry(found, Entry(where=found.name, found=read), self._limits)

    def told(self) -> Iterator[Told]:
        """Yield for each field what was not used of it, and a note for each kind of block that
        cannot be read.
        """
        for place, seen in self._not_used.items():
            said = ", ".join(f'"{one}"' for one in seen.examples)
            advice = (
                f"{place} says {said} in {count_of(seen.count, 'image')}: cameras and programs "
                "write that, so it was not taken for a text of the image; where it is one, write "
                "it into a .txt beside the image"
            )
            yield Unused(kind="file", name=seen.name, advice=advice, count=seen.count)
        for block, seen in self._unread.items():
            which = "this file" if seen.count == 1 else f"this file and {seen.count - 1:,} more"
            reason = (
                f"{block} of {which} cannot be read, so a text in there was left out; the image "
                "was not."
            )
            yield Problem(name=seen.name, reason=reason, about="note")

    def taken(self) -> Iterator[Told]:
        """Yield what `told` does, and forget it: of the images since the last call."""
        yield from self.told()
        self._not_used, self._unread = {}, {}

    def _seen(self, places: dict[str, _Seen], place: str, name: str) -> _Seen:
        place = safe_name(place, limit=SHOWN)
        if place not in places and len(places) >= MOST_FIELDS:
            place = OTHERS
        return places.setdefault(place, _Seen(name))
