"""The keys of the review page, and the help that ? opens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit

_CODE = Path(__file__).with_suffix(".js")
KEYMAP = {
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
    "G": "terms, each told in a sentence",
    "?": "this help",
}
"""Key -> what it does. In a text box letters are only typed."""


@cache
def _listener() -> Callable[..., Any]:
    return streamlit.components.v2.component("help_key", js=_CODE.read_text("utf-8"))


def listen_to_keys() -> None:
    """Open the help on ?, and ignore keys that are held down or pressed while the help is open.

    Streamlit's own shortcuts know no punctuation, and would count those keys: a decision about an
    image that is hidden.
    """
    pressed = _listener()(key="help-key", on_pressed_change=lambda: None)
    if pressed.pressed:
        show_help()


def draw_help() -> None:
    """Draw the button that opens the help."""
    if streamlit.button("Keys (?)", key="help", type="tertiary"):
        show_help()


@streamlit.dialog("Keys")
def show_help() -> None:
    """Draw a dialog with all keys in a table."""
    streamlit.table({"key": list(KEYMAP), "does": list(KEYMAP.values())})
