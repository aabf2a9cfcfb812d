"""Tables of results as HTML: scores as bars, columns that the visitor sorts by.

table.js sorts, copies and opens the tab that looks inside; table.css is the style sheet.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
from PIL import Image

from app.workbench.scripts import bundle

_HERE = Path(__file__).parent
_NO_VALUE = '<span class="none">–</span>'
TRUNCATED = "only its beginning is read"
"""The note beside a text that is longer than the matcher reads."""
THUMBNAIL = 72
"""Longer edge of an image in a table, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    label: str
    hint: str = ""
    """One sentence that explains the label."""
    kind: str = "text"
    """text, score, number, image or act: the class in table.css."""
    sorts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table."""

    html: str
    order: float | str | None = None
    """What a visitor sorts by; None comes last."""


def build_table(*, elem_id: str) -> gr.HTML:
    """Draw the component that shows tables.

    Its events have the text of a row as `text`: `select` asks for a look inside the model, `save`
    to save it to a dataset.
    """
    return gr.HTML(
        css_template=(_HERE / "table.css").read_text("utf-8"),
        js_on_load=bundle([_HERE / "table.js"], "listenToTable(element, trigger, watch);"),
        apply_default_css=False,
        container=False,
        elem_id=elem_id,
        elem_classes="results",
    )


def table_html(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    title: str,
    sorted_by: int | None = None,
    below: str = "",
) -> str:
    """Return HTML of a table; empty where there is no row.

    `sorted_by` is the column by which the rows are sorted, falling; `below` is HTML under it.
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


def _head(column: Column, is_sorted: bool) -> str:
    label, hint = escape(column.label), escape(column.hint)
    if not column.sorts:
        return f'<th role="columnheader" scope="col" class="{column.kind}">{label}</th>'
    state = ' aria-sort="descending"' if is_sorted else ""
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
    """Return a text with notes beside it; `empty` stands where there is no text."""
    words = f"<span>{escape(text)}</span>" if text else f'<span class="none">{escape(empty)}</span>'
    beside = "".join(f' <small class="note">{escape(note)}</small>' for note in notes if note)
    return Cell(html=words + beside, order=text.casefold())


def score_cell(value: float | None, digits: int = 3) -> Cell:
    """Return a score in [0, 1], or a cosine, as a bar and a number; bars begin at 0."""
    if value is None:
        return Cell(html=_NO_VALUE)
    share = min(max(value, 0.0), 1.0)
    bar = f'<span class="bar" aria-hidden="true"><i style="width:{share:.1%}"></i></span>'
    return Cell(html=f"{bar}<b>{value:.{digits}f}</b>", order=value)


def number_cell(value: float | None, digits: int = 0) -> Cell:
    """Return a number without a bar."""
    return Cell(html=_NO_VALUE) if value is None else Cell(html=f"{value:.{digits}f}", order=value)


def action_cell(text: str, *, inside: bool = True) -> Cell:
    """Return buttons that copy the text of a row and, with `inside`, look inside the model with it
    or save it to a dataset.
    """
    if not text:
        return Cell(html="")
    words = escape(text)
    look = (
        f'<button type="button" data-look aria-label="Look inside: {words}">Look inside</button>'
        f'<button type="button" data-save aria-label="Save to dataset: {words}">Save to dataset'
        "</button>"
    )
    return Cell(
        html=f'<button type="button" data-copy aria-label="Copy: {words}">Copy</button>'
        + (look if inside else "")
    )


def image_cell(address: str, name: str) -> Cell:
    """Return an image, by the address of `thumbnail_address`, and the name of its file."""
    shown = f'<img src="{address}" alt="">' if address else '<span class="blank"></span>'
    return Cell(html=f'<span class="file">{shown}<span>{escape(name)}</span></span>', order=name)


def thumbnail_address(image: Image.Image, side: int = THUMBNAIL) -> str:
    """Return a small image as a data address, so that no file of a visitor is stored.

    `side` is its longer edge in pixels.
    """
    small = image.convert("RGB")
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=75)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def progress_html(done: int, of: int, words: str) -> str:
    """Return HTML of a progress bar with a text."""
    return (
        f'<p class="progress" role="status">{escape(words)}</p>'
        f'<progress max="{of}" value="{done}" aria-label="{escape(words)}"></progress>'
    )


def status_html(words: str, *, problem: bool = False) -> str:
    """Return HTML of one line that a screen reader reads out when it changes.

    Empty where there are no words.
    """
    if not words:
        return ""
    role, kind = ("alert", "problem") if problem else ("status", "plain")
    return f'<p class="status-line {kind}" role="{role}">{escape(words)}</p>'


def problems_html(found: Sequence[tuple[str, str]]) -> str:
    """Return HTML of (name, reason) of what could not be used; empty where there is none."""
    if not found:
        return ""
    lines = "".join(f"<li><b>{escape(name)}</b> {escape(why)}</li>" for name, why in found)
    return f'<ul class="problems" role="alert">{lines}</ul>'
