"""A bar on the terminal that shows how far an import has read its sources."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from tqdm import tqdm

from blip2core.cli.output import write_row

if TYPE_CHECKING:
    from blip2core.intake import Reading

FORMAT = "{percentage:3.0f}%|{bar:20}| {desc}"
"""tqdm's own words about rate and time are left out: `Reading.sentence` has them."""


class ReadingBar:
    """Draws on standard error, and only where that is a terminal; use it as a context manager."""

    def __init__(self, reading: "Reading") -> None:
        self._reading = reading
        self._bar = tqdm(total=1.0, bar_format=FORMAT, leave=False, disable=None)

    def show(self) -> None:
        """Draw how far it is, a few times a second at most."""
        if self._bar.disable:
            return
        self._reading.as_json()  # notes the time
        self._bar.set_description_str(self._reading.sentence(), refresh=False)
        self._bar.update(self._reading.share - self._bar.n)

    def write_row(self, row: Mapping[str, object], as_json: bool, *words: str) -> None:
        """Print a result, with the bar out of its way."""
        if not sys.stdout.isatty():  # then the bar is in nobody's way
            write_row(row, as_json, *words)
            return
        with tqdm.external_write_mode():
            write_row(row, as_json, *words)

    def __enter__(self) -> "ReadingBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
