"""Whether the weights of a checkpoint folder are whole, without reading them. No torch here."""

import json
from pathlib import Path

from blip2core.errors import ModelError
from blip2core.models.specs import ModelSpec

_INDEX = "model.safetensors.index.json"
_LONGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library."""


def weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers reads: one, or the parts that an index names.

    Raises OSError, ValueError or KeyError where the index cannot be read.
    """
    index = folder / _INDEX
    if index.is_file():
        parts = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return [folder / part for part in sorted(set(parts))]
    return [folder / "model.safetensors"]


def check_weights(spec: ModelSpec) -> None:
    """Raise ModelError where files of a checkpoint folder are missing or cut short.

    Of a model of the Hub there is nothing to see: its files may come when they are asked for.
    """
    folder = spec.checkpoint
    if not isinstance(folder, Path):
        return
    hint = (
        "Put the repository's files there again."
        if spec.is_embedded
        else ("Copy the checkpoint again.")
    )
    try:
        if not (folder / "config.json").is_file():
            raise ModelError(f"There is no config.json in {folder}, of {spec.name}. {hint}")
        for file in weight_files(folder):
            problem = _problem(file)
            if problem:
                raise ModelError(f"{file} {problem}. {hint}")
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"The files of {spec.name} in {folder} cannot be read. {hint}") from error


def _problem(file: Path) -> str:
    """Return what is wrong with a file of safetensors; empty where its parts are all there.

    Its format: the length of the header in eight bytes, the header as JSON, and the tensors, whose
    places in the rest of the file the header names.
    """
    if not file.is_file():
        return "is missing"
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(size - 8, _LONGEST_HEADER):
            return "is damaged, or no safetensors file"
        header = json.loads(stream.read(length))
    ends = [value["data_offsets"][1] for name, value in header.items() if name != "__metadata__"]
    expected = 8 + length + max(ends, default=0)
    return "" if size == expected else f"has {size:,} bytes in place of {expected:,}"
