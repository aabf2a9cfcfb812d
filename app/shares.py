"""What the page takes for a visitor besides answers: room on the disk, ratings in the database.

Each is charged to who asks now, see `app.request_info`, by what stands in front of the apps where
strangers are served; elsewhere nothing is bounded.
"""

from __future__ import annotations

from typing import Protocol


class Shares(Protocol):
    """Charges visitors; each method returns why nothing more is taken, empty where it was."""

    def take_room(self, size: int) -> str:
        """Take room for a file of so many bytes."""

    def take_rating(self) -> str:
        """Take room for one rating."""


class _NoBounds:
    def take_room(self, size: int) -> str:
        return ""

    def take_rating(self) -> str:
        return ""


_shares: list[Shares] = [_NoBounds()]


def shares() -> Shares:
    """Return what charges visitors in this process."""
    return _shares[0]


def charge_by(found: Shares) -> None:
    """Let `found` charge visitors from now on."""
    _shares[0] = found
