"""Identities of a model's exact weights and image preparation, so that results are repeatable."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch

from blip2core.models.specs import ModelSpec
from blip2core.models.transformers_internals import commit_of
from blip2core.models.vision import VisionEncoder
from blip2core.models.weight_files import weight_files


class LoadedModel(Protocol):
    """What a generator and a matcher have in common."""

    spec: ModelSpec
    model: Any
    """The model of transformers."""
    vision: VisionEncoder

    @property
    def dtype(self) -> torch.dtype:
        """Number type of the computation."""


def revision_of(model: LoadedModel) -> str:
    """Return the commit of the weights on the Hub.

    For a local folder it is the SHA-256 of its weight file, in hexadecimal digits.
    """
    checkpoint = model.spec.checkpoint
    if isinstance(checkpoint, Path):
        return _weights_hash(*(_version(file) for file in weight_files(checkpoint)))
    return commit_of(model.model) or model.spec.revision


def dtype_of(model: LoadedModel) -> str:
    """Return the number type of the computation, such as "float32"."""
    return str(model.dtype).removeprefix("torch.")


def preprocessing_hash(model: LoadedModel) -> str:
    """Return the SHA-256 of the settings that turn an image into the encoder's input."""
    settings = model.vision.image_processor.to_dict()
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def _version(file: Path) -> tuple[Path, int, int]:
    found = file.stat()
    return file, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=8)
def _weights_hash(*versions: tuple[Path, int, int]) -> str:
    """Return the SHA-256 of one file, or of the joined hashes of several.

    A file is read again when its size or modification time changes.
    """
    hashes = []
    for path, _, _ in versions:
        with path.open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
