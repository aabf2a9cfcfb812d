"""The theme of the page, its colours and font, and its style sheet and script."""

from __future__ import annotations

import base64
from pathlib import Path

import gradio as gr

from app.glossary import CODE, call_with_terms
from app.workbench.scripts import bundle

_HERE = Path(__file__).parent
STYLE_SHEETS = (
    _HERE / "style.css",
    _HERE / "tabs.css",
    _HERE / "chat_tab" / "answers.css",
    _HERE / "inside_tab" / "inside.css",
    _HERE / "how_tab" / "how.css",
    _HERE / "address" / "address.css",
    _HERE / "capfilt_tab" / "layout.css",
    _HERE / "save_dialog" / "dialog.css",
)
ICON = _HERE.parent / "icon.png"


def page_head() -> str:
    """Return what stands in the head of the page: the icon, and the script for keys, for images
    that are pasted or dropped, for copies, and for the glossary.
    """
    # As data: without a link browsers ask for /favicon.ico, which below a root path is not ours.
    icon = f"data:image/png;base64,{base64.b64encode(ICON.read_bytes()).decode()}"
    calls = f"listenToPage();\ncleanCopies();\n{call_with_terms()}"
    script = bundle([_HERE / "keys.js", _HERE / "copies.js", CODE], calls)
    return f'<link rel="icon" href="{icon}"><script type="module">{script}</script>'


def calm_theme() -> gr.themes.Base:
    """Return the theme: greys and one teal, light and dark, with fonts that Gradio ships."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        # Gradio's default pairs 400 with 600, of which its package holds a part of the letters.
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
    )
    return theme.set(
        body_text_color_subdued="*neutral_500",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_800",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
    )
