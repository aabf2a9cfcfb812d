"""The "Look inside" button of a table row, which opens this tab with the text of the row."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.workbench.events import PRIVATE_EVENT, Update, components_named
from app.workbench.shared_components import SharedComponents

LONGEST_INSPECTED = 500
"""Characters of a text to look inside with; a matcher reads far less."""


class LookInsideUpdate(NamedTuple):
    """New values when a row asks for a look inside."""

    session: ChatSession
    inspected_text: str
    tabs: Update


def connect_look_inside(table: gr.HTML, shared: SharedComponents) -> None:
    """Let the rows of a table open the tab that looks inside, which hears `inspected_text`."""
    outputs = components_named(LookInsideUpdate._fields, shared, shared.panel)
    table.select(on_look_inside, shared.session, outputs, **PRIVATE_EVENT)


def on_look_inside(session: ChatSession, event: gr.EventData) -> LookInsideUpdate:
    """Open the tab that looks inside with the text of the row that was pressed."""
    session.inspected_text = str(event_values(event).get("text", ""))[:LONGEST_INSPECTED]
    return LookInsideUpdate(session, session.inspected_text, gr.Tabs(selected="inside"))
