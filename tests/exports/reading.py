"""Exports read back as their users read them."""

import gc
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blip2core.records import ExportPair


def of_split(pairs: list[ExportPair], split: str) -> list[ExportPair]:
    """The pairs of a split, in order."""
    return [pair for pair in pairs if pair.split == split]


def texts_of(pairs: list[ExportPair]) -> list[str]:
    return [pair.text for pair in pairs]


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def load(path: str, cache: Path, **settings: Any) -> Any:
    """`datasets.load_dataset` without a bar or a shared cache."""
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(path, cache_dir=str(cache), **settings)


@contextmanager
def left_open() -> Iterator[None]:
    """The libraries read here leave files to the garbage collector, which is called at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()
