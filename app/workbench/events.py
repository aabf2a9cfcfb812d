"""How events of the page share the queue of the models, and how their results name components."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any, TypeVar

import gradio as gr
from gradio.components import Component

_Value = TypeVar("_Value")

PACE_SECONDS = 0.1
"""Least time between two updates of something that grows."""
PRIVATE_EVENT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Options of an event that no program may call."""
MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Every event that uses the model shares one queue, page and API alike."""
MODEL_EVENT: dict[str, Any] = {**PRIVATE_EVENT, **MODEL_QUEUE, "trigger_mode": "multiple"}
"""For events of the page: one that comes while another of its kind is ending waits for it, and is
not dropped by the browser."""
WAITING: dict[str, Any] = {"show_progress": "minimal"}
"""Options of an event that shows its place in the queue and the time it has taken."""
Update = Any
"""What Gradio takes for a component: a value, or gr.update(...)."""
SKIP: Update = gr.skip()
"""Leaves a component as it is."""


def components_named(names: Iterable[str], *screens: object) -> list[Component]:
    """Return the components under these names, each from the first object with such an attribute.

    The names are the fields of the NamedTuple that a handler returns, so that the outputs of an
    event stand in the order of what the handler returns. Raises AttributeError for a name that no
    screen has.
    """
    return [_component(name, screens) for name in names]


def _component(name: str, screens: Iterable[object]) -> Component:
    for screen in screens:
        found: Component | None = getattr(screen, name, None)
        if found is not None:
            return found
    raise AttributeError(f"No screen has a component named {name}.")


def paced(values: Generator[_Value, None, None], seconds: float = PACE_SECONDS) -> Iterator[_Value]:
    """Yield the first value, then at most one each `seconds`, and always the last."""
    due = 0.0
    left: list[_Value] = []
    with closing(values):
        for value in values:
            left = [value]
            if time.monotonic() >= due:
                yield left.pop()
                due = time.monotonic() + seconds
    yield from left
