"""Counts and file sizes as text."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """Return "1 pair", "1,200 pairs"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size_of(size: int) -> str:
    """Return bytes as "3 kB" (rounded up) or "12.5 MB"."""
    return f"{size / 1e6:,.1f} MB" if size >= 1_000_000 else f"{-(-size // 1000)} kB"
