"""A snapshot is one state, whoever decides meanwhile; nobody waits for it, and half of one is
shown to nobody.
"""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, insert, select, text

from blip2core.errors import StorageError
from blip2core.storage import Database, engine, freezing, snapshot_selection, snapshot_state
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.freezing import (
    create_snapshot,
    drop_unfinished_snapshots,
    freeze_snapshot,
)
from blip2core.storage.items import purge_image
from blip2core.storage.schema import DecisionEvent, Image, Item, Snapshot, SnapshotPair
from blip2core.storage.snapshot_selection import SnapshotPolicy
from blip2core.storage.snapshots import list_snapshots, named_snapshot, snapshot_pairs
from tests.storage.world import World, fill

ITEMS = 6
PATIENCE = 30.0


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    """The first text of each of six items accepted by ann; one image a page, two pairs a unit."""
    monkeypatch.setattr(snapshot_selection, "IMAGES_PER_PAGE", 1)
    monkeypatch.setattr(freezing, "PAIRS_PER_UNIT", 2)
    made = fill(database, items=ITEMS)
    for item in range(1, ITEMS + 1):
        decide(database, item, made.ann)
    return made


def decide(database: Database, item: int, annotator: int, action: str = "accept") -> int:
    """Decide the first text of an item -> the number of the decision."""
    with database.write() as session:
        new = NewDecision(
            client_event_id=f"{item} {annotator} {action}",
            item_id=item,
            annotator_id=annotator,
            action=action,
            caption_id=2 * item - 1,
        )
        return record_decision(session, new).decision_id


def freeze(database: Database, name: str = "one") -> Snapshot:
    return create_snapshot(database, dataset_id=1, name=name, policy=SnapshotPolicy(), created_by=1)


def freeze_unnamed(database: Database) -> Snapshot:
    return freeze_snapshot(database, dataset_id=1, policy=SnapshotPolicy(), created_by=1)


def items_of(database: Database, snapshot: Snapshot) -> set[int]:
    return {pair.item_id for pair in snapshot_pairs(database, snapshot_id=snapshot.id)}


def items_by_hash(database: Database) -> list[int]:
    """Items in the order in which they are looked at."""
    with database.read() as session:
        query = select(Item.id).join(Image, Image.id == Item.image_id).order_by(Image.sha256)
        return list(session.scalars(query))


def rows(database: Database) -> tuple[int, int]:
    """Snapshots and pairs in the tables."""
    with database.read() as session:
        counted = [
            session.scalar(select(func.count()).select_from(one))
            for one in (Snapshot, SnapshotPair)
        ]
    return counted[0], counted[1]


def once_before(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, act: Callable[[], object]
) -> None:
    """Let `act` happen before the second call of a function: in the middle of a snapshot."""
    real, calls = getattr(module, name), []

    def wrapped(*given: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            act()
        return real(*given, **named)

    monkeypatch.setattr(module, name, wrapped)


@pytest.mark.parametrize(
    ("module", "name"), [(snapshot_selection, "_captions"), (freezing, "_store")]
)
def test_what_is_decided_in_the_middle_is_in_none_of_it(
    database: Database,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
) -> None:
    """Neither of the first images, that were looked at, nor of the last: nobody waits either."""
    first, *_, last = items_by_hash(database)
    before = freeze(database, "before")
    made = []

    def act() -> None:
        made.append(decide(database, first, world.bob, "reject"))
        made.append(decide(database, last, world.bob, "reject"))

    with monkeypatch.context() as patched:
        once_before(patched, module, name, act)
        snapshot = freeze(database)
    assert len(made) == 2
    assert items_of(database, snapshot) == set(range(1, ITEMS + 1))
    assert snapshot.content_sha256 == before.content_sha256
    assert before.last_decision_id == snapshot.last_decision_id == min(made) - 1
    after = freeze(database, "after")
    assert items_of(database, after) == set(range(1, ITEMS + 1)) - {first, last}
    assert after.last_decision_id == max(made)


def test_half_a_snapshot_is_shown_to_nobody(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look() -> None:
        with database.read() as session:
            seen.append(list_snapshots(session, dataset_id=1))
            seen.append(session.scalar(select(func.count()).select_from(SnapshotPair)))
            for unfinished in session.scalars(select(Snapshot.name)).all():
                assert named_snapshot(session, name=unfinished) is None

    once_before(monkeypatch, freezing, "_store", look)
    freeze(database)
    assert seen == [[], 2]
    with database.read() as session:
        assert [one.snapshot.name for one in list_snapshots(session, dataset_id=1)] == ["one"]


def test_what_a_dead_process_left_is_removed_and_keeps_no_name(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise StorageError("The process is gone.")

    with monkeypatch.context() as patched:
        once_before(patched, freezing, "_store", die)
        patched.setattr(freezing, "_drop", die)
        with pytest.raises(StorageError, match="gone"):
            freeze(database)
    assert rows(database) == (1, 2)
    assert freeze(database).name == "one"  # young: another process may be writing it
    assert rows(database) == (2, 2 + ITEMS)
    assert drop_unfinished_snapshots(database, stale_after=0) == 1
    assert rows(database) == (1, ITEMS)
    assert drop_unfinished_snapshots(database, stale_after=0) == 0
    with pytest.raises(StorageError, match="only grow"), database.write() as session:
        session.execute(text("DELETE FROM snapshot_pairs"))


def test_a_snapshot_that_was_taken_for_that_of_a_dead_process_is_not_completed(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first pairs are gone already: half of it must not get a name."""

    def lose() -> None:
        with database.write() as session:
            session.execute(text("DELETE FROM snapshot_pairs"))

    once_before(monkeypatch, freezing, "_store", lose)
    with pytest.raises(StorageError, match="dead one; freeze it again"):
        freeze(database)
    assert rows(database) == (0, 0)


def test_a_snapshot_that_fails_leaves_nothing(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    once_before(monkeypatch, freezing, "_store", fail)
    with pytest.raises(KeyboardInterrupt):
        freeze(database)
    assert rows(database) == (0, 0)


def test_of_two_at_once_one_gets_the_name(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(monkeypatch, freezing, "_store", lambda: freeze(database))
    with pytest.raises(StorageError, match="There is a snapshot one already"):
        freeze(database)
    assert rows(database) == (1, ITEMS)


def test_two_at_once_without_a_name_are_one(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = []
    once_before(monkeypatch, freezing, "_store", lambda: inner.append(freeze_unnamed(database)))
    assert freeze_unnamed(database).id == inner[0].id
    assert rows(database) == (1, ITEMS)


def test_the_same_again_writes_nothing(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = freeze_unnamed(database)
    monkeypatch.setattr(freezing, "_begin", None)
    assert freeze_unnamed(database).id == first.id


def test_an_image_taken_down_in_the_middle_is_not_exported(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had been taken down after the snapshot."""
    with database.read() as session:
        sha256 = session.get_one(Image, 1).sha256

    def take_down() -> None:
        with database.write() as session:
            purge_image(session, sha256=sha256)

    whole = freeze(database, "before")
    once_before(monkeypatch, freezing, "_store", take_down)
    snapshot = freeze(database)
    assert (snapshot.pairs, snapshot.content_sha256) == (ITEMS, whole.content_sha256)
    assert items_of(database, snapshot) == set(range(2, ITEMS + 1))


def test_a_verdict_does_not_wait_for_pairs_that_are_being_stored(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.is_alone:
        pytest.skip("SQLite has one writer; its units are short")
    frozen = freeze(database)
    with database.read() as session:
        columns = SnapshotPair.__table__.columns
        copies = [dict(row._mapping) for row in session.execute(select(*columns))]
    monkeypatch.setattr(engine, "BUSY_SECONDS", 1)
    with pytest.raises(ZeroDivisionError), database.write() as session:
        other = {**freezing_row(frozen), "name": "two"}
        number = session.scalar(insert(Snapshot).values(**other).returning(Snapshot.id))
        session.execute(insert(SnapshotPair), [row | {"snapshot_id": number} for row in copies])
        for item in range(1, ITEMS + 1):
            decide(database, item, world.bob)  # by another connection
        raise ZeroDivisionError


def freezing_row(snapshot: Snapshot) -> dict[str, object]:
    names = ("dataset_id", "policy", "last_decision_id", "content_sha256", "pairs", "created_by")
    return {name: getattr(snapshot, name) for name in names}


def test_a_decision_under_way_with_a_lower_number_is_waited_for(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL gave it its number first, and commits it last."""
    if database.is_alone:
        pytest.skip("SQLite numbers decisions in the order of their commits")
    monkeypatch.setattr(snapshot_state, "SETTLING_SECONDS", 0.2)
    monkeypatch.setattr(snapshot_state, "SETTLING_PAUSE", 0.2)
    numbered, commit, frozen = threading.Event(), threading.Event(), []

    def decide_slowly() -> None:
        with database.write() as session:
            new = NewDecision(
                client_event_id="slow",
                item_id=1,
                annotator_id=world.bob,
                action="reject",
                caption_id=1,
            )
            record_decision(session, new)
            numbered.set()
            commit.wait(PATIENCE)

    slow = threading.Thread(target=decide_slowly)
    slow.start()
    assert numbered.wait(PATIENCE)
    quick = decide(database, 2, world.bob, "reject")  # a higher number, committed first
    freezer = threading.Thread(target=lambda: frozen.append(freeze(database)))
    freezer.start()
    freezer.join(1.0)
    assert not frozen
    later = decide(database, 3, world.bob, "reject")  # those who wait keep nobody waiting for long
    commit.set()
    slow.join()
    freezer.join(PATIENCE)
    [snapshot] = frozen
    assert snapshot.last_decision_id == later > quick
    assert items_of(database, snapshot) == set(range(4, ITEMS + 1))
    with database.read() as session:
        numbers = session.scalars(select(DecisionEvent.id).order_by(DecisionEvent.id)).all()
    assert numbers == list(range(1, later + 1))


def test_a_decision_that_never_ends_is_not_waited_for(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.is_alone:
        pytest.skip("SQLite numbers decisions in the order of their commits")
    monkeypatch.setattr(snapshot_state, "SETTLING_SECONDS", 0.1)
    monkeypatch.setattr(snapshot_state, "SETTLING_PAUSE", 0.0)
    monkeypatch.setattr(snapshot_state, "SETTLING_TRIES", 2)
    with pytest.raises(ZeroDivisionError), database.write() as session:
        new = NewDecision(client_event_id="slow", item_id=1, annotator_id=world.bob, action="skip")
        record_decision(session, new)
        with pytest.raises(StorageError, match="busy"):
            freeze(database)
        raise ZeroDivisionError
    assert rows(database) == (0, 0)
