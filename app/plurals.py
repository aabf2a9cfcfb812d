"""Counts in words, with the noun in the singular or the plural."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun: 1 pair, 1,200 pairs."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
