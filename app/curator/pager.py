"""Back and next buttons for a list that is read page by page with cursors."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

import streamlit

Cursor = TypeVar("Cursor")


def draw_pager(cursors: list[Cursor], following: Cursor | None, *, label: str, key: str) -> None:
    """Draw the buttons "Back" and `label`, which change `cursors` in place.

    Its last entry is the cursor of the page on screen; `following` that of the next page, None at
    the end.
    """
    back, forth, _ = streamlit.columns([1, 1, 4])
    back.button(
        "Back", disabled=len(cursors) < 2, on_click=partial(_drop_last, cursors), key=f"{key}-back"
    )
    forth.button(
        label,
        disabled=following is None,
        on_click=partial(_append, cursors, following),
        key=f"{key}-next",
    )


def _append(cursors: list[Cursor], following: Cursor | None) -> None:
    if following is not None:
        cursors.append(following)


def _drop_last(cursors: list[Cursor]) -> None:
    cursors.pop()
