"""Receipts for uploads: with one, the visitor who uploaded an image finds it again after a reload.

The browser keeps the receipt for as long as its tab is open, and the server keeps nothing. An
address has the hash of an image alone, which opens it for nobody else.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Any

LONGEST = 5000
"""Characters of a receipt; a path has at most 4,096."""
_KEY = secrets.token_bytes(32)
"""Of this process: what was uploaded before a restart is to be uploaded again."""


def receipt_for(visitor: str, key: str, path: str) -> str:
    """Return the receipt of who uploaded an image, by its key and the path of its file."""
    return f"{_signature(visitor, key, path).decode('ascii')} {path}"


def path_from(receipt: Any, visitor: str, key: str) -> str | None:
    """Return the path of an upload; None where this visitor has no such receipt for this image.

    What the browser sends is hostile.
    """
    if not isinstance(receipt, str) or len(receipt) > LONGEST:
        return None
    signature, _, path = receipt.partition(" ")
    expected = _signature(visitor, key, path)
    return path if hmac.compare_digest(signature.encode("utf-8", "replace"), expected) else None


def _signature(visitor: str, key: str, path: str) -> bytes:
    parts = "\0".join((visitor, key, path)).encode("utf-8", "surrogatepass")
    return hmac.new(_KEY, parts, sha256).hexdigest().encode("ascii")
