"""The theme of the page, its colours and font, and its style sheet and script."""

from __future__ import annotations

import base64
from pathlib import Path

import gradio as gr

from app import header
from app.design_tokens import DARK, FALLBACK_FONTS, FONT, LIGHT, custom_properties
from app.glossary import CODE, call_with_terms
from app.workbench.scripts import bundle

_HERE = Path(__file__).parent
STYLE_SHEETS = (
    header.STYLE_SHEET,
    _HERE / "style.css",
    _HERE / "tabs.css",
    _HERE / "chat_tab" / "answers.css",
    _HERE / "chat_tab" / "suggestions.css",
    _HERE / "inside_tab" / "inside.css",
    _HERE / "how_tab" / "how.css",
    _HERE / "capfilt_tab" / "layout.css",
    _HERE / "save_dialog" / "dialog.css",
)
NARROW = _HERE / "narrow.css"
"""Of narrow and of touched screens. It goes into the head of the page, as Gradio breaks a list in
`:is()` below `@media`."""
ICON = _HERE.parent / "icon.png"


def page_head() -> str:
    """Return what stands in the head of the page: the icon, the design tokens, the style of narrow
    screens, and the script for keys, for images that are pasted or dropped, for copies, and for the
    glossary.
    """
    # As data: without a link browsers ask for /favicon.ico, which below a root path is not ours.
    icon = f"data:image/png;base64,{base64.b64encode(ICON.read_bytes()).decode()}"
    calls = f"listenToPage();\ncleanCopies();\n{call_with_terms()}"
    code = [_HERE / "help.js", _HERE / "keys.js", _HERE / "copies.js", CODE]
    script = bundle(code, calls)
    style = custom_properties(dark=".dark") + NARROW.read_text("utf-8")
    return (
        f'<link rel="icon" href="{icon}"><style>{style}</style>'
        f'<script type="module">{script}</script>'
    )


def calm_theme() -> gr.themes.Base:
    """Return the theme: the design tokens, light and dark, with a font that Gradio ships."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        # Gradio's default pairs 400 with 600, of which its package holds a part of the letters.
        font=[gr.themes.LocalFont(FONT, weights=(400, 700)), *FALLBACK_FONTS],
    )
    colours = {}
    for name, token in _COLOURS.items():
        colours[name] = getattr(LIGHT, token)
        colours[f"{name}_dark"] = getattr(DARK, token)
    measures = {"button_border_width": "1px", "button_small_text_size": "*text_md"}
    return theme.set(**colours, **measures)


_COLOURS = {
    "body_background_fill": "page",
    "body_text_color": "text",
    "body_text_color_subdued": "muted",
    "background_fill_primary": "surface",
    "background_fill_secondary": "page",
    "border_color_primary": "line",
    "border_color_accent": "accent_text",
    "link_text_color": "accent_text",
    "link_text_color_hover": "accent_text",
    "link_text_color_active": "accent_text",
    "link_text_color_visited": "accent_text",
    "block_background_fill": "surface",
    "block_border_color": "line",
    "block_label_background_fill": "surface",
    "block_label_text_color": "muted",
    "block_title_text_color": "muted",
    "block_info_text_color": "muted",
    "panel_background_fill": "page",
    "input_background_fill": "field",
    "input_border_color": "edge",
    "input_border_color_focus": "accent_text",
    "input_placeholder_color": "muted",
    "checkbox_background_color": "field",
    "checkbox_border_color": "edge",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "page",
    "checkbox_label_background_fill_selected": "accent_soft",
    "checkbox_label_border_color": "edge",
    "checkbox_label_border_color_selected": "accent_text",
    "checkbox_label_text_color": "text",
    "checkbox_label_text_color_selected": "text",
    "slider_color": "accent",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent_hover",
    "button_primary_border_color": "accent",
    "button_primary_border_color_hover": "accent_hover",
    "button_primary_text_color": "on_accent",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "accent_soft",
    "button_secondary_border_color": "edge",
    "button_secondary_border_color_hover": "accent_text",
    "button_secondary_text_color": "text",
    "button_secondary_text_color_hover": "accent_text",
    "table_border_color": "line",
    "table_text_color": "text",
    "table_even_background_fill": "surface",
    "table_odd_background_fill": "page",
}
"""Colour of Gradio's theme, which has one more for the night -> the token that it is."""
