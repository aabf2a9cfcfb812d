"""The header that the curator shares with the workbench, and the style of its pages."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit

from app import header
from app.design_tokens import FONT, custom_properties
from app.roles import visitor_of
from app.services import Services, is_shared
from app.settings import has_login
from blip2core.models.specs import find_spec

_STYLE = Path(__file__).parent / "static" / "curator.css"
_FONT_FILES = {400: "Regular", 700: "Bold"}
"""Weight -> end of the file's name."""


def draw_style() -> None:
    """Put the design tokens, the font and the style sheets into the page."""
    sheets = [file.read_text("utf-8") for file in (header.STYLE_SHEET, _STYLE)]
    tokens = custom_properties(dark="@media (prefers-color-scheme: dark)")
    streamlit.html(f"<style>{tokens}{_font_faces()}{''.join(sheets)}</style>")


def _font_faces() -> str:
    """Return where the font is: the workbench serves it. Without it the next best is taken."""
    name = FONT.replace(" ", "")
    files = {
        weight: f"../static/fonts/{name}/{name}-{end}.woff2" for weight, end in _FONT_FILES.items()
    }
    return "".join(
        f'@font-face{{font-family:"{FONT}";font-weight:{weight};src:url({file})}}'
        for weight, file in files.items()
    )


def draw_header(services: Services) -> None:
    """Draw the header: the name, both apps, the model, and who is logged in."""
    visitor = visitor_of(streamlit.context.headers)
    title = header.title_html("curator", visitor, has_both=is_shared())
    account = header.account_html("curator", visitor) if has_login(services.settings) else ""
    streamlit.html(
        f'<div class="studio-header">{title}<span class="model">{_model_html(services)}</span>'
        f'{header.KEYS_BUTTON}<span class="who">{account}</span></div>'
    )


def _model_html(services: Services) -> str:
    """Return the name of the model that captions, and what there is to know of its state."""
    loading = services.engine.pair(services.settings.model).loading
    failed = loading.done() and loading.exception() is not None
    state = "not available" if failed else "ready" if loading.done() else "loading"
    return f"<b>{escape(find_spec(services.settings.model).name)}</b> {state}"
