"""What was said of a text is stored with it, also where an import says it later, but no snapshot
is another for that.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from blip2core.errors import StorageError
from blip2core.records import ExportPair, TextOrigin
from blip2core.storage import Database, freezing
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.items import add_items
from blip2core.storage.schema import Caption, Snapshot
from blip2core.storage.snapshot_selection import SnapshotPolicy
from blip2core.storage.snapshots import snapshot_pairs
from tests.storage.world import World, facts, found, new_world

INSIDE = TextOrigin(place="metadata: XMP blip2:texts")
ROW = TextOrigin(place="question", data={"question": "What is it?", "id": 7})
OTHER_ROW = TextOrigin(place="caption", data={"id": 8})


@pytest.fixture
def world(database: Database) -> World:
    """One image, with a text of which nothing was said."""
    with database.write() as session:
        made = new_world(session)
    add(database, made, [{"dog": INSIDE}])
    return made


def add(database: Database, world: World, found_at: list[Mapping[str, TextOrigin]]) -> list[int]:
    """Import the first image once for each of these -> how many texts were new."""
    webs = [found(0, *origins, origins=origins) for origins in found_at]
    with database.write() as session:
        images = [(facts(0), web) for web in webs]
        added = add_items(session, dataset_id=world.dataset_id, run_id=world.run_id, found=images)
    return [one.texts for one in added if one is not None]


def stored(database: Database) -> dict[str, tuple[str | None, object]]:
    with database.read() as session:
        query = select(Caption.text, Caption.place, Caption.data).order_by(Caption.id)
        return {text: (place, data) for text, place, data in session.execute(query)}


def accept(database: Database, world: World) -> None:
    with database.write() as session:
        new = NewDecision(
            client_event_id="accept",
            item_id=1,
            annotator_id=world.ann,
            action="accept",
            caption_id=1,
        )
        record_decision(session, new)


def freeze(database: Database, world: World, name: str) -> Snapshot:
    return create_snapshot(
        database,
        dataset_id=world.dataset_id,
        name=name,
        policy=SnapshotPolicy(),
        created_by=world.ann,
    )


def pairs(database: Database, snapshot: Snapshot) -> list[ExportPair]:
    return list(snapshot_pairs(database, snapshot_id=snapshot.id))


def test_a_text_that_comes_again_with_data_gets_it_and_its_place(
    database: Database, world: World
) -> None:
    assert add(database, world, [{"dog": ROW, "cat": INSIDE}]) == [1]
    assert stored(database) == {"dog": (ROW.place, ROW.data), "cat": (INSIDE.place, None)}
    assert add(database, world, [{"dog": OTHER_ROW, "cat": INSIDE}]) == [0]
    assert stored(database)["dog"] == (ROW.place, ROW.data), "what was said first stays"


def test_so_does_one_of_the_same_unit(database: Database, world: World) -> None:
    assert add(database, world, [{"cat": INSIDE}, {"cat": ROW}, {"cat": OTHER_ROW}]) == [1, 0, 0]
    assert add(database, world, [{"dog": INSIDE}, {"dog": ROW}, {"dog": OTHER_ROW}]) == [0, 0, 0]
    assert stored(database) == dict.fromkeys(("dog", "cat"), (ROW.place, ROW.data))


def test_a_text_that_is_accepted_gets_data_too(database: Database, world: World) -> None:
    accept(database, world)
    add(database, world, [{"dog": ROW}])
    assert stored(database)["dog"] == (ROW.place, ROW.data)


def test_a_snapshot_stays_what_it_was(database: Database, world: World) -> None:
    accept(database, world)
    first = freeze(database, world, "first")
    before = pairs(database, first)
    add(database, world, [{"dog": ROW}])
    assert stored(database)["dog"] == (INSIDE.place, None)
    assert pairs(database, first) == before
    assert freeze(database, world, "second").content_sha256 == first.content_sha256


def test_a_snapshot_that_is_frozen_while_more_is_told_is_none(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has been hashed, and its pairs are not stored yet."""
    accept(database, world)
    compute = freezing._compute

    def and_import(*arguments: Any) -> object:
        computed = compute(*arguments)
        add(database, world, [{"dog": ROW}])
        return computed

    with monkeypatch.context() as patched:
        patched.setattr(freezing, "_compute", and_import)
        with pytest.raises(StorageError, match="told more of texts"):
            freeze(database, world, "first")
    (pair,) = pairs(database, freeze(database, world, "first"))
    assert pair.text_place == ROW.place


@pytest.mark.parametrize(
    "change",
    [
        {"text": "another"},
        {"origin_key": "other"},
        {"data": {"id": 9}, "source": "human"},
    ],
)
def test_nothing_else_of_a_text_changes(
    database: Database, world: World, change: dict[str, object]
) -> None:
    with pytest.raises(StorageError, match="captions only grow"), database.write() as session:
        session.execute(update(Caption).values(change))


def test_data_does_not_change(database: Database, world: World) -> None:
    add(database, world, [{"dog": ROW}])
    with pytest.raises(StorageError, match="captions only grow"), database.write() as session:
        session.execute(update(Caption).values(data={"id": 9}))


def test_texts_in_a_snapshot_are_guarded_by_the_database(database: Database, world: World) -> None:
    accept(database, world)
    freeze(database, world, "first")
    with pytest.raises(StorageError, match="captions only grow"), database.write() as session:
        session.execute(update(Caption).values(data={"id": 9}))
