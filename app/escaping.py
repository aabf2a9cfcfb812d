"""Texts from outside that can never become markup."""

from __future__ import annotations

import re

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&!$@:{}])|(?<=www)(\.)|^([-+=]+|\d+(?=[.)]))")
"""What Markdown, HTML in it, bare links and formulas begin with; and lists, at a line's start."""

ICON, WORD_JOINER = r"\:material/", "\u2060"
"""Streamlit makes an icon of the first, escaped or not; the second, invisible, prevents it."""


def escape_markdown(text: str) -> str:
    """Return a text as one line of Markdown in which every character stands for itself."""
    line = " ".join(text.split())
    escaped = SPECIAL.sub(lambda found: "".join(f"\\{sign}" for sign in found[0]), line)
    return escaped.replace(ICON, ICON.replace("material", f"{WORD_JOINER}material"))
