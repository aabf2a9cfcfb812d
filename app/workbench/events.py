"""How the events of the page behave: which of them share the one queue of the models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, TypeVar

Result = TypeVar("Result")

PACE_SECONDS = 0.1
"""Least time between two updates of something that grows."""
PRIVATE_EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Every event that uses the model shares one queue, page and API alike."""
MODEL_EVENT: dict[str, Any] = {**PRIVATE_EVENT, **MODEL_QUEUE, "trigger_mode": "multiple"}
"""For events of the page: one that comes while another of its kind is ending waits for it, and is
not dropped by the browser."""
WAITING: dict[str, Any] = {"show_progress": "minimal"}
"""For what visitors wait for: how many are ahead of them, and how long it has been."""
Update = Any
"""What Gradio takes for a component: a value, or gr.update(...)."""


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
