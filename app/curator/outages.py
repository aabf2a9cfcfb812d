"""A page says in one sentence what the database refuses, instead of failing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit

from app.escaping import escape_markdown
from blip2core.errors import StorageError

Given = ParamSpec("Given")


def tells_outages(draw: Callable[Given, None]) -> Callable[Given, None]:
    """Draw the sentence in place of what cannot be drawn, or done, now."""

    @wraps(draw)
    def drawn(*given: Given.args, **named: Given.kwargs) -> None:
        try:
            draw(*given, **named)
        except StorageError as error:
            streamlit.error(escape_markdown(str(error)))

    return drawn
