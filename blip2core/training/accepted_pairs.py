"""Accepted pairs as training data: the file of a split in an export, and its origin."""

import hashlib
import json
from pathlib import Path
from typing import Any

from blip2core.errors import DataError

MANIFEST = "manifest.json"


def find_split(source: str | Path, split: str) -> Path | None:
    """Return the file that names the pairs of a split, in an export as imagefolder or jsonl.

    None where it has no such split. DataError where the folder is not such an export, or not whole.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise DataError(f"There is no file or folder {folder}.")
    if folder.suffix == ".partial":
        raise DataError(f"{folder} was not written to its end: export it again.")
    files = [folder / split / "metadata.jsonl", folder / f"{split}.jsonl"]
    found = next((file for file in files if file.is_file()), None)
    if found is None and split == "train":
        raise DataError(
            f"{folder} has no train/metadata.jsonl and no train.jsonl: export the pairs as "
            "imagefolder or as jsonl."
        )
    return found


def training_file(source: str) -> Path:
    """Return the file to train on: of the training split where `source` is a folder."""
    if Path(source).expanduser().is_file():
        return Path(source).expanduser()
    found = find_split(source, "train")
    assert found is not None  # find_split raises where there is no training split
    return found


def validation_file(source: str, validation: str | None) -> Path | None:
    """Return the file to validate on: `validation`, or the validation split beside `source`, or
    none.
    """
    if validation is not None and Path(validation).expanduser().is_file():
        return Path(validation).expanduser()
    if validation is not None:
        return find_split(validation, "validation") or training_file(validation)
    is_file = Path(source).expanduser().is_file()
    return None if is_file else find_split(source, "validation")


def origin(source: str) -> dict[str, Any]:
    """Return what the manifest of an export says of its pairs;
    without one only the name is known.
    """
    file = Path(source).expanduser() / MANIFEST
    if not file.is_file():
        return {"source": Path(source).name}
    try:
        content = file.read_bytes()
        told = json.loads(content)
        names = ("dataset", "snapshot", "content_sha256")
        found = {name: told[name] for name in names}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file} is not the manifest of an export.") from error
    return found | {"manifest_sha256": hashlib.sha256(content).hexdigest()}
