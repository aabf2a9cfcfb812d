"""All that a snapshot is made of and that may change: read in one state of the database, and kept
in a temporary file while the snapshot is computed from it.

The copy is quick and small. What takes long comes after it, while others go on deciding: with the
rollback journal of SQLite a reader keeps every writer from its commit.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, text
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.storage.database import Database
from blip2core.storage.database_errors import BUSY
from blip2core.storage.datasets import get_dataset
from blip2core.storage.schema import DecisionEvent, Image, Item, Score, Verdict

ROWS_AT_ONCE = 2_000
"""Rows that are read in one go."""
SETTLING_SECONDS = 1.5
"""How long decisions are held up at most while those under way come to their end (PostgreSQL)."""
SETTLING_TRIES = 20
SETTLING_PAUSE = 1.0
"""Seconds between two tries, in which decisions go on."""
TABLES = """
CREATE TABLE items (item_id INTEGER PRIMARY KEY, sha256 TEXT, pixels TEXT, is_open INTEGER);
CREATE TABLE verdicts (
    caption_id INTEGER, annotator_id INTEGER, item_id INTEGER, verdict TEXT, decision_id INTEGER
);
CREATE TABLE scores (caption_id INTEGER PRIMARY KEY, itm REAL, itc REAL);
"""
INDEXES = """
CREATE INDEX items_by_image ON items (sha256);
CREATE INDEX items_by_pixels ON items (pixels);
CREATE INDEX verdicts_by_item ON verdicts (item_id, verdict);
"""


@dataclass(frozen=True, slots=True)
class StateVerdict:
    """What one annotator says of one text, and of which image it is."""

    sha256: str
    pixels: str
    item_id: int
    caption_id: int
    annotator_id: int
    verdict: str
    decision_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetState:
    """A dataset as it was after one decision."""

    dataset_id: int
    last_decision_id: int
    """The newest decision that was made; 0 where there is none."""
    guidelines: str
    itm_scorer_id: int | None
    file: sqlite3.Connection

    def accepted_images(self, after: str, *, limit: int) -> list[str]:
        """Return the next images of which a text is accepted, in the order of their hashes. Images
        that were taken down, or whose items are excluded, are not among them.
        """
        query = (
            "SELECT sha256 FROM items WHERE sha256 > ? AND is_open AND EXISTS (SELECT 1 FROM"
            " verdicts WHERE verdicts.item_id = items.item_id AND verdict = 'accept')"
            " ORDER BY sha256 LIMIT ?"
        )
        return [row[0] for row in self.file.execute(query, (after, limit))]

    def verdicts_of(self, images: Sequence[str]) -> list[StateVerdict]:
        """Return the verdicts on these images, and on every file with the same pixels."""
        query = (
            "SELECT sha256, pixels, item_id, caption_id, annotator_id, verdict, decision_id"
            " FROM items JOIN verdicts USING (item_id) WHERE pixels IN"
            " (SELECT pixels FROM items WHERE sha256 IN (SELECT value FROM json_each(?)))"
        )
        return [StateVerdict(*row) for row in self.file.execute(query, (json.dumps(images),))]

    def scores_of(self, caption_ids: Iterable[int]) -> dict[int, tuple[float | None, float | None]]:
        """Return text -> its ITM and ITC score by the scorers that the dataset showed."""
        query = "SELECT * FROM scores WHERE caption_id IN (SELECT value FROM json_each(?))"
        rows = self.file.execute(query, (json.dumps(list(caption_ids)),))
        return {number: (itm, itc) for number, itm, itc in rows}


@contextmanager
def read_state(database: Database, *, dataset_id: int) -> Iterator[DatasetState]:
    """Read a dataset as it is after the newest decision on it; the copy is gone after the block.

    A decision with a higher number is not in it, and every one with a lower number that was, or
    will be, committed is. Raises StorageError where there is no such dataset, no temporary file can
    be made, or other decisions never come to an end.
    """
    with closing(_new_file()) as file:
        with _settled(database) as session:
            state = _copy(session, file, dataset_id)
        file.executescript(INDEXES)
        yield state


def _new_file() -> sqlite3.Connection:
    """Open a temporary database on disk: private, and gone when it is closed."""
    try:
        file = sqlite3.connect("", isolation_level=None)
        file.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES)
    except sqlite3.Error as error:
        raise StorageError(
            f"A snapshot needs a temporary file, and none can be made ({error}); set TMPDIR to a "
            "folder that can be written."
        ) from error
    return file


@contextmanager
def _settled(database: Database) -> Iterator[Session]:
    """Open a session in whose state no decision is missing that has a lower number than another.

    PostgreSQL gives numbers before the commit, so that a lower one may be committed after a higher
    one. For the moment in which the state is chosen, the table of decisions is therefore locked
    against writing: none is under way then. SQLite has one writer.
    """
    for left in reversed(range(SETTLING_TRIES)):
        with ExitStack() as stack:
            session = stack.enter_context(database.read())
            try:
                if database.engine.dialect.name == "postgresql":
                    _choose_state(database, session)
            except StorageError as error:
                if not left or str(error) != BUSY:
                    raise
            else:
                yield session
                return
        time.sleep(SETTLING_PAUSE)


def _choose_state(database: Database, session: Session) -> None:
    with database.write() as barrier:
        barrier.execute(text(f"SET LOCAL lock_timeout = '{SETTLING_SECONDS}s'"))
        barrier.execute(text("LOCK TABLE decisions IN SHARE MODE"))
        session.scalar(select(func.max(DecisionEvent.id)))  # the first query fixes what is seen


def _copy(session: Session, file: sqlite3.Connection, dataset_id: int) -> DatasetState:
    dataset = get_dataset(session, dataset_id=dataset_id)
    of_dataset = Item.dataset_id == dataset_id
    last = select(func.max(DecisionEvent.id)).join(Item, Item.id == DecisionEvent.item_id)
    columns = (Verdict.caption_id, Verdict.annotator_id, Verdict.item_id)
    verdicts = select(*columns, Verdict.verdict, Verdict.decision_id).join(
        Item, Item.id == Verdict.item_id
    )
    is_open = and_(Item.status != "excluded", Image.state == "ok")
    judged = select(Verdict.caption_id).where(Verdict.item_id == Item.id).exists()
    items = select(Item.id, Image.sha256, Image.pixel_sha256, is_open).join(
        Image, Image.id == Item.image_id
    )
    file.execute("BEGIN")
    _insert(session, file, "verdicts", verdicts.where(of_dataset))
    _insert(session, file, "items", items.where(of_dataset, judged))
    _insert(
        session, file, "scores", _scores(dataset_id, dataset.itm_scorer_id, dataset.itc_scorer_id)
    )
    file.execute("COMMIT")
    return DatasetState(
        dataset_id=dataset_id,
        last_decision_id=session.scalar(last.where(of_dataset)) or 0,
        guidelines=dataset.guidelines,
        itm_scorer_id=dataset.itm_scorer_id,
        file=file,
    )


def _scores(dataset_id: int, itm: int | None, itc: int | None) -> Select[*tuple[Any, ...]]:
    """Select (text, ITM, ITC) of the accepted texts that have a score."""
    value = Score.value
    of_scorer = [func.max(value).filter(Score.scorer_id == number) for number in (itm, itc)]
    return (
        select(Score.caption_id, *of_scorer)
        .join(Verdict, Verdict.caption_id == Score.caption_id)
        .join(Item, Item.id == Verdict.item_id)
        .where(Item.dataset_id == dataset_id, Verdict.verdict == "accept")
        .where(or_(Score.scorer_id == itm, Score.scorer_id == itc))
        .group_by(Score.caption_id)
    )


def _insert(
    session: Session, file: sqlite3.Connection, table: str, query: Select[*tuple[Any, ...]]
) -> None:
    rows = session.execute(query.execution_options(yield_per=ROWS_AT_ONCE))
    for part in rows.partitions():
        marks = ",".join("?" * len(part[0]))
        file.executemany(
            f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
            [tuple(row) for row in part],
        )
