"""How events behave on the page: which share the model's lane, and how trouble is told."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from html import escape
from typing import Any, TypeVar

from blip2core.errors import Blip2Error

log = logging.getLogger(__name__)
Result = TypeVar("Result")

POLL_SECONDS = 0.2
"""How often something that waits for the model looks whether it is there."""
PACE_SECONDS = 0.1
"""Least time between two images of something that grows."""
PRIVATE_EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Every event that uses the model shares one lane, page and API alike."""
MODEL_EVENT: dict[str, Any] = {**PRIVATE_EVENT, **MODEL_QUEUE, "trigger_mode": "multiple"}
"""For events of the page: one that comes while another of its kind is ending waits for it, and is
not dropped by the browser."""
WAITING: dict[str, Any] = {"show_progress": "minimal"}
"""For what visitors wait for: how many are ahead of them, and how long it has been."""
LENT = "ZeroGPU"
"""How the title of an error begins that comes from a Space which lends its GPU by the call."""
NOT_LENT = (
    "this Space lends its GPU by the minute, and has none for you now. Try again later, sign in "
    "for more of it (https://huggingface.co/docs/hub/spaces-zerogpu), or run the studio on your "
    "own machine. The example stays."
)
Update = Any
"""What Gradio takes for a component: a value, or gr.update(...)."""


def until_done(*loading: Future[Any]) -> Iterator[None]:
    """Yields while any of these is still loading."""
    while not all(future.done() for future in loading):
        yield
        time.sleep(POLL_SECONDS)


def paced(values: Iterator[Result], seconds: float = PACE_SECONDS) -> Iterator[Result]:
    """Of values that come fast, those a reader can follow, and always the last."""
    due, left = 0.0, []
    with closing(values):  # type: ignore[type-var]
        for value in values:
            left = [value]
            if time.monotonic() >= due:
                yield left.pop()
                due = time.monotonic() + seconds
    yield from left


def error_message(error: Exception, what: str) -> str:
    """Our own errors are written for the reader; others go to the log under a reference."""
    if isinstance(error, Blip2Error):
        return f"{what}: {error}"
    if str(getattr(error, "title", "")).startswith(LENT):
        return f"{what}: {NOT_LENT}"
    reference = secrets.token_hex(2)
    log.error("%s, reference %s", what, reference, exc_info=error)
    return f"{what} (reference {reference}). Try again, or ask something else."


def alert_html(text: str) -> str:
    """HTML of a message to the visitor; nothing where there is none."""
    return f'<p role="alert">{escape(text)}</p>' if text else ""
