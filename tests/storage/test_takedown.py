"""What is taken down is gone from review, snapshots and disk, and is told before it happens."""

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from blip2core.errors import ConflictError, StorageError
from blip2core.storage import Database, open_database
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.export_records import finish_export, record_export
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.items import AddedItem, add_item, is_taken_down, stored_images
from blip2core.storage.review import review_queue
from blip2core.storage.schema import Caption, DecisionEvent, Image, Item
from blip2core.storage.snapshot_selection import SnapshotPolicy
from blip2core.storage.snapshots import snapshot_pairs
from blip2core.storage.takedown import (
    TakedownItem,
    finish_takedowns,
    plan_takedown,
    take_down,
)
from tests.storage.killed_takedown import killed_takedown
from tests.storage.world import World, facts, found, new_world

PROCESSES = multiprocessing.get_context("forkserver")


def put(database: Database, session: Session, world: World, number: int, **looks: object) -> str:
    """Stores image `number` and puts it into the dataset -> its hash."""
    data = f"image {number}".encode()
    sha256 = database.images.put(data, format="PNG")
    add(session, world, number, sha256=sha256, bytes=len(data), **looks)
    return sha256


def add(session: Session, world: World, number: int, **changes: object) -> AddedItem:
    return add_item(
        session,
        dataset_id=world.dataset_id,
        run_id=world.run_id,
        image=facts(number, **changes),
        web=found(number, f"a bird {number}"),
    )


@pytest.fixture
def world(database: Database) -> World:
    """Items 1 to 4 with texts 1 to 4: image 0, another, image 0 in another file, one like image 0;
    item 5 has image 0 in a second dataset. Text 1 to 3 are accepted and frozen.
    """
    with database.write() as session:
        world, fish = new_world(session), new_world(session, "fish")
        looks = {"phash": 0, "pixel_sha256": "c" * 64}
        put(database, session, world, 0, **looks)
        put(database, session, world, 1)
        put(database, session, world, 2, **looks)
        put(database, session, world, 3, phash=0b11)
        put(database, session, fish, 0, **looks)
        for number in (1, 2, 3):
            accept(session, world, number)
    snapshot = create_snapshot(
        database,
        dataset_id=world.dataset_id,
        name="v1",
        policy=SnapshotPolicy(),
        created_by=world.ann,
    )
    with database.write() as session:
        export = record_export(session, snapshot_id=snapshot.id, format="coco")
        finish_export(
            session, export_id=export.id, manifest_sha256="f" * 64, pairs=3, location="/out"
        )
        record_export(session, snapshot_id=snapshot.id, format="csv")
    return world


def accept(session: Session, world: World, number: int) -> None:
    decision = NewDecision(
        client_event_id=f"accept {number}",
        item_id=number,
        annotator_id=world.ann,
        action="accept",
        caption_id=number,
    )
    record_decision(session, decision)


def hash_of(database: Database, item_id: int) -> str:
    with database.read() as session:
        return session.get_one(Image, session.get_one(Item, item_id).image_id).sha256


def stored(database: Database) -> list[str]:
    return sorted(file.stem for file in database.images.root.glob("??/*"))


def test_the_plan_says_all_that_will_happen(database: Database, world: World) -> None:
    plan = plan_takedown(database, ["#1"])
    assert [file.sha256 for file in plan.files] == [hash_of(database, 1), hash_of(database, 3)]
    assert [(file.format, file.bytes, file.taken_down) for file in plan.files] == [
        ("PNG", 7, False),
        ("PNG", 7, False),
    ]
    assert plan.items == (
        TakedownItem(item_id=1, dataset="birds", status="decided", texts=1, decisions=1),
        TakedownItem(item_id=3, dataset="birds", status="decided", texts=1, decisions=1),
        TakedownItem(item_id=5, dataset="fish", status="pending", texts=1, decisions=0),
    )
    [snapshot] = plan.snapshots
    assert (snapshot.name, snapshot.pairs) == ("birds@v1", 2)
    assert [(one.format, one.status, one.location) for one in snapshot.exports] == [
        ("coco", "complete", "/out"),
        ("csv", "writing", ""),
    ]
    assert plan.alike == (4,)
    assert (plan.bytes, plan.texts, plan.decisions, plan.is_done) == (14, 3, 2, False)


def test_planning_changes_nothing(database: Database, world: World) -> None:
    before = stored(database)
    plan = plan_takedown(database, ["1"])
    assert stored(database) == before and len(before) == 4
    assert plan_takedown(database, ["1"]) == plan
    assert finish_takedowns(database) == 0


def test_images_are_named_by_hash_or_item(database: Database, world: World) -> None:
    sha256 = hash_of(database, 2)
    plan = plan_takedown(database, [sha256])
    assert [item.item_id for item in plan.items] == [2]
    for name in (sha256[:12], sha256.upper(), f" {sha256} ", "2", "#2"):
        assert plan_takedown(database, [name]) == plan
    both = plan_takedown(database, [sha256, "4", "#2"])
    assert [item.item_id for item in both.items] == [2, 4]
    assert both.alike == (1, 3, 5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("99", "no item number 99"),
        ("9" * 18, "no item number 9"),
        ("#0", "no item number 0"),
        ("abc", "names no image"),
        ("", "names no image"),
        ("a" * 65, "names no image"),
        ("a" * 12, "There is no image that begins"),
        ("%" * 12, "names no image"),
        ("../../etc/passwd", "names no image"),
        ("'; DROP TABLE images; --", "names no image"),
        ("\u0661", "names no image"),
        ("1" * 19, "There is no image that begins"),
    ],
)
def test_a_wrong_name_is_one_clear_line(
    database: Database, world: World, name: str, told: str
) -> None:
    with pytest.raises(StorageError, match=told):
        plan_takedown(database, ["1", name])


def test_no_name_and_a_name_of_two(database: Database, world: World) -> None:
    with pytest.raises(StorageError, match="Name an image"):
        plan_takedown(database, [])
    with database.write() as session:
        for end in "12":
            add(session, world, 10 + int(end), sha256="a" * 63 + end)
    with pytest.raises(StorageError, match="Several images begin"):
        plan_takedown(database, ["a" * 63])
    assert len(plan_takedown(database, ["a" * 63 + "1"]).files) == 1


def test_what_is_taken_down_is_gone(database: Database, world: World) -> None:
    first, copy = hash_of(database, 1), hash_of(database, 3)
    assert take_down(database, plan_takedown(database, [first])) == 2
    assert stored(database) == sorted([hash_of(database, 2), hash_of(database, 4)])
    with database.read() as session:
        assert stored_images(session) == set(stored(database))
        page = review_queue(session, dataset_id=world.dataset_id, order="newest")
        assert [entry.item_id for entry in page.entries] == [4]
        assert session.query(Caption).count() == 5
        assert session.query(DecisionEvent).count() == 3
    assert [pair.item_id for pair in snapshot_pairs(database, snapshot_id=1)] == [2]
    with pytest.raises(StorageError, match="not in the store"):
        database.images.read(copy, format="PNG")


def test_nothing_brings_it_back(database: Database, world: World) -> None:
    """Neither the file, nor a copy of its pixels in this or a new file."""
    take_down(database, plan_takedown(database, ["1"]))
    for number in (0, 2, 7):
        pixels = {"pixel_sha256": "c" * 64}
        with pytest.raises(StorageError, match="taken down"), database.write() as session:
            put(database, session, world, number, **pixels)
        with database.read() as session:
            assert is_taken_down(session, facts(number, **pixels))
    with database.write() as session:
        assert not is_taken_down(session, facts(7))
        assert add(session, world, 7).is_new


def test_twice_is_once(database: Database, world: World) -> None:
    plan = plan_takedown(database, ["1"])
    assert take_down(database, plan) == 2
    again = plan_takedown(database, ["1"])
    assert again.is_done and again.bytes == 0
    assert [file.taken_down for file in again.files] == [True, True]
    assert {item.status for item in again.items} == {"excluded"}
    assert take_down(database, again) == 0


def test_bytes_that_are_left_are_told_and_deleted(database: Database, world: World) -> None:
    take_down(database, plan_takedown(database, ["1"]))
    database.images.put(b"image 0", format="PNG")
    left = plan_takedown(database, ["1"])
    assert left.bytes == 7 and not left.is_done
    assert take_down(database, left) == 1


def test_what_changed_meanwhile_is_asked_again(database: Database, world: World) -> None:
    plan = plan_takedown(database, ["1"])
    with database.write() as session:
        put(database, session, new_world(session, "more"), 0, pixel_sha256="c" * 64)
    with pytest.raises(ConflictError, match="look at it again"):
        take_down(database, plan)
    assert len(stored(database)) == 4
    with database.read() as session:
        assert len(stored_images(session)) == 4
    with database.write() as session:
        put(database, session, world, 8, pixel_sha256="c" * 64)
    late = replace(plan, items=plan_takedown(database, ["1"]).items)
    with pytest.raises(ConflictError, match="look at it again"):
        take_down(database, late)
    assert take_down(database, plan_takedown(database, ["1"])) == 3


def test_only_the_owner_takes_down(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        put(sqlite_database, session, new_world(session), 0)
    reader = open_database(str(sqlite_database.url.database), owner=False)
    plan = plan_takedown(reader, ["1"])
    for act in (lambda: take_down(reader, plan), lambda: finish_takedowns(reader)):
        with pytest.raises(StorageError, match="only reads"):
            act()
    reader.close()
    assert len(stored(sqlite_database)) == 1


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_kill_leaves_all_of_it_or_what_can_be_finished(
    database: Database, world: World, after_commit: bool
) -> None:
    url = database.url.render_as_string(hide_password=False)
    arguments = (url, str(database.images.root), hash_of(database, 1))
    process = PROCESSES.Process(
        target=killed_takedown, args=arguments, kwargs={"after_commit": after_commit}
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(stored(database)) == 4
    plan = plan_takedown(database, ["1"])
    assert [file.taken_down for file in plan.files] == [after_commit] * 2
    assert [item.status == "excluded" for item in plan.items] == [after_commit] * 3
    assert finish_takedowns(database) == (2 if after_commit else 0)
    assert len(stored(database)) == (2 if after_commit else 4)


def test_a_file_that_cannot_be_deleted_is_told(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(StorageError, match="cannot be deleted .Permission denied"):
            take_down(database, plan_takedown(database, ["1"]))
    assert finish_takedowns(database) == 2


def test_the_deleted_name_is_synced(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqlite_database.images
    sha256 = store.put(b"image", format="PNG")
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    assert store.delete(sha256, format="PNG")
    assert synced == [str(store.path(sha256, format="PNG").parent)]
    assert not store.delete(sha256, format="PNG")
