"""Files beside images that mean nothing here: by their names those that only systems write, all
others by what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from posixpath import dirname, join
from typing import Any

from blip2core.errors import IntakeError
from blip2core.file_names import base_name
from blip2core.formats.annotated import is_row
from blip2core.formats.files import INTAKE_SUFFIXES
from blip2core.formats.label_studio import INTERFACE_NAME
from blip2core.formats.split_files import LEFT_OUT, is_left_out
from blip2core.intake.archives import Archive
from blip2core.intake.saved_datasets import SAVED_COMPANIONS

OF_SYSTEMS = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
OF_MACOS = "__macosx"
"""Folder of a zip archive with what macOS keeps beside each file, under its name after "._"."""
MANIFEST = "manifest.json"
BESIDE_MANIFEST = frozenset({MANIFEST, "README.md", "SHA256SUMS", INTERFACE_NAME, LEFT_OUT})
"""What an export of this program writes about itself."""
MAX_MANIFEST = 1_000_000
"""Bytes of a manifest of this program."""
OF_STATISTICS = ("count", "successes", "failed_to_download")
"""Fields of the NAME_stats.json of img2dataset."""
OF_BOXES = frozenset({"bbox", "segmentation", "keypoints", "category_id", "segments_info"})


def is_of_system(name: str) -> bool:
    """Return whether only an operating system, or a lock on files, writes a file of this name."""
    *folders, base = name.lower().split("/")
    is_own = base in OF_SYSTEMS or base.startswith("._") or base.endswith(".lock")
    return is_own or OF_MACOS in folders


def export_companions(names: Iterable[str], archive: Archive) -> frozenset[str]:
    """Return what exports of this program wrote about themselves, beside their manifests."""
    names = set(names)
    found = {name for name in names if base_name(name) == LEFT_OUT and _is_left_out(archive, name)}
    for name in names:
        if base_name(name) == MANIFEST and is_manifest(_json(archive, name)):
            found |= {join(dirname(name), one) for one in BESIDE_MANIFEST} & names
    return frozenset(found)


def is_manifest(document: Any) -> bool:
    """Return whether a JSON document is the manifest of an export of this program."""
    return is_row(document, "tool", "content_sha256", "counts")


def is_companion(name: str, document: Any) -> bool:
    """Return whether a JSON document of no known format says nothing about single images: the
    statistics of img2dataset, or what `datasets` writes beside its tables.
    """
    return base_name(name) in SAVED_COMPANIONS or is_row(document, *OF_STATISTICS)


def what_it_is(document: Any) -> str | None:
    """Return what a JSON document without texts about images is, as the end of a sentence; None
    where that is not known.
    """
    rows = document.get("annotations") if isinstance(document, Mapping) else document
    if not isinstance(rows, list) or not rows:
        return None
    if isinstance(rows[0], Mapping) and not OF_BOXES.isdisjoint(rows[0]):
        return "it has boxes or outlines of objects, and no captions"
    if all(isinstance(row, str) for row in rows):
        return "it is a list of words that belong to no image"
    return None


def is_list_of_names(content: str) -> bool:
    """Return whether a text has nothing but names of images and numbers, as the lists of a split
    and the judgements of Flickr8k have.
    """
    words = content.split()
    names = [
        word for word in words if word.partition("#")[0].lower().endswith(tuple(INTAKE_SUFFIXES))
    ]
    return bool(names) and all(map(_is_number, set(words).difference(names)))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_left_out(archive: Archive, name: str) -> bool:
    """Return whether a file names the texts that an export left out."""
    try:
        first = json.loads(archive.head(name, 400).partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and is_left_out(name, first)


def _json(archive: Archive, name: str) -> Any:
    try:
        return json.loads(archive.file(name, MAX_MANIFEST).read(MAX_MANIFEST))
    except (IntakeError, ValueError, RecursionError):
        return None
