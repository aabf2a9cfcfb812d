"""What was said of a text beside it, as both databases can store it.

Both refuse halves of surrogate pairs, and PostgreSQL NUL and numbers that JSON does not know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from blip2core.records import TextOrigin
from blip2core.texts import clean_text

MOST_DIGITS = 40
"""Digits of a whole number that is kept as one, not as a text of its digits."""
DEEPEST = 20
"""Lists and objects within one another that are kept."""


def clean_origin(origin: TextOrigin) -> TextOrigin:
    """Return where a text stood, cleaned; what cannot be stored of its data is left out."""
    found = clean_data(origin.data)
    return TextOrigin(place=clean_text(origin.place), data=found if isinstance(found, dict) else {})


def clean_data(value: object, depth: int = DEEPEST) -> object:
    """Return a JSON value that can be stored: numbers that JSON does not know, and very large ones,
    as texts. None in place of what cannot be stored, and of NaN, by which tables mean no value.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping | list | tuple) and not depth:
        return None
    if isinstance(value, Mapping):
        cleaned = {clean_text(str(key)): clean_data(one, depth - 1) for key, one in value.items()}
        return {key: one for key, one in cleaned.items() if one is not None}
    if isinstance(value, list | tuple):
        return [clean_data(one, depth - 1) for one in value]
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, int):
        return value if abs(value) < 10**MOST_DIGITS else _digits(value)
    return None


def _digits(value: int) -> str | None:
    try:
        return str(value)
    except ValueError:  # of thousands of digits
        return None
