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
        on_look_inside,
        panel.session,
        [panel.session, panel.inspected_text, panel.tabs],
        **PRIVATE_EVENT,
    )


def on_look_inside(session: ChatSession, event: gr.EventData) -> tuple[ChatSession, str, Update]:
    """Somebody wants to know what the model looked at for a text."""
    session.inspected_text = str(event._data.get("text", ""))[:LONGEST_PROBE]
    return session, session.inspected_text, gr.Tabs(selected="inside")
