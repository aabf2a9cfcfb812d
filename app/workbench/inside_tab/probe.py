"""From a text in a table to the tab that looks inside the model with it."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr

from app.chat.session import ChatSession
from app.workbench.events import PRIVATE_EVENT, Update

LONGEST_PROBE = 500
"""Characters of a text to look inside with; a matcher reads far less."""


def connect_look_inside(table: gr.HTML, panel: SimpleNamespace) -> None:
    """A row's "Look inside" opens the tab `inside` with the row's text.

    `visit.probe` holds the text, and `panel.probe` is a gr.State whose `.change` that tab hears.
    """
    table.select(
        on_look_inside, panel.visit, [panel.visit, panel.probe, panel.tabs], **PRIVATE_EVENT
    )


def on_look_inside(visit: ChatSession, event: gr.EventData) -> tuple[ChatSession, str, Update]:
    """Somebody wants to know what the model looked at for a text."""
    visit.probe = str(event._data.get("text", ""))[:LONGEST_PROBE]
    return visit, visit.probe, gr.Tabs(selected="inside")
