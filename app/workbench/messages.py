"""Messages of the page to its visitor, as HTML."""

from __future__ import annotations

from html import escape


def alert_html(text: str) -> str:
    """Return HTML of a message to the visitor; empty where there is none."""
    return f'<p role="alert">{escape(text)}</p>' if text else ""
