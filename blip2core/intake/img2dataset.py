"""Tables of img2dataset: a row for each address, also for those whose download failed there.

With its formats webdataset and files, 00000.parquet stands beside 00000.tar or the folder 00000 and
repeats what the .json beside each image says; with its format parquet it holds the images.
"""

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace

from blip2core.errors import IntakeError
from blip2core.file_names import safe_name, stem, suffix
from blip2core.formats.files import NamedFile
from blip2core.formats.parquet import parquet_rows, parquet_schema
from blip2core.intake.columns import Columns, guess_columns, with_wanted
from blip2core.intake.image_texts import texts_of
from blip2core.intake.limits import Limits
from blip2core.intake.row_entries import found_texts
from blip2core.records import Problem

KEY = "key"
"""Column with the name of an image, without folder and ending."""
STATUS_COLUMNS = ("status", "error_message")
INDEX_COLUMNS = frozenset({KEY, "url", "status"})
FAILED = "failed_to_"
"""How the status of a row without an image begins: failed_to_download, failed_to_resize."""
MOST_MESSAGES = 1_000
"""Messages of servers that are counted apart; they are whatever a server answered."""


class FailedRows:
    """Counts the rows that have no image because img2dataset could not fetch it."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._messages: Counter[str] = Counter()
        self._texts = 0

    def takes(self, row: Mapping[str, object], texts: int = 0) -> bool:
        """Return whether a row is one of them; it is counted then, with the texts read of it."""
        status, message = (row.get(name) for name in STATUS_COLUMNS)
        if not isinstance(status, str) or not status.startswith(FAILED):
            return False
        self._statuses[safe_name(status, limit=40)] += 1
        self._texts += texts
        if isinstance(message, str) and message:
            shown = safe_name(message, limit=60)
            if shown in self._messages or len(self._messages) < MOST_MESSAGES:
                self._messages[shown] += 1
        return True

    def told(self, name: str) -> Iterator[Problem]:
        """Yield one line for all of them, with the statuses and the most frequent messages."""
        count = self._statuses.total()
        if not count:
            return
        kinds, most = (
            ", ".join(f"{number:,} x {text}" for text, number in counts.most_common(3))
            for counts in (self._statuses, self._messages)
        )
        rows = "1 row has" if count == 1 else f"{count:,} rows have"
        reason = (
            f"{rows} no image, since img2dataset could not fetch it: {kinds}"
            f"{f' ({most})' if most else ''}."
        )
        yield Problem(name=name, reason=reason, texts=self._texts, count=count)


def is_index(file: NamedFile, *, or_damaged: bool = False) -> bool:
    """Return whether a table is one of img2dataset that holds no images itself; `or_damaged`, also
    where it cannot be read.
    """
    try:
        header = parquet_schema(file).names if suffix(file.name) == ".parquet" else []
    except IntakeError:
        return or_damaged
    return INDEX_COLUMNS.issubset(header) and not guess_columns(header).path


def is_beside(table: str, folders: Container[str], names: Container[str]) -> bool:
    """Return whether a table stands beside what else img2dataset writes of its name: one of the
    `folders` of images, or its statistics.
    """
    return stem(table) in folders or f"{stem(table)}_stats.json" in names


def key_columns(file: NamedFile, wanted: Columns | None) -> Columns:
    """Return what the columns of an index are, with the keys as the paths."""
    return replace(with_wanted(guess_columns(parquet_schema(file).names), wanted), path=KEY)


def failed_rows(file: NamedFile, limits: Limits) -> Iterator[Problem]:
    """Yield one line for the failed rows of an index, whose other rows an archive holds.

    Nothing where it cannot be read: the archive has all that is to be had.
    """
    failed = FailedRows()
    try:
        header = parquet_schema(file).names
        columns = Columns(texts=guess_columns(header).texts)
        names = [name for name in (*STATUS_COLUMNS, *columns.texts) if name in header]
        for _, row in parquet_rows(file, names):
            if not isinstance(row, IntakeError):
                failed.takes(row, texts_of(found_texts(row, columns), file.name, limits).read)
    except IntakeError:
        return
    yield from failed.told(file.name)
