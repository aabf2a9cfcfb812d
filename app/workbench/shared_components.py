"""The components outside the tabs, which every tab may read, fill and listen to."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.workbench.image.panel import ImagePanel
from app.workbench.save_dialog.dialog import SaveDialog


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedComponents:
    """Handed to every tab that is built."""

    session: gr.State
    """The visitor's `ChatSession`."""
    panel: ImagePanel
    """The image beside the tabs."""
    model_line: gr.HTML
    """Its `.change` says that the visitor's model, or the state of that model, is another."""
    tabs: gr.Tabs
    """Selects the tab that is shown."""
    address: gr.HTML
    """The address of the page, see `address/page_address.py`."""
    matched_texts: gr.State
    """Texts that were handed over to be matched, one on each line; Match listens to its
    `.change`."""
    saving: SaveDialog | None
    """The dialog that saves to a dataset; None where there is no database."""
    page: gr.Blocks
    """Its `.load` says that a visitor has come."""
