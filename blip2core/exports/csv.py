"""CSV: a table per split, with the images beside it; safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from blip2core.config import ExportConfig
from blip2core.exports.files import PerSplit
from blip2core.exports.layout import Format
from blip2core.exports.output import Output
from blip2core.exports.rows import OF_IMAGE, OF_TEXT, about
from blip2core.records import ExportPair
from blip2core.texts import APOSTROPHE_COLUMN, count_of, spreadsheet_safe

CSV_COLUMNS = ("image", "text", *OF_TEXT, *OF_IMAGE, APOSTROPHE_COLUMN)


def write_csv(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a CSV file per split; each row of `train.csv` names its image as
    `images/ab/ab12….jpg`.
    """
    changed = 0
    with PerSplit(lambda split: output.open(f"{split}.csv")) as files:
        for pair in pairs:
            if pair.split not in files:
                files[pair.split].write(csv_line(CSV_COLUMNS))
            name = f"images/{output.add_image(pair, 'images')}"
            cells = {"image": name, "text": pair.text, **about(pair)}
            safe = {column: spreadsheet_safe(cell) for column, cell in cells.items()}
            guarded = [column for column in cells if safe[column] is not cells[column]]
            changed += len(guarded)
            files[pair.split].write(csv_line([*safe.values(), " ".join(guarded)]))
    if changed:
        output.notes.append(
            f"An apostrophe that is not in the data was put before {count_of(changed, 'cell')}: "
            "without it a spreadsheet would compute a formula. The column `apostrophe_before` "
            "names these cells of each row: take their first character away."
        )


def csv_line(cells: Iterable[Any]) -> bytes:
    """Return one CSV record (RFC 4180); None becomes an empty cell."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


CSV = Format(
    write=write_csv,
    label="CSV",
    what="A table per split in UTF-8; images lie in `images`.",
    reading='pandas.read_csv("FOLDER/train.csv", dtype={"text": str}, keep_default_na=False, '
    'na_values=[""])',
)
