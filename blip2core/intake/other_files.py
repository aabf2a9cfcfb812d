"""Files of which nothing was made, told together by their endings and by what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blip2core.file_names import base_name, safe_name, suffix
from blip2core.records import Unused

EXAMPLES = 3
"""Names that are told of each kind."""
OF_SAMPLE = "the texts of a sample are in KEY.txt, KEY.caption and KEY.json"
EMPTY = "it is empty"
NO_KIND = "neither an image, nor a text beside one, nor a table"
NO_TEXT = "a .json beside an image, without a text, an address or a licence in it"
OF_NAMES = "a list of names and numbers, without texts"
OF_DATA = "by its name about the data, not about an image; give it the name of an image where it is"
ABOUT_DATA = ("readme", "license", "licence", "changelog", "notice", "requirements", "copying")
"""How the names of files begin that are about a whole dataset."""


@dataclass(slots=True)
class _Several:
    count: int = 0
    names: list[str] = field(default_factory=list)


class OtherFiles:
    """Counts them by ending and advice; of each kind some names are kept."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Several] = {}

    def add(self, name: str, advice: str, end: str | None = None) -> None:
        """Count a file; `advice` is the end of a sentence: what it is, or what to do."""
        kind = (suffix(name) if end is None else end, advice)
        several = self._kinds.setdefault(kind, _Several())
        several.count += 1
        if len(several.names) < EXAMPLES:
            several.names.append(name)

    def told(self) -> Iterator[Unused]:
        """Yield one line for each kind, under the name of its first file."""
        for (end, advice), several in self._kinds.items():
            which = "this file was not read"
            if several.count > 1:
                shown = safe_name(end, limit=40) if end else "files without an ending"
                more = ", ".join(map(safe_name, several.names[1:]))
                which = f"this and {several.count - 1:,} more {shown} were not read ({more})"
            yield Unused(
                kind="file",
                name=several.names[0],
                advice=f"{which}: {advice}",
                count=several.count,
            )


def is_about_data(name: str) -> bool:
    """Return whether a text is about a whole dataset, by its name: README.txt, LICENSE."""
    return base_name(name).lower().startswith(ABOUT_DATA)
