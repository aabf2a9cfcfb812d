"""Sizes of files in words."""

from __future__ import annotations


def size_of(size: int) -> str:
    """Return a number of bytes as "3 kB", rounded up, or from a million on as "12.5 MB"."""
    return f"{size / 1e6:,.1f} MB" if size >= 1_000_000 else f"{-(-size // 1000)} kB"
