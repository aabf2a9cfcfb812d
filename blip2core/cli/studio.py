"""What the commands of the curator share: the database, names in it, rules, safe lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from blip2core.cli.config_files import read_config
from blip2core.config import BLIP2_RANKING, FilterConfig
from blip2core.errors import ConfigError, StorageError
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.curation import Preview
    from blip2core.storage import Database

NAMED_RULES = {"paper": FilterConfig(), "blip2": BLIP2_RANKING}
"""Rules that have a name: ITM of at least 0.5, and the best two by ITC."""


@contextmanager
def opened(url: str | None, *, owner: bool = True) -> "Iterator[Database]":
    """Open the curator's database, and close it when the block ends."""
    from blip2core.storage import open_database

    database = open_database(url, owner=owner)
    try:
        yield database
    finally:
        database.close()


def dataset_number(database: "Database", name: str) -> int:
    """Return the number of a dataset. Raises StorageError, which names those there are."""
    from blip2core.storage.datasets import find_dataset

    with database.read() as session:
        return find_dataset(session, name=name).id


def annotator_number(database: "Database", handle: str) -> int:
    """Return the number of a person, new where there is none of this name."""
    from blip2core.storage.people import get_or_create_annotator

    with database.write() as session:
        return get_or_create_annotator(session, handle=handle).id


def rules_named(
    database: "Database",
    dataset: str,
    name: str | None,
    threshold: float | None,
    *,
    may_be_new: bool = False,
) -> FilterConfig:
    """Return the rules that are named, else those of the dataset; with another threshold.

    StorageError where there is no such dataset, unless it `may_be_new`, with the usual rules.
    """
    from blip2core.curation import rules_of
    from blip2core.storage.datasets import find_dataset

    with database.read() as session:
        try:
            chosen = rules_of(find_dataset(session, name=dataset))
        except StorageError:
            if not may_be_new:
                raise
            chosen = FilterConfig()
    if name in NAMED_RULES:
        chosen = NAMED_RULES[name]
    elif name is not None:
        if not Path(name).is_file():
            raise ConfigError(f"rules ({name}) must be {', '.join(NAMED_RULES)}, or a file")
        chosen = read_config(Path(name), FilterConfig)
    return chosen if threshold is None else replace(chosen, threshold=threshold)


def doubted_in_words(seen: "Preview") -> str:
    """Return how many images are left to people since nothing is known of them, for the end of a
    line; "" where there are none.
    """
    images = count_of(seen.items_doubted, "image")
    return f"; {images} in doubt left to people" if seen.items_doubted else ""


def shown(text: str) -> str:
    """Return a text from outside in a form that is safe on one line of a terminal."""
    from blip2core.intake import safe_name

    return safe_name(text)
