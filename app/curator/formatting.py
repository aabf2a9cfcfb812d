"""How many, and how large, in words."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """1 pair, 1,200 pairs."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size_of(size: int) -> str:
    """Bytes -> "3 kB", "12.5 MB"; never nothing for something."""
    return f"{size / 1e6:,.1f} MB" if size >= 1_000_000 else f"{-(-size // 1000)} kB"
