"""Which weights exactly a model has: a name alone does not say, and neither does a branch."""

import hashlib
from pathlib import Path
from typing import Any

from blip2core.models.specs import ModelSpec

CHUNK = 1 << 20
"""Bytes hashed at a time."""


def revision_of(config: Any, spec: ModelSpec) -> str:
    """Commit of a checkpoint of the Hub; of a folder the SHA-256 of its weight files, 64 hex
    digits. The spec's branch where neither is known."""
    folder = Path(spec.checkpoint)
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if not weights:
        return str(getattr(config, "_commit_hash", None) or spec.revision)
    digest = hashlib.sha256()
    for file in weights:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()
