"""Sizes of files in words."""

from __future__ import annotations


def size_of(size: int) -> str:
    """Bytes -> "3 kB", "12.5 MB"; never nothing for something."""
    return f"{size / 1e6:,.1f} MB" if size >= 1_000_000 else f"{-(-size // 1000)} kB"
