"""The entry of an image: texts, address, licence; from a row of a table or a side file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from blip2core.intake.file_lookup import match, whole_key
from blip2core.intake.image_texts import NO_TEXTS, ImageTexts, joined
from blip2core.intake.limits import Limits
from blip2core.records import Problem, Told, WebImage
from blip2core.texts import clean_text, count_of

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
            _keep(rows, entry.path or entry.name, entry, limits)
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
        self._folders: dict[str, str] = {}
        self._paths: Counter[str] = Counter()
        self._used: set[str] = set()
        self._unclear: set[str] = set()
        self._again: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def add(self, entry: Entry, limits: Limits, folder: str = "", place: str | None = None) -> None:
        """Put a row beside those of other tables; one about the same image is joined with it.

        `folder`: where its table lies. `place`: where its image is, if that is not its path.
        """
        name = place or entry.path or entry.name
        if name not in self._by_name:
            self._folders[name] = folder
            self._paths[whole_key(name)] += 1
        _keep(self._by_name, name, entry, limits)

    def match(self, files: Iterable[str] | Mapping[str, str], limits: Limits) -> Iterator[Problem]:
        """Put each row under the name of its file, of `files`: the images that there are, each with
        what it was given in.

        Yields the rows that fit several, and for each table how many names were found loosely.
        """
        rows, self._by_name = self._by_name, {}
        matches = match(
            {name: self._folders.get(name, "") for name in rows if name not in self._unclear}, files
        )
        for name, reason in (*matches.unclear.items(), *matches.elsewhere.items()):
            is_other = name in matches.elsewhere and rows[name].url is not None
            if (path := rows[name].path) and not is_other:  # else it can be downloaded
                self._unclear.add(name)
                yield rows[name].problem(f"{rows[name].where}: {path}", reason)
        tables = ((_table(rows[name]), without) for name, without in matches.loose.items())
        for (table, without), count in Counter(tables).items():
            yield Problem(name=table, reason=_found_loosely(count, without), about="note")
        moved = {
            name: file
            for file, names in matches.names.items()
            for name in names
            if name != file and file not in self._used  # else it would be lost with that image
        }
        for name, entry in rows.items():
            path = moved.get(name)
            row = replace(entry, path=path) if path and entry.path == name else entry
            _keep(self._by_name, path or name, row, limits)

    def find(self, name: str) -> Entry | None:
        """Return the row of this name, which `match` may have put there, for the first image that
        asks: one row is not about several images.
        """
        if name not in self._by_name or name in self._unclear:
            return None
        if name in self._used:
            if self._paths[whole_key(name)] < 2:  # else another row is about the other image
                self._again[name] = None
            return None
        self._used.add(name)
        return self._by_name[name]

    def told(self) -> Iterator[Problem]:
        """Yield the rows that several images of the same name asked for."""
        for name in self._again:
            reason = "Several images have this name; what the row says was given to the first."
            where = self._by_name[name].where
            yield Problem(name=f"{where}: {name}", reason=reason, about="note")

    def has_twins(self) -> bool:
        """Return whether some names differ only in ways that a file system may not tell apart."""
        return len(self._paths) < len(self._by_name)

    def rest(self) -> list[Entry]:
        """Return the rows that `find` has not returned, in order."""
        done = self._used | self._unclear
        return [entry for name, entry in self._by_name.items() if name not in done]


def _table(entry: Entry) -> str:
    """Return the name of the table that a row is of."""
    return entry.where.rpartition(", ")[0] or "The texts"


def _found_loosely(count: int, without: Iterable[str]) -> str:
    were = "was" if count == 1 else "were"
    return f"{count_of(count, 'name')} {were} found without regard to {' and '.join(without)}."


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
