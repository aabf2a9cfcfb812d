"""Two buttons in one place: one begins something, the other, shown only meanwhile, stops it."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from app.workbench.events import Update


class BeginStop(NamedTuple):
    """The two buttons."""

    begin: gr.Button
    stop: gr.Button


class BeginStopUpdate(NamedTuple):
    """New states of the two buttons."""

    begin: Update
    stop: Update


def build_buttons(begin: str, name: str, *, ready: bool = False) -> BeginStop:
    """Draw the two in a row; `name` begins their ids. Esc presses the second.

    `ready` says whether there is something to begin with.
    """
    with gr.Row(elem_classes="buttons"):
        return BeginStop(
            begin=gr.Button(
                begin,
                variant="primary",
                interactive=ready,
                scale=0,
                min_width=170,
                elem_id=f"{name}-begin",
            ),
            stop=gr.Button(
                "Stop",
                visible=False,
                scale=0,
                min_width=90,
                elem_id=f"{name}-stop",
                elem_classes="stop",
            ),
        )


def buttons(*, running: bool, ready: bool = True) -> BeginStopUpdate:
    """Return the states of the two; `ready` says whether there is something to begin with."""
    return BeginStopUpdate(
        begin=gr.update(interactive=ready and not running), stop=gr.update(visible=running)
    )
