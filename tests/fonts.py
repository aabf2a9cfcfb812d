"""The emoji font, which painting needs and which not every machine has."""

import pytest

from blip2core.errors import FontError
from blip2core.stickers.paint import find_font


def has_font() -> bool:
    """Return whether the emoji font is here."""
    try:
        return find_font().is_file()
    except FontError:
        return False


needs_font = pytest.mark.skipif(not has_font(), reason="fonts-noto-color-emoji is missing")
