"""What a snapshot remembers of the decisions before it, whatever comes after."""

import pytest

from blip2core.storage import Database
from blip2core.storage.batches import (
    NewBatch,
    count_threshold,
    decide_many,
    threshold_choices,
)
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.history import double_verdicts, rejections
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.storage.world import World, fill


@pytest.fixture
def world(database: Database) -> World:
    """Four items; item n has a web text 2n - 1 at 0.3 and a synthetic one 2n at 0.8."""
    return fill(database, items=4)


def decide(database: Database, caption: int, person: int = 1, **changes: object) -> None:
    settings: dict[str, object] = {
        "client_event_id": f"{caption} {person} {sorted(changes.items())}",
        "item_id": (caption + 1) // 2,
        "annotator_id": person,
        "action": "accept",
        "caption_id": caption,
    }
    with database.write() as session:
        record_decision(session, NewDecision(**settings | changes))


def freeze(database: Database, name: str = "v1") -> int:
    return create_snapshot(
        database, dataset_id=1, name=name, policy=SnapshotPolicy(), created_by=1
    ).id


def reasons(database: Database, snapshot: int) -> dict[str, int]:
    with database.read() as session:
        return rejections(session, snapshot_id=snapshot)


def both(database: Database, snapshot: int) -> list[tuple[bool, bool]]:
    with database.read() as session:
        return double_verdicts(session, snapshot_id=snapshot)


def test_why_texts_were_not_taken(database: Database, world: World) -> None:
    decide(database, 2)
    decide(database, 1, action="reject", reason="wrong count")
    decide(database, 3, action="reject", reason="wrong count")
    decide(database, 5, action="reject")
    decide(database, 6, action="edit", text="two birds")
    decide(database, 7, action="reject", reason="taken back")
    with database.write() as session:
        undo_last(session, annotator_id=1, client_event_id="undo")
    snapshot = freeze(database)
    expected = {
        "replaced by an edited text": 1,
        "rejected, no reason given": 1,
        "wrong count": 2,
    }
    assert reasons(database, snapshot) == expected
    decide(database, 8, action="reject", reason="too late")
    with database.write() as session:
        undo_last(session, annotator_id=1, client_event_id="undo 2")
        undo_last(session, annotator_id=1, client_event_id="undo 3")
    assert reasons(database, snapshot) == expected


def test_a_threshold_is_a_reason(database: Database, world: World) -> None:
    with database.write() as session:
        counts = count_threshold(session, dataset_id=1, threshold=0.5)
        decide_many(
            session,
            NewBatch(uid="t", dataset_id=1, annotator_id=1, kind="threshold"),
            choices=threshold_choices(session, dataset_id=1, threshold=0.5),
            expected=counts["accept"] + counts["reject"],
        )
    assert reasons(database, freeze(database)) == {"below the threshold of a batch": 4}


def test_what_two_people_judged_both(database: Database, world: World) -> None:
    decide(database, 1)
    decide(database, 1, world.bob)
    decide(database, 2)
    decide(database, 2, world.bob, action="reject")
    decide(database, 3, action="reject")
    decide(database, 3, world.bob, action="reject")
    decide(database, 4)  # one person only
    snapshot = freeze(database)
    assert both(database, snapshot) == [(True, True), (True, False), (False, False)]
    decide(database, 4, world.bob)
    decide(database, 2, world.bob, action="accept", client_event_id="changed her mind")
    assert both(database, snapshot) == [(True, True), (True, False), (False, False)]
    assert both(database, freeze(database, "v2")) == [
        (True, True),
        (True, True),
        (False, False),
        (True, True),
    ]


def test_nobody_looked_twice(database: Database, world: World) -> None:
    decide(database, 1)
    assert both(database, freeze(database)) == []
