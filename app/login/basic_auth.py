"""Name and password in the Authorization header of a request (HTTP basic authentication)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """Return name and password of a request; two empty texts where there are none."""
    for key, value in headers:
        kind, _, encoded = value.partition(b" ")
        if key.lower() == b"authorization" and kind.lower() == b"basic":
            try:
                text = base64.b64decode(encoded, validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                return "", ""
            name, _, password = text.partition(":")
            return name, password
    return "", ""
