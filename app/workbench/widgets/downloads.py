"""Links that save results as CSV and JSON; each link holds the whole file."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from blip2core.texts import spreadsheet_safe


def csv_file(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV; a text that a spreadsheet would run begins with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: spreadsheet_safe(row.get(name)) for name in columns} for row in rows)
    return buffer.getvalue()


def json_file(content: Any) -> str:
    """Return content as indented JSON."""
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def link(label: str, name: str, content: str, kind: str) -> str:
    """Return HTML of a link that saves a file. It holds the file: the server keeps none."""
    data = base64.b64encode(content.encode()).decode()
    return (
        f'<a download="{escape(name)}" href="data:{kind};charset=utf-8;base64,{data}">'
        f"{escape(label)}</a>"
    )


def links(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], about: Any) -> str:
    """Return HTML of the links below a table: its rows as CSV, and `about` as JSON."""
    return (
        '<p class="below">'
        + link("Download CSV", f"{name}.csv", "\ufeff" + csv_file(columns, rows), "text/csv")
        + link("Download JSON", f"{name}.json", json_file(about), "application/json")
        + "</p>"
    )
