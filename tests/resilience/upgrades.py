"""Rounds in which the upgrade of a database from the first tables is killed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, insert, inspect, select, text

from blip2core.errors import Blip2Error
from blip2core.storage import ImageStore, maintenance
from blip2core.storage.engine import WRITE, connect, parse_url
from blip2core.storage.schema import Annotator, Caption, Dataset, Image, Item, Run, Source
from tests.resilience.postgres_server import PostgresServer
from tests.resilience.studio import Studio

OLDEST = "0001"
ROWS = 400
"""Images, items and texts of the old database."""
TABLES = (Annotator, Dataset, Run, Image, Item, Source, Caption)


class OldStudios:
    """Makes databases as the first version left them, by copying one."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self._folder, self._server = folder, server
        folder.mkdir(parents=True)
        url = str(folder / "old.db") if server is None else server.new_url("template_old")
        self._template, self._number = url, 0
        maintenance.upgrade(parse_url(url), target=OLDEST)
        _fill(url)

    def new(self) -> Studio:
        """Return a database of the first version, with rows."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        first = ImageStore(folder / "images").path(_hash(0), format="PNG")
        first.parent.mkdir(parents=True)
        first.touch()  # by it the folder is known for that of the database
        if self._server is None:
            shutil.copy(self._template, folder / "studio.db")
            return Studio(url=str(folder / "studio.db"), folder=folder)
        name = f"old_{self._number}"
        return Studio(url=self._server.new_url(name, template="template_old"), folder=folder)

    def remove(self, studio: Studio) -> None:
        """Delete a database that `new` made."""
        shutil.rmtree(studio.folder)
        if self._server is not None:
            self._server.drop(studio.url)


def upgrade_and_tell(studio: Studio, pipe: int) -> None:
    """What is killed: open an old database, which brings it up to date, and say so."""
    os.write(pipe, b'{"state": "ready"}\n')
    told = {"state": "done", "operation": "upgrade", "key": "upgrade"}
    try:
        with closing(studio.open()):
            pass
    except Blip2Error as error:  # the server is away
        told |= {"state": "refused", "error": str(error)}
    os.write(pipe, json.dumps(told).encode() + b"\n")


def broken_upgrade(studio: Studio, *, acknowledged: bool) -> Iterator[str]:
    """Yield what is wrong after the kill, and after the next start."""
    revision, rows = _look(studio.url)
    newest = maintenance.upgrade(parse_url(studio.url))
    if revision not in (OLDEST, newest):
        yield f"half-done: the tables are those of revision {revision}"
    if acknowledged and revision != newest:
        yield f"lost: the upgrade was acknowledged, and the revision is {revision}"
    if rows != [1, 1, 1, *[ROWS] * 4]:
        yield f"lost: there are {rows} rows in the tables after the kill"
    if _look(studio.url)[1] != rows:
        yield f"lost: there are {_look(studio.url)[1]} rows after the next start"
    with closing(studio.open()) as database:
        yield from maintenance.check(database.engine).problems


def _look(url: str) -> tuple[str, list[int]]:
    """Return the revision and the number of rows in each of TABLES."""
    engine = connect(parse_url(url))
    try:
        with engine.connect() as connection:
            revision = connection.execute(text("SELECT version_num FROM alembic_version"))
            counts = [select(func.count()).select_from(table) for table in TABLES]
            names = inspect(connection).get_table_names()
            strange = [name for name in names if name.startswith("_alembic_tmp")]
            rows = [connection.execute(count).scalar_one() for count in counts]
            return revision.scalar_one() + "".join(strange), rows
    finally:
        engine.dispose()


def _hash(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _fill(url: str) -> None:
    engine = connect(parse_url(url))
    hashes = list(map(_hash, range(ROWS)))
    numbered = list(enumerate(hashes, start=1))
    bands = {f"band{band}": 0 for band in range(4)}
    image = {"phash": 0, "width": 4, "height": 3, "format": "PNG", "bytes": 9} | bands
    source = {"item_id": 1, "run_id": 1, "name": "a.png", "alt_text": ""}
    rows: dict[type, list[dict[str, object]]] = {
        Annotator: [{"handle": "ann"}],
        Dataset: [{"name": "web"}],
        Run: [{"uid": "1", "kind": "import", "dataset_id": 1, "code_version": "0.1"}],
        Image: [{"sha256": one, "pixel_sha256": one} | image for one in hashes],
        Item: [{"dataset_id": 1, "image_id": n, "shuffle": 0.5} for n, _ in numbered],
        Source: [source | {"item_id": n, "origin_key": one} for n, one in numbered],
        Caption: [
            {"item_id": n, "source": "web", "origin_key": "web:1", "text": one, "source_id": n}
            for n, one in numbered
        ],
    }
    try:
        with engine.execution_options(**{WRITE: True}).begin() as connection:
            for table, values in rows.items():
                connection.execute(insert(table), values)
    finally:
        engine.dispose()
