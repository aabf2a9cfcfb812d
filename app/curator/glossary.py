"""The glossary on every page of the curator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit

from app.glossary import CODE, OPEN_BUTTON, call_with_terms

HOW = "../?tab=how"
"""The workbench's page "How BLIP-2 answers", from any page of the curator."""


@cache
def _component() -> Callable[..., Any]:
    start = f"export default () => {{ {call_with_terms(HOW)} }};"
    return streamlit.components.v2.component(
        "glossary", js=f"{CODE.read_text('utf-8')}\n{start}", html=OPEN_BUTTON, isolate_styles=False
    )


def offer_glossary() -> None:
    """Let each term on the page be told, and draw the button in the sidebar that opens all."""
    with streamlit.sidebar:
        _component()(key="glossary-terms")
