"""Colours that can be read, and the same ones in both apps."""

import re

import pytest

from app.curator.header import _STYLE
from app.design_tokens import DARK, LIGHT, SCHEMES, Palette, custom_properties
from app.header import STYLE_SHEET
from app.login import pages
from app.serving.streamlit_app import OPTIONS
from app.workbench.theme import NARROW, STYLE_SHEETS, calm_theme, page_head

GROUNDS = ("page", "surface", "field")
READ = ("text", "muted", "accent_text", "warning", "danger", "web", "synthetic", "edited", "human")


def luminance(colour: str) -> float:
    """Relative luminance of a colour such as #0f766e (WCAG 2.2)."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=list(SCHEMES))
def test_what_is_read_and_what_is_pressed_stands_out(palette: Palette) -> None:
    for ground in GROUNDS:
        for name in READ:
            found = contrast(getattr(palette, name), getattr(palette, ground))
            assert found >= 4.5, (name, ground)
        assert contrast(palette.edge, getattr(palette, ground)) >= 3, ("edge", ground)
    for name in ("accent", "accent_hover"):
        assert contrast(palette.on_accent, getattr(palette, name)) >= 4.5, name
    assert contrast(palette.on_danger, palette.danger) >= 4.5
    assert contrast(palette.text, palette.accent_soft) >= 4.5
    assert contrast(palette.accent_text, palette.accent_soft) >= 4.5


@pytest.mark.parametrize(("scheme", "end"), [("light", ""), ("dark", "_dark")])
def test_both_apps_have_the_same_colours(scheme: str, end: str) -> None:
    theme, palette = calm_theme(), SCHEMES[scheme]
    for gradio, streamlit, expected in (
        ("body_background_fill", "backgroundColor", palette.page),
        ("block_background_fill", "secondaryBackgroundColor", palette.surface),
        ("body_text_color", "textColor", palette.text),
        ("link_text_color", "linkColor", palette.accent_text),
        ("border_color_primary", "borderColor", palette.line),
    ):
        assert getattr(theme, f"{gradio}{end}") == expected
        assert OPTIONS[f"theme.{scheme}.{streamlit}"] == expected


def test_properties_of_the_night_hold_where_it_is_said() -> None:
    assert ".dark{--studio-page:#0f172a;" in custom_properties(dark=".dark")
    by_media = custom_properties(dark="@media (prefers-color-scheme: dark)")
    assert "@media (prefers-color-scheme: dark){:root{--studio-page:#0f172a;" in by_media
    assert by_media.startswith(':root{--studio-font:"IBM Plex Sans", system-ui, sans-serif;')


def test_style_sheets_read_only_tokens_that_there_are() -> None:
    tokens = set(re.findall(r"(--studio-[\w-]+):", custom_properties(dark=".dark")))
    sheets = {STYLE_SHEET, NARROW, _STYLE, *STYLE_SHEETS}
    read = {found for file in sheets for found in re.findall(r"--studio-[\w-]+", file.read_text())}
    read |= set(re.findall(r"var\((--studio-[\w-]+)", pages._STYLE))
    assert read and read <= tokens
    assert tokens >= set(re.findall(r"--studio-[\w-]+", page_head()))
