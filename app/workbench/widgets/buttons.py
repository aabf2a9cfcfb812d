"""Two buttons in one place: one begins something, the other, there only meanwhile, stops it."""

from __future__ import annotations

import gradio as gr

from app.workbench.events import Update


def build_buttons(begin: str, name: str, *, ready: bool = False) -> tuple[gr.Button, gr.Button]:
    """The two inside a row; `name` begins their ids. Esc presses the second."""
    with gr.Row(elem_classes="buttons"):
        return (
            gr.Button(
                begin,
                variant="primary",
                interactive=ready,
                scale=0,
                min_width=170,
                elem_id=f"{name}-begin",
            ),
            gr.Button(
                "Stop",
                visible=False,
                scale=0,
                min_width=90,
                elem_id=f"{name}-stop",
                elem_classes="stop",
            ),
        )


def buttons(*, running: bool, ready: bool = True) -> tuple[Update, Update]:
    """What the two show: `ready` where there is something to begin with."""
    return gr.update(interactive=ready and not running), gr.update(visible=running)
