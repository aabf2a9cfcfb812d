"""The keys of the review page, as data, and the help that ? opens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit

KEYMAP = {
    "A": "accept the chosen text, next picture",
    "Shift+A": "accept the chosen text and stay: several may be right",
    "X": "reject the chosen text; then the next text, or the next picture",
    "1 … 9": "choose a text",
    "E": "edit the chosen text",
    "Ctrl+Enter": "in the text box: save and accept",
    "Esc": "in the text box: leave; the draft stays",
    "S": "skip",
    "F, then 1 … 9": "flag, with a reason",
    "Z": "undo, also after a restart",
    "J": "next picture that nobody has decided",
    "← →": "back and forth",
    "?": "this help",
}
"""Key -> what it does. Letters are dead while one types in a box."""

LISTENER = """
export default function (component) {
  const { setTriggerValue } = component;
  const onKey = (event) => {
    const typing = event.target.closest?.("input, textarea, [contenteditable=true]");
    if (event.key === "?" && !typing) setTriggerValue("pressed", true);
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
"""


@cache
def _listener() -> Callable[..., Any]:
    return streamlit.components.v2.component("help_key", js=LISTENER)


def listen_for_help() -> None:
    """Lets ? open the help: Streamlit's own shortcuts know no punctuation."""
    pressed = _listener()(key="help-key", on_pressed_change=lambda: None)
    if pressed.pressed:
        show_help()


def draw_help() -> None:
    """The button that says so."""
    if streamlit.button("Keys (?)", key="help", type="tertiary"):
        show_help()


@streamlit.dialog("Keys")
def show_help() -> None:
    """All keys in a table."""
    streamlit.table({"key": list(KEYMAP), "does": list(KEYMAP.values())})
