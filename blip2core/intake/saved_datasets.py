"""Folders that `datasets` saved, or keeps in its cache: which split each of their tables is."""

import json
import re
from collections.abc import Container
from posixpath import basename, dirname, join

from blip2core.errors import IntakeError
from blip2core.intake.archives import Archive

SAVED_COMPANIONS = frozenset({"dataset_info.json", "dataset_dict.json", "state.json"})
"""Files beside the tables of a saved dataset."""
MAX_STATE = 10_000_000
"""Bytes of a state.json."""
OF_CACHE = re.compile(r".+-([A-Za-z_]\w*)(-\d{5}-of-\d{5})?\.arrow")
"""Name of a table in the cache: builder, split, and which part of several it is."""


def is_computed(table: str, names: Container[str]) -> bool:
    """Return whether a table of the cache was computed from those beside it, as by `map`."""
    is_cached = join(dirname(table), "dataset_info.json") in names
    return is_cached and basename(table).startswith("cache-") and table.endswith(".arrow")


def with_split(table: str, names: Container[str], archive: Archive) -> str:
    """Return the name of a table with its split as its last folder, where a saved dataset or the
    cache tells it: data-00000-of-00001.arrow -> train/data-00000-of-00001.arrow.
    """
    folder = dirname(table)
    if not table.endswith(".arrow") or join(folder, "dataset_info.json") not in names:
        return table
    cached = OF_CACHE.fullmatch(basename(table))
    split = cached[1] if cached else _saved_split(join(folder, "state.json"), archive)
    return table if split in ("", basename(folder)) else join(folder, split, basename(table))


def _saved_split(state: str, archive: Archive) -> str:
    try:
        found = json.loads(archive.file(state, MAX_STATE).read(MAX_STATE))["_split"]
    except (IntakeError, ValueError, RecursionError, LookupError, TypeError):
        return ""  # not there, or not as `datasets` writes it
    return found if isinstance(found, str) and re.fullmatch(r"[\w.-]{1,80}", found) else ""
