"""Tables of results as HTML: bars for scores, sorted by the visitor, read aloud in full.

What a browser does with them (sort, copy, send on) stands in table.js, the styles in table.css.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app.workbench.scripts import bundle

HERE = Path(__file__).parent
NOTHING = '<span class="none">–</span>'
TRUNCATED = "only its beginning is read"
"""Said of a text that is longer than the matcher reads."""
THUMBNAIL = 72
"""Longer edge of an image in a table, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    label: str
    hint: str = ""
    """One sentence for those who do not know the word."""
    kind: str = "text"
    """text, score, number or act: how it is set."""
    sorts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in one place of a table."""

    html: str
    order: float | str | None = None
    """What the visitor sorts by; None comes last."""


def build_table(*, elem_id: str) -> gr.HTML:
    """The component that shows tables. Its `select` event brings `text`, the row's, where the
    visitor wants to look inside the model with it."""
    return gr.HTML(
        css_template=(HERE / "table.css").read_text("utf-8"),
        js_on_load=bundle([HERE / "table.js"], "listenToTable(element, trigger, watch);"),
        apply_default_css=False,
        container=False,
        elem_id=elem_id,
        elem_classes="results",
    )


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    title: str,
    sorted_by: int | None = None,
    below: str = "",
) -> str:
    """HTML of a table whose best row is the first; nothing where there is no row.

    `sorted_by` is the column that the rows are in the order of, falling; `below` is HTML.
    """
    if not rows:
        return ""
    head = "".join(_head(column, index == sorted_by) for index, column in enumerate(columns))
    body = "".join(_row(columns, row) for row in rows)
    # The roles stay where a narrow screen shows the rows as cards.
    return (
        f'<table role="table"><caption>{escape(title)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>{below}'
    )


def _head(column: Column, falling: bool) -> str:
    label, hint = escape(column.label), escape(column.hint)
    if not column.sorts:
        return f'<th role="columnheader" scope="col" class="{column.kind}">{label}</th>'
    state = ' aria-sort="descending"' if falling else ""
    return (
        f'<th role="columnheader" scope="col" class="{column.kind}"{state}>'
        f'<button type="button" data-sort title="{hint}">{label}</button></th>'
    )


def _row(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    cells = "".join(_cell(column, cell) for column, cell in zip(columns, row, strict=True))
    return f'<tr role="row">{cells}</tr>'


def _cell(column: Column, cell: Cell) -> str:
    order = "" if cell.order is None else f' data-order="{escape(str(cell.order))}"'
    return (
        f'<td role="cell" class="{column.kind}" data-label="{escape(column.label)}"{order}>'
        f"{cell.html}</td>"
    )


def text_cell(text: str, *notes: str, empty: str = "(no words)") -> Cell:
    """Somebody's words, and what is to be said about them."""
    words = f"<span>{escape(text)}</span>" if text else f'<span class="none">{escape(empty)}</span>'
    said = "".join(f' <small class="note">{escape(note)}</small>' for note in notes if note)
    return Cell(html=words + said, order=text.casefold())


def score_cell(value: float | None, digits: int = 3) -> Cell:
    """A score in [0, 1], or a cosine, as a bar and a number; bars begin at 0."""
    if value is None:
        return Cell(html=NOTHING)
    share = min(max(value, 0.0), 1.0)
    bar = f'<span class="bar" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'
    return Cell(html=f"{bar}<b>{value:.{digits}f}</b>", order=value)


def number_cell(value: float | None, digits: int = 0) -> Cell:
    """A number that has no natural length."""
    return Cell(html=NOTHING) if value is None else Cell(html=f"{value:.{digits}f}", order=value)


def act_cell(text: str, *, inside: bool = True) -> Cell:
    """What can be done with a row: copy its text, look inside the model with it."""
    if not text:
        return Cell(html="")
    words = escape(text)
    look = f'<button type="button" data-look aria-label="Look inside: {words}">Look inside</button>'
    return Cell(
        html=f'<button type="button" data-copy aria-label="Copy: {words}">Copy</button>'
        + (look if inside else "")
    )


def image_cell(address: str, name: str) -> Cell:
    """An image, by the address that `thumbnail` gave, and the name of its file."""
    shown = f'<img src="{address}" alt="">' if address else '<span class="blank"></span>'
    return Cell(html=f'<span class="file">{shown}<span>{escape(name)}</span></span>', order=name)


def thumbnail(image: Image.Image) -> str:
    """A small image as a data address, so that no file of a visitor's lies about."""
    small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=75)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def progress(done: int, of: int, words: str) -> str:
    """HTML of how far something is."""
    return (
        f'<p class="progress" role="status">{escape(words)}</p>'
        f'<progress max="{of}" value="{done}" aria-label="{escape(words)}"></progress>'
    )


def status(words: str, **more: Any) -> str:
    """HTML of one line that a screen reader reads out when it changes; `problem` where it is one.

    Nothing where there are no words.
    """
    if not words:
        return ""
    role, kind = ("alert", "problem") if more.get("problem") else ("status", "plain")
    return f'<p class="status-line {kind}" role="{role}">{escape(words)}</p>'


def problems(found: Sequence[tuple[str, str]]) -> str:
    """HTML of what could not be used and why, one line each; nothing where there is nothing."""
    if not found:
        return ""
    lines = "".join(f"<li><b>{escape(name)}</b> {escape(why)}</li>" for name, why in found)
    return f'<ul class="problems" role="alert">{lines}</ul>'
