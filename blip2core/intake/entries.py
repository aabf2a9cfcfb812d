"""The entry of an image: texts, address, licence; from a row of a table or a side file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from blip2core.intake.image_texts import NO_TEXTS, ImageTexts, joined
from blip2core.intake.limits import Limits
from blip2core.intake.names import base_name
from blip2core.records import Problem, Told, WebImage
from blip2core.texts import clean_text

USUAL_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image as a table tells of it."""

    where: str
    """Which row of which table, for messages."""
    path: str | None = None
    """Where the image is, relative to the table."""
    url: str | None = None
    data: bytes | None = field(default=None, repr=False)
    """The image itself, where the table carries it."""
    found: ImageTexts = NO_TEXTS
    """The texts, and what became of others that were read."""
    page_url: str | None = None
    license: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that can be used."""
        return self.found.words

    @property
    def name(self) -> str:
        """What the image is called."""
        return clean_text(self.path or self.url or self.where)

    def problem(self, name: str, reason: str) -> Problem:
        """Return that the image cannot be had, and with it the texts that were read for it."""
        return Problem(name=name, reason=reason, texts=self.found.read)


def image(name: str, data: bytes, *entries: Entry, limits: Limits = USUAL_LIMITS) -> WebImage:
    """Return an image with what all `entries` know of it; the first that knows an address wins."""
    texts = joined((entry.found for entry in entries), name, limits)
    url, page_url, license = (
        next((value for entry in entries if (value := getattr(entry, field))), None)
        for field in ("url", "page_url", "license")
    )
    return WebImage(
        name=clean_text(name) or "(no name)",
        data=data,
        texts=texts.words,
        origins=texts.origins,
        duplicates=texts.duplicates,
        refused=texts.refused,
        url=url,
        page_url=page_url,
        license=license,
    )


def with_entry(found: WebImage, entry: Entry | None, limits: Limits) -> WebImage:
    """Return an image with what a table adds to it."""
    if entry is None:
        return found
    texts = ImageTexts(
        words=found.texts,
        origins=found.origins,
        duplicates=found.duplicates,
        refused=found.refused,
    )
    own = Entry(
        where=found.name,
        found=texts,
        url=found.url,
        page_url=found.page_url,
        license=found.license,
    )
    return image(found.name, found.data, own, entry, limits=limits)


def merged(entries: Iterable[Entry | Told], limits: Limits) -> Iterator[Entry | Told]:
    """Yield one entry for all rows that are about the same image, in the order of the first rows.

    Rows that carry their image are merged where they stand together and pass by; the others wait
    for the last row of the table.
    """
    rows: dict[str, Entry] = {}
    carried: Entry | None = None
    for entry in entries:
        if not isinstance(entry, Entry):
            yield entry
        elif entry.data is None:
            _keep(rows, entry.name, entry, limits)
        elif carried is not None and carried.data == entry.data:
            carried = together(carried, entry, limits)
        else:
            if carried is not None:
                yield carried
            carried = entry
    if carried is not None:
        yield carried
    yield from rows.values()


class EntriesByName:
    """Rows of tables, looked up by the names of images that come from elsewhere."""

    def __init__(self) -> None:
        self._by_name: dict[str, Entry] = {}
        self._by_base: dict[str, list[str]] = {}
        self._used: set[str] = set()

    def add(self, entry: Entry, limits: Limits) -> None:
        """Put a row beside those of other tables; one about the same image is joined with it."""
        name = entry.path or entry.name
        if name not in self._by_name:
            self._by_base.setdefault(base_name(name), []).append(name)
        _keep(self._by_name, name, entry, limits)

    def find(self, name: str, *, loosely: bool = True) -> Entry | None:
        """Return the row of this name; `loosely` also the only one with its file name."""
        if name not in self._by_name:
            alike = self._by_base.get(base_name(name), []) if loosely else []
            if len(alike) != 1:
                return None
            name = alike[0]
        self._used.add(name)
        return self._by_name[name]

    def rest(self) -> list[Entry]:
        """Return the rows that `find` has not returned, in order."""
        return [entry for name, entry in self._by_name.items() if name not in self._used]


def _keep(rows: dict[str, Entry], name: str, entry: Entry, limits: Limits) -> None:
    known = rows.get(name)
    rows[name] = together(known, entry, limits) if known else entry


def together(first: Entry, second: Entry, limits: Limits) -> Entry:
    """Return what two entries know of the same image; the first that knows an address wins."""
    return replace(
        first,
        found=joined((first.found, second.found), second.where, limits),
        url=first.url or second.url,
        page_url=first.page_url or second.page_url,
        license=first.license or second.license,
    )
