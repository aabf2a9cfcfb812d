"""What both databases refuse, by which constraint, and that they are what the tables say."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, insert, inspect, text
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.storage import Database, schema
from blip2core.storage.columns import Base
from blip2core.storage.migrations.comparing import is_ours
from tests.storage.world import fill

Row = dict[str, object]
SCORE: Row = {"caption_id": 3, "scorer_id": 1, "run_id": 1, "tokens": 3, "truncated": False}
CAPTION: Row = {"item_id": 1, "source": "synthetic", "origin_key": "k", "text": "a", "run_id": 1}
DECISION: Row = {"item_id": 1, "annotator_id": 1, "client_event_id": "a", "action": "accept"}
IMAGE: Row = {
    "sha256": "a" * 64,
    "pixel_sha256": "a" * 64,
    "phash": 0,
    **{f"band{band}": 0 for band in range(4)},
    "width": 1,
    "height": 1,
    "format": "PNG",
    "bytes": 1,
}
RUN: Row = {"uid": "u", "kind": "import", "code_version": "1"}
EXPORT: Row = {"uid": "u", "snapshot_id": 1, "format": "jsonl"}


def add(table: type[Base], row: Row, **changes: object) -> Callable[[Session], object]:
    return lambda session: session.execute(insert(table), [row | changes])


def run(sql: str) -> Callable[[Session], object]:
    return lambda session: session.execute(text(sql))


NONSENSE = {
    "the same event twice": (
        add(schema.DecisionEvent, DECISION, action="skip", client_event_id="first"),
        "client_event_id",
    ),
    "a second score by one scorer": (
        add(schema.Score, SCORE, caption_id=1, value=0.5),
        "caption_id",
    ),
    "a score that is no number": (add(schema.Score, SCORE, value=float("nan")), "value"),
    "a score above 1": (add(schema.Score, SCORE, value=1.5), "value_range"),
    "a synthetic text without a run": (add(schema.Caption, CAPTION, run_id=None), "origin"),
    "a web text by an annotator": (
        add(schema.Caption, CAPTION, source="web", run_id=None, author_id=1),
        "origin",
    ),
    "a captioning run without a revision": (
        add(schema.Run, RUN, kind="caption", model="m"),
        "model_pinned",
    ),
    "a text of no item": (add(schema.Caption, CAPTION, item_id=99), "foreign key"),
    "deleting who has decided": (run("DELETE FROM annotators WHERE id = 1"), "foreign key"),
    "deleting a scored text": (run("DELETE FROM captions WHERE id = 1"), "captions only grow"),
    "changing a text": (run("UPDATE captions SET text = 'b'"), "captions only grow"),
    "changing a decision": (run("UPDATE decisions SET action = 'skip'"), "decisions only grow"),
    "deleting a decision": (run("DELETE FROM decisions"), "decisions only grow"),
    "changing a score": (run("UPDATE scores SET value = 0.1"), "scores only grow"),
    "a time without a zone": (
        add(schema.Caption, CAPTION, created_at=datetime(2026, 1, 1)),
        "time zone",
    ),
    "an empty text": (add(schema.Caption, CAPTION, text=""), "text_length"),
    "undoing one event twice": (
        add(schema.DecisionEvent, DECISION, action="undo", supersedes_id=1),
        "supersedes_id",
    ),
    "an undo of nothing": (add(schema.DecisionEvent, DECISION, action="undo"), "undo_target"),
    "an edit without its text": (
        add(schema.DecisionEvent, DECISION, action="edit", caption_id=1),
        "edit_result",
    ),
    "accepting no text": (add(schema.DecisionEvent, DECISION), "verdict_caption"),
    "accepting a text of another item": (
        add(schema.DecisionEvent, DECISION, caption_id=3),
        "foreign key",
    ),
    "an action there is not": (
        add(schema.DecisionEvent, DECISION, action="love", caption_id=1),
        "action",
    ),
    "a complete export without a manifest": (
        add(schema.Export, EXPORT, status="complete"),
        "complete",
    ),
    "SVG": (add(schema.Image, IMAGE, format="SVG"), "format"),
    "a short hash": (add(schema.Image, IMAGE, sha256="abc"), "sha256_length"),
    "a flat image": (add(schema.Image, IMAGE, height=0), "size"),
    "a threshold above 1": (run("UPDATE datasets SET threshold = 1.5"), "threshold_range"),
    "an overlap of nobody": (run("UPDATE datasets SET overlap = 0"), "overlap_positive"),
    "an image that is like itself": (
        add(schema.DuplicatePair, {"first_id": 1, "second_id": 1, "distance": 0}),
        "ordered",
    ),
}


SENSE = [
    add(schema.Caption, CAPTION),
    add(schema.Score, SCORE | {"caption_id": 5}, value=1.0),
    add(schema.DecisionEvent, DECISION, caption_id=1),
    add(schema.Export, EXPORT),
    add(schema.Image, IMAGE),
    add(schema.Run, RUN, kind="caption", model="m", revision="r"),
]


@pytest.fixture
def filled(database: Database) -> Database:
    """Two items, one decision that was undone, one snapshot."""
    fill(database, items=2)
    with database.write() as session:
        first = DECISION | {"client_event_id": "first", "caption_id": 1}
        session.execute(insert(schema.DecisionEvent), [first])
        undo = DECISION | {"client_event_id": "undo", "action": "undo", "supersedes_id": 1}
        session.execute(insert(schema.DecisionEvent), [undo])
        snapshot = {
            "dataset_id": 1,
            "name": "one",
            "policy": {},
            "last_decision_id": 0,
            "content_sha256": hashlib.sha256().hexdigest(),
            "pairs": 0,
            "created_by": 1,
        }
        session.execute(insert(schema.Snapshot), [snapshot])
    return database


def test_nonsense_is_refused_by_its_constraint(filled: Database, subtests: pytest.Subtests) -> None:
    for what, (attempt, constraint) in NONSENSE.items():
        with subtests.test(what):
            with pytest.raises(StorageError) as refused, filled.write() as session:
                attempt(session)
            assert constraint in str(refused.value).lower()


def test_sense_is_taken(filled: Database, subtests: pytest.Subtests) -> None:
    """The rows above are refused for the one thing that is wrong with them."""
    for number, attempt in enumerate(SENSE):
        with subtests.test(number), filled.write() as session:
            attempt(session)


def test_migrations_give_the_tables_of_the_schema(database: Database) -> None:
    with database.engine.connect() as connection:
        options = {"include_object": is_ours, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_migrations_give_the_constraints_of_the_schema(database: Database) -> None:
    """Alembic does not compare these."""
    inspector = inspect(database.engine)
    for table in Base.metadata.sorted_tables:
        wanted = {one.name for one in table.constraints if isinstance(one, CheckConstraint)}
        found = {one["name"] for one in inspector.get_check_constraints(table.name)}
        assert found == wanted, table.name
