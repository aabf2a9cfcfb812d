"""Decoding settings from the values that the page sends, within the limits of what is allowed."""

from __future__ import annotations

import math
import secrets
from dataclasses import replace
from typing import Any

from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from blip2core.texts import count_of

SETTING_LIMITS: dict[str, tuple[float, float]] = {
    "max_new_tokens": (1, 256),
    "min_new_tokens": (0, 50),
    "repetition_penalty": (1.0, 3.0),
    "temperature": (0.1, 1.5),
    "top_p": (0.1, 1.0),
    "beams": (2, 10),
    "length_penalty": (-1.0, 2.0),
}
"""Least and most of each number that a visitor may choose; the model is shared."""
WHOLE = ("max_new_tokens", "min_new_tokens", "beams")
SEED_BITS = 32
"""Size of a drawn seed: short enough to be noted down."""
LONGEST_SEED = 19
"""Digits of a seed, which is below 2**63; Python reads no number of thousands of them."""
DECODING = ("mode", *SETTING_LIMITS, "seed")
"""The order in which `decode_from` takes values."""


def decode_from(*values: Any) -> DecodeConfig:
    """Return the settings of values in the order of DECODING.

    Raises ConfigError where a value is missing or out of its limits.
    """
    given = dict(zip(DECODING, values, strict=True))
    seed = given.pop("seed")
    for name in SETTING_LIMITS:
        given[name] = (whole_number if name in WHOLE else number)(name, given[name])
    return within_limits(DecodeConfig(**given, seed=_seed("" if seed is None else str(seed))))


def number(name: str, value: Any) -> float:
    """Return a number that was sent. Raises ConfigError where it is none, or not finite."""
    if value is None or value == "":
        raise ConfigError(f"{name} is empty")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} must be a number")
    try:
        found = float(value)
    except OverflowError:  # of a whole number that is larger
        found = math.inf
    if not math.isfinite(found):
        raise ConfigError(f"{name} must be a number")
    return found


def whole_number(name: str, value: Any) -> int:
    """Return a whole number that was sent. Raises ConfigError where it is none."""
    if not number(name, value).is_integer():
        raise ConfigError(f"{name} ({value}) must be a whole number")
    return int(value)


def _seed(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdecimal()):
        raise ConfigError("the seed must be a whole number, or blank to draw one")
    digits = text.strip().lstrip("0")
    if len(digits) > LONGEST_SEED:
        raise ConfigError(f"the seed may have at most {LONGEST_SEED} digits")
    return int(digits or "0")


def within_limits(decode: DecodeConfig) -> DecodeConfig:
    """Return the settings unchanged. Raises ConfigError where one is outside of SETTING_LIMITS."""
    for name, (least, most) in SETTING_LIMITS.items():
        if not least <= getattr(decode, name) <= most:
            raise ConfigError(f"{name} ({getattr(decode, name)}) must be from {least} to {most}")
    return decode


def seeded(decode: DecodeConfig) -> DecodeConfig:
    """Return the settings; with a drawn seed where they sample and have none."""
    if decode.is_repeatable:
        return decode
    return replace(decode, seed=secrets.randbits(SEED_BITS))


def describe_decoding(decode: DecodeConfig) -> str:
    """Return the settings that have an effect in this mode, in words."""
    parts = {
        "greedy": ["greedy"],
        "sample": [
            "sampling",
            f"temperature {decode.temperature:g}",
            f"top-p {decode.top_p:g}",
            f"seed {decode.seed}",
        ],
        "beam": [count_of(decode.beams, "beam"), f"length penalty {decode.length_penalty:g}"],
    }[decode.mode]
    parts.append(f"{decode.min_new_tokens} to {count_of(decode.max_new_tokens, 'token')}")
    if decode.repetition_penalty != 1:
        parts.append(f"repetition penalty {decode.repetition_penalty:g}")
    return ", ".join(parts)
