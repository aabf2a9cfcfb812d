"""The keys of the pages, and the help that ? opens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import streamlit

_CODE = Path(__file__).with_suffix(".js")
REVIEW_KEYS = {
    "A": "accept the chosen text, next image",
    "Shift+A": "accept the chosen text and stay: several may be right",
    "X": "reject the chosen text; then the next text, or the next image",
    "1 … 9": "choose a text",
    "E": "edit the chosen text",
    "Ctrl+Enter": "in the text box: save and accept",
    "Esc": "in the text box: leave; the draft stays",
    "S": "skip",
    "F, then 1 … 9": "flag, with a reason",
    "Z": "undo, also after a restart",
    "J": "next image that nobody has decided",
    "← →": "back, and next",
}
"""Key -> what it does on the review page. In a text box letters are only typed."""
EVERYWHERE = {
    "G": "terms, each told in a sentence",
    "?": "show these keys; Esc closes them",
}
"""Key -> what it does on every page."""
KEYS_OF_PAGES = {"review": REVIEW_KEYS}
"""Page, by the name of its file -> its own keys."""


@cache
def _listener() -> Callable[..., Any]:
    return streamlit.components.v2.component("help_key", js=_CODE.read_text("utf-8"))


def listen_to_keys(page: str) -> None:
    """Open the help on ? and on the header's button, and ignore keys that are held down or pressed
    while the help is open. `page` is the name of the page's file.

    Streamlit's own shortcuts know no punctuation, and would count those keys: a decision about an
    image that is hidden.
    """
    pressed = _listener()(key="help-key", on_pressed_change=lambda: None)
    if pressed.pressed:
        show_help(page)


def keys_of(page: str) -> dict[str, str]:
    """Return the keys of a page, its own first -> what each does."""
    return KEYS_OF_PAGES.get(page, {}) | EVERYWHERE


@streamlit.dialog("Keys")
def show_help(page: str) -> None:
    """Draw a dialog with the keys of a page in a table."""
    rows = (
        f'<tr><th scope="row"><kbd>{escape(key)}</kbd></th><td>{escape(does)}</td></tr>'
        for key, does in keys_of(page).items()
    )
    streamlit.html(f'<table class="keys">{"".join(rows)}</table>')
