"""JSON Lines, also the metadata.jsonl of an imagefolder: one object in each line."""

import json
from collections.abc import Iterable, Iterator

from blip2core.config import ExportConfig
from blip2core.errors import IntakeError
from blip2core.formats.annotated import TableRow
from blip2core.formats.files import NamedFile
from blip2core.formats.format import Format, Output
from blip2core.formats.lines import Lines, is_broken
from blip2core.formats.rows import json_line, rows
from blip2core.formats.split_files import PerSplit
from blip2core.records import ExportPair


def jsonl_rows(file: NamedFile) -> Iterator[TableRow]:
    """Yield the objects, empty lines left out; the number is the line, and 0 of the whole file."""
    with Lines(file.open()) as lines:
        if lines.encoding.note:
            yield 0, IntakeError(lines.encoding.note)
        for number, line in lines.numbered():
            if line is None:
                yield number, IntakeError("The line is far too long and was left out.")
            elif is_broken(line):
                label = lines.encoding.label
                yield number, IntakeError(f"The line is not {label}; save the file as UTF-8.")
            elif line.strip():
                yield number, _object(line)


def _object(line: str) -> dict[str, object] | IntakeError:
    try:
        row = json.loads(line)
    except RecursionError:
        return IntakeError("This is no JSON that can be read: it is nested too deeply.")
    except ValueError as error:
        reason = getattr(error, "msg", "a number is too long")
        return IntakeError(f"This is not JSON ({reason}).")
    return row if isinstance(row, dict) else IntakeError("This is not a JSON object.")


def write_jsonl(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write a JSON Lines file per split; each line of `train.jsonl` names its image as
    `images/ab/ab12….jpg`.
    """
    with PerSplit(lambda split: output.open(f"{split}.jsonl")) as files:
        for pair, row in rows(pairs, config):
            name = f"images/{output.add_image(pair, 'images')}"
            files[pair.split].write(json_line({"image": name, **row}))


JSONL = Format(
    write=write_jsonl,
    label="JSON lines",
    what="One JSON object per line and pair, in a file per split; images lie in `images`.",
    example='pandas.read_json("FOLDER/train.jsonl", lines=True, dtype=False)',
    data_files="{split}.jsonl",
    typed=True,
    lists=True,
)
