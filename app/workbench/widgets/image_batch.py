"""Work on several images in a tab: its components, and the events that carry it on and end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from app.inference.batches import ImageBatch
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.widgets.buttons import build_buttons
from app.workbench.widgets.tables import build_table


class BatchUpdate(NamedTuple):
    """New values of the components of a batch."""

    batch: Update = SKIP
    slices: Update = SKIP
    message: Update = SKIP
    table: Update = SKIP
    begin: Update = SKIP
    stop: Update = SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchComponents:
    """The components of a batch."""

    batch: gr.State
    """The visitor's `ImageBatch`."""
    slices: gr.State
    """Counts the time slices of the work; its `.change` begins the next one."""
    files: gr.File
    begin: gr.Button
    stop: gr.Button
    message: gr.HTML
    table: gr.HTML

    @property
    def outputs(self) -> list[Component]:
        """The components that a `BatchUpdate` fills."""
        return components_named(BatchUpdate._fields, self)


def build_batch(
    batch: ImageBatch[Any, Any], files: gr.File, *, begin: str, name: str, table_id: str
) -> BatchComponents:
    """Draw the buttons, the place for messages and the table inside the tab that is being built.

    `files` is drawn already; `begin` is the label of the first button, `name` begins the ids of
    both.
    """
    pair = build_buttons(begin, name, ready=True)
    return BatchComponents(
        batch=gr.State(batch),
        slices=gr.State(0),
        files=files,
        begin=pair.begin,
        stop=pair.stop,
        message=gr.HTML(container=False, elem_classes="status-area"),
        table=build_table(elem_id=table_id),
    )


def wire_batch(
    components: BatchComponents,
    session: gr.State,
    *,
    on_slice: Callable[..., Any],
    on_stop: Callable[..., BatchUpdate],
) -> None:
    """Wire the time slices, each of which may ask for the next, and what ends them.

    `on_slice` is given session, batch and the number of the slice; `on_stop` the batch.
    """
    outputs = components.outputs
    given = [session, components.batch, components.slices]
    going = components.slices.change(on_slice, given, outputs, **MODEL_EVENT)
    going.failure(on_stop, components.batch, outputs, **PRIVATE_EVENT)
    components.stop.click(on_stop, components.batch, outputs, **PRIVATE_EVENT)
