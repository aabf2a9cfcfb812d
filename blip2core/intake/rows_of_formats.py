"""Rows of JSON that are entries of an annotation format: conversations, questions, tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from blip2core.formats import AnnotatedImage, format_of_line
from blip2core.formats.annotated import Refused
from blip2core.formats.conversations import CONVERSATIONS, TURNS
from blip2core.formats.lavis import LAVIS_VQA
from blip2core.intake.columns import QUESTION, Columns, guess_columns, plain_name, with_wanted
from blip2core.intake.row_entries import found_texts
from blip2core.intake.unused_columns import UnusedColumns


def of_format(
    wanted: Columns | None, unused: UnusedColumns, number: int, row: Mapping[str, object]
) -> list[AnnotatedImage]:
    """Return the entry that a row is, with the texts of other columns that hold texts; none where
    it is a row of a table, or the columns of texts or images are `wanted`.
    """
    is_said = wanted is not None and (wanted.path or wanted.url or wanted.texts or wanted.complete)
    format = None if is_said else format_of_line(row)
    if format is None:
        return []
    found = [replace(one, number=number) for one in format.read([row])]
    if format not in (CONVERSATIONS, LAVIS_VQA):
        return found
    columns = with_wanted(guess_columns(list(row)), wanted)
    unused.see(row, columns)
    rest = tuple(name for name in columns.texts if plain_name(name) not in (*TURNS, QUESTION))
    more = list(found_texts(row, replace(columns, texts=rest)))
    texts = tuple(one for one in more if not isinstance(one, Refused))
    refused = tuple(one for one in more if isinstance(one, Refused))
    return [
        replace(one, texts=(*one.texts, *texts), refused=(*one.refused, *refused)) for one in found
    ]
