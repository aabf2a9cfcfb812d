"""What the commands of the curator share: the database, names in it, rules, safe lines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from blip2core.cli.config_files import read_config
from blip2core.config import BLIP2_RANKING, FilterConfig
from blip2core.errors import ConfigError

if TYPE_CHECKING:
    from blip2core.storage import Database

RULES = {"paper": FilterConfig(), "blip2": BLIP2_RANKING}
"""Rules that have a name: ITM of at least 0.5, and the best two by ITC."""


@contextmanager
def opened(url: str | None, *, owner: bool = True) -> "Iterator[Database]":
    """The curator's database for the length of a command."""
    from blip2core.storage import open_database

    database = open_database(url, owner=owner)
    try:
        yield database
    finally:
        database.close()


def dataset_number(database: "Database", name: str) -> int:
    """The number of a dataset. StorageError names those there are."""
    from blip2core.storage.datasets import find_dataset

    with database.read() as session:
        return find_dataset(session, name=name).id


def annotator_number(database: "Database", handle: str) -> int:
    """The number of a person, new where there is none of this name."""
    from blip2core.storage.people import get_or_create_annotator

    with database.write() as session:
        return get_or_create_annotator(session, handle=handle).id


def rules_named(
    database: "Database", dataset_id: int, name: str | None, threshold: float | None
) -> FilterConfig:
    """The rules that are named, else those of the dataset; with another threshold."""
    from blip2core.curation import rules_of
    from blip2core.storage.datasets import get_dataset

    if name is None:
        with database.read() as session:
            chosen = rules_of(get_dataset(session, dataset_id=dataset_id))
    elif name in RULES:
        chosen = RULES[name]
    elif Path(name).is_file():
        chosen = read_config(Path(name), FilterConfig)
    else:
        raise ConfigError(f"rules ({name}) must be {', '.join(RULES)}, or a file")
    return chosen if threshold is None else replace(chosen, threshold=threshold)


def shown(text: str) -> str:
    """A text of somebody else's on one line of a terminal."""
    from blip2core.intake import safe_name

    return safe_name(text)
