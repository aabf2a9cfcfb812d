"""How to read: what was asked for, the same for all sources of one import."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from blip2core.formats.files import NamedFile
from blip2core.intake.columns import Columns, SaidColumns
from blip2core.intake.downloads import Downloads
from blip2core.intake.limits import Limits
from blip2core.intake.preview_tables import kind_of_table
from blip2core.intake.reading import Reading
from blip2core.records import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPlan:
    """How to read, the same for all sources of one import."""

    columns: SaidColumns | None = None
    download: Downloads | None = None
    limits: Limits = field(default_factory=Limits)
    reading: Reading | None = None
    asked: set[str] = field(default_factory=set, compare=False)
    """Names of tables whose columns were asked for."""
    only_names: bool = False
    """Images without their bytes: which there are."""

    def columns_in(self, table: NamedFile, *, is_only: bool = False) -> Columns | None:
        """Return what was said of the columns of a table, by its name or else by its kind; None
        where they are to be guessed. What was said of all tables is about those of several that
        have such columns.
        """
        if isinstance(self.columns, Columns):
            is_optional = not (is_only or self.columns.complete) and bool(self.columns.named())
            return replace(self.columns, optional=is_optional)
        self.asked.add(table.name)
        if not self.columns:
            return None
        said: Mapping[Any, Columns] = self.columns
        return said.get(table.name) or said.get(kind_of_table(table, self.limits))

    def unasked(self) -> Iterator[Problem]:
        """Yield the tables of which columns were said and that were not there; none where archives
        were not read again, which may hold them.
        """
        if isinstance(self.columns, Mapping) and not (self.reading and self.reading.skipped_bytes):
            for name in self.columns:
                if isinstance(name, str) and name not in self.asked:
                    reason = "There is no such table, of which columns were said; see its name."
                    yield Problem(name=name, reason=reason, about="source")
