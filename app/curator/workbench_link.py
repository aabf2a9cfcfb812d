"""The link that opens an item in the workbench, with its image, its texts and their maps."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import streamlit

from app.roles import VISITOR_HEADER


def workbench_address(item_id: int, caption_id: int | None) -> str:
    """Return the address of an item in the workbench, from any page of the curator.

    It looks inside with the text of the caption, where there is one.
    """
    fields = {"tab": "inside", "item": item_id}
    return f"../?{urlencode(fields if caption_id is None else fields | {'text': caption_id})}"


def draw_workbench_link(item_id: int, caption_id: int | None) -> None:
    """Draw the link; nothing where the curator is served alone."""
    if VISITOR_HEADER in streamlit.context.headers:  # which the front of both apps adds
        address = escape(workbench_address(item_id, caption_id))
        streamlit.html(
            f'<p class="way"><a href="{address}" target="_top">Open in the workbench</a></p>'
        )
