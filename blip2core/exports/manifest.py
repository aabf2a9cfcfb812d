"""The manifest: what an export is, in one file that is written last."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_DISTRIBUTION = "blip2-studio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An export that is complete."""

    data: Mapping[str, Any]
    """The contents of manifest.json."""
    pairs: int
    """Pairs written; those that the format cannot hold are not among them."""
    images: int
    files: int
    """Files written, SHA256SUMS and the manifest not counted."""

    @property
    def content(self) -> bytes:
        """manifest.json as it is written: the same values are the same bytes."""
        text = json.dumps(self.data, ensure_ascii=False, indent=2, sort_keys=True)
        return text.encode() + b"\n"

    @property
    def sha256(self) -> str:
        """Of manifest.json; as it holds the hash of SHA256SUMS, it names every byte."""
        return hashlib.sha256(self.content).hexdigest()


def tool_version() -> str:
    """Return name and version of this program."""
    try:
        return f"{_DISTRIBUTION} {version(_DISTRIBUTION)}"
    except PackageNotFoundError:  # run from a folder that was never installed
        return _DISTRIBUTION
