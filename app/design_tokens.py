"""The design tokens of both apps: colours, type, spacing and radius, each named once.

The workbench makes its Gradio theme of them, the curator its Streamlit options, the login page its
style; the style sheets of all three read them as custom properties (`--studio-accent`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of a scheme. Texts have a contrast of 4.5 or more on page, surface and field."""

    page: str
    surface: str
    """Of what lies on the page: blocks, cards, the header."""
    field: str
    """Of what is typed or chosen in."""
    line: str
    """Between things."""
    edge: str
    """Around what can be pressed or typed in: a contrast of 3 or more on page and surface."""
    text: str
    muted: str
    accent: str
    """Fill of the main button, of bars and of what is chosen."""
    accent_hover: str
    on_accent: str
    accent_text: str
    """Links, and the names of what is chosen."""
    accent_soft: str
    """Ground of what is chosen, below `text`."""
    warning: str
    danger: str
    on_danger: str
    web: str
    synthetic: str
    edited: str
    human: str


LIGHT = Palette(
    page="#f8fafc",
    surface="#ffffff",
    field="#f8fafc",
    line="#e2e8f0",
    edge="#8190a5",
    text="#1e293b",
    muted="#5b6b81",
    accent="#0f766e",
    accent_hover="#115e59",
    on_accent="#ffffff",
    accent_text="#0f766e",
    accent_soft="#e3f3f1",
    warning="#b45309",
    danger="#b91c1c",
    on_danger="#ffffff",
    web="#b45309",
    synthetic="#0f766e",
    edited="#6d28d9",
    human="#1d4ed8",
)
DARK = Palette(
    page="#0f172a",
    surface="#1a2438",
    field="#0f172a",
    line="#334155",
    edge="#64748b",
    text="#e2e8f0",
    muted="#a3b1c6",
    accent="#0f766e",
    accent_hover="#0e7f76",
    on_accent="#ffffff",
    accent_text="#2dd4bf",
    accent_soft="#173b41",
    warning="#fbbf24",
    danger="#f87171",
    on_danger="#0f172a",
    web="#fbbf24",
    synthetic="#2dd4bf",
    edited="#c4b5fd",
    human="#93c5fd",
)
SCHEMES = {"light": LIGHT, "dark": DARK}
SOURCES = ("synthetic", "web", "edited", "human")
"""Where a text comes from: each has a colour that differs for colour-blind people and in grey. The
colours of charts, in this order."""
FONT = "IBM Plex Sans"
"""Gradio ships it, and serves it at `static/fonts`."""
FALLBACK_FONTS = ("system-ui", "sans-serif")
MEASURES = {
    "font": ", ".join([f'"{FONT}"', *FALLBACK_FONTS]),
    "header-height": "48px",
    "title-size": "1.15rem",
    "small-size": "0.85rem",
    "gap": "1rem",
    "gap-small": "0.5rem",
    "radius": "6px",
    "touch": "44px",
}
"""Name -> value of what is the same by day and by night. touch: least side of what a finger meets
(WCAG 2.2, success criterion 2.5.5)."""


def custom_properties(*, dark: str) -> str:
    """Return the tokens as CSS custom properties.

    `dark` is where the dark colours hold: a selector such as `.dark`, or a media query.
    """
    light = _declarations(MEASURES) + _declarations(asdict(LIGHT))
    night = _declarations(asdict(DARK))
    if dark.startswith("@"):
        return f":root{{{light}}}{dark}{{:root{{{night}}}}}"
    return f":root{{{light}}}{dark}{{{night}}}"


def _declarations(values: dict[str, str]) -> str:
    return "".join(f"--studio-{name.replace('_', '-')}:{value};" for name, value in values.items())
