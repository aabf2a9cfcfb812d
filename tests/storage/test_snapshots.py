"""The same decisions and rules give the same pairs and the same hash; what is frozen stays."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from blip2core.errors import StorageError
from blip2core.records import ExportPair
from blip2core.storage import Database, snapshot_selection, snapshots
from blip2core.storage.captions import add_captions, texts_of
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.export_records import fail_export, finish_export, record_export
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.items import add_item, exclude_items, purge_image
from blip2core.storage.schema import Image, Snapshot
from blip2core.storage.snapshot_selection import SnapshotPolicy, split_of
from blip2core.storage.snapshots import (
    find_snapshot,
    list_snapshots,
    snapshot_pairs,
    snapshots_with,
)
from tests.storage.world import OTHER_SCORER, World, facts, fill, found, score_item

ITEMS = 6


@pytest.fixture
def world(database: Database) -> World:
    """Both texts of items 1 to 6 accepted; the first of item 6 rejected by bob."""
    made = fill(database, items=ITEMS)
    for caption in range(1, 2 * ITEMS + 1):
        accept(database, caption, made.ann)
    accept(database, 2 * ITEMS - 1, made.bob, "reject")
    return made


def accept(
    database: Database,
    caption: int,
    annotator: int,
    action: str = "accept",
    *,
    item: int | None = None,
) -> None:
    """`item`: where the text is not one that `fill` made."""
    with database.write() as session:
        new = NewDecision(
            client_event_id=f"{caption} {annotator} {action}",
            item_id=item or (caption + 1) // 2,
            annotator_id=annotator,
            action=action,
            caption_id=caption,
        )
        record_decision(session, new)


def add_copy(database: Database, world: World, *texts: str) -> int:
    """Image 0 in another file -> the number of the first of its texts."""
    with database.write() as session:
        added = add_item(
            session,
            dataset_id=world.dataset_id,
            run_id=world.run_id,
            image=facts(0, sha256="c" * 64),
            web=found(100, *texts),
        )
        return texts_of(session, item_id=added.item_id)[0].caption_id


def freeze(database: Database, name: str, **policy: object) -> Snapshot:
    return create_snapshot(
        database, dataset_id=1, name=name, policy=SnapshotPolicy(**policy), created_by=1
    )


def pairs(database: Database, snapshot: Snapshot) -> list[ExportPair]:
    return list(snapshot_pairs(database, snapshot_id=snapshot.id))


def test_a_text_is_taken_once_for_an_image(database: Database, world: World) -> None:
    with database.write() as session:
        add_captions(session, run_id=world.run_id, item_id=1, texts=["A drawn bird 0!"])
        added = texts_of(session, item_id=1)[-1]
        new = NewDecision(
            client_event_id="again",
            item_id=1,
            annotator_id=world.ann,
            action="accept",
            caption_id=added.caption_id,
        )
        record_decision(session, new)
    found = pairs(database, freeze(database, "one"))
    assert len(found) == 2 * ITEMS - 1
    assert [pair.text for pair in found if pair.caption_id in (2, added.caption_id)] == [
        "a drawn bird 0"
    ]


def test_a_rejection_counts_for_every_copy_of_the_image(database: Database, world: World) -> None:
    first = add_copy(database, world, "A bird 0!", "a bird 99")
    accept(database, first, world.ann, item=ITEMS + 1)
    assert freeze(database, "both").pairs == 2 * ITEMS
    accept(database, first, world.bob, "reject", item=ITEMS + 1)
    assert 1 not in {pair.caption_id for pair in pairs(database, freeze(database, "one"))}
    assert freeze(database, "people", decided="people").pairs == 2 * ITEMS - 2
    with database.write() as session:
        undo_last(session, annotator_id=world.bob, client_event_id="u")
    accept(database, first + 1, world.bob, "reject", item=ITEMS + 1)  # other words
    assert freeze(database, "again").pairs == 2 * ITEMS


def test_a_second_text_with_the_same_words_may_be_put_aside(
    database: Database, world: World
) -> None:
    """As rules that drop duplicates do, and edits of commas."""
    with database.write() as session:
        add_captions(session, run_id=world.run_id, item_id=1, texts=["A drawn bird 0!"])
        added = texts_of(session, item_id=1)[-1].caption_id
    accept(database, added, world.ann, "reject", item=1)
    assert freeze(database, "one").pairs == 2 * ITEMS - 1
    accept(database, added, world.bob, "reject", item=1)
    assert freeze(database, "two").pairs == 2 * ITEMS - 2


def test_accepted_by_somebody_and_rejected_by_nobody(database: Database, world: World) -> None:
    snapshot = freeze(database, "one")
    found = pairs(database, snapshot)
    assert snapshot.pairs == len(found) == 2 * ITEMS - 1
    assert {pair.caption_id for pair in found} == set(range(1, 13)) - {11}
    assert [pair.image_sha256 for pair in found] == sorted(pair.image_sha256 for pair in found)
    web = next(pair for pair in found if pair.caption_id == 1)
    assert (web.text, web.source, web.itm, web.itc) == ("a bird 0", "web", 0.3, 0.1)
    assert (web.run_uid, web.decided_by, web.license) == (None, "ann", "CC0")
    assert web.url == "https://example.org/0.png"
    assert web.scorer == "stickers-itm@" + "1" * 40
    path = database.images.path(web.image_sha256, format="PNG")
    assert web.image_path == str(path)
    drawn = next(pair for pair in found if pair.caption_id == 2)
    assert drawn.captioner == "stickers-opt@" + "3" * 40
    assert (drawn.url, drawn.license) == (web.url, web.license)


def test_the_same_decisions_give_the_same_hash(database: Database, world: World) -> None:
    policy = {"validation": 0.2, "test": 0.2}
    first, again = (freeze(database, name, **policy) for name in ("one", "two"))
    assert first.content_sha256 == again.content_sha256
    assert pairs(database, first) == pairs(database, again)
    assert freeze(database, "three", **policy | {"split_seed": 1}).content_sha256 != (
        first.content_sha256
    )
    with database.write() as session:
        undo_last(session, annotator_id=world.bob, client_event_id="u")
    assert freeze(database, "four", **policy).content_sha256 != first.content_sha256


def test_what_is_frozen_stays(database: Database, world: World) -> None:
    snapshot = freeze(database, "one")
    before = pairs(database, snapshot)
    with database.write() as session:
        score_item(session, world, 1, (0.6, 0.7), OTHER_SCORER)
        undo_last(session, annotator_id=world.ann, client_event_id="u")
    assert pairs(database, snapshot) == before


def test_rules(database: Database, world: World) -> None:
    assert {pair.source for pair in pairs(database, freeze(database, "a", sources=("web",)))} == {
        "web"
    }
    assert freeze(database, "b", lowest_itm=0.5).pairs == ITEMS
    best = pairs(database, freeze(database, "c", per_item=1))
    assert {(pair.item_id, pair.itm) for pair in best} == {(one, 0.8) for one in range(1, 7)}
    with database.write() as session:
        exclude_items(session, item_ids=[1])
    assert freeze(database, "d").pairs == 2 * ITEMS - 3
    for wrong in ({"validation": 0.5, "test": 0.5}, {"test": -0.1}, {"sources": ("alien",)}):
        with pytest.raises(StorageError):
            SnapshotPolicy(**wrong)
    with pytest.raises(StorageError, match="already"):
        freeze(database, "a")
    with pytest.raises(StorageError, match="Nothing is accepted"):
        freeze(database, "e", lowest_itm=0.99)
    with database.read() as session, pytest.raises(StorageError, match="no snapshot e"):
        find_snapshot(session, dataset_id=1, name="e")


def test_an_image_stays_in_its_split() -> None:
    policy = SnapshotPolicy(validation=0.1, test=0.2)
    splits = {number: split_of(facts(number).sha256, policy) for number in range(2_000)}
    shares = {name: list(splits.values()).count(name) / 2_000 for name in splits.values()}
    assert shares == pytest.approx({"train": 0.7, "validation": 0.1, "test": 0.2}, abs=0.03)
    wider = replace(policy, validation=0.3)
    kept = [split_of(facts(number).sha256, wider) for number in splits if splits[number] == "test"]
    assert set(kept) == {"test"}


def test_pairs_come_in_pages(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pairs(database, freeze(database, "one"))
    monkeypatch.setattr(snapshots, "PAIRS_PER_PAGE", 2)
    assert pairs(database, freeze(database, "two")) == whole
    reader = snapshot_pairs(database, snapshot_id=1)
    next(reader)
    accept(database, 1, world.bob)  # nobody waits for an export that is being written
    assert len(list(reader)) == len(whole) - 1


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 11])
def test_a_snapshot_ends_with_its_last_page(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also where the last page of 6 images, or of 11 pairs, is full."""
    whole = freeze(database, "one")
    monkeypatch.setattr(snapshot_selection, "IMAGES_PER_PAGE", size)
    monkeypatch.setattr(snapshots, "PAIRS_PER_PAGE", size)
    again = freeze(database, "two")
    assert (again.pairs, again.content_sha256) == (11, whole.content_sha256)
    found = pairs(database, again)
    assert len(found) == 11 and {pair.item_id for pair in found} == set(range(1, 7))
    assert [pair.image_sha256 for pair in found] == sorted(pair.image_sha256 for pair in found)


def test_an_image_that_is_not_there_is_in_no_new_snapshot(database: Database, world: World) -> None:
    """Whatever the status of its item says."""
    with database.write() as session:
        gone = update(Image).where(Image.sha256 == facts(0).sha256)
        session.execute(gone.values(state="purged"))
    snapshot = freeze(database, "one")
    assert snapshot.pairs == 9
    assert {pair.item_id for pair in pairs(database, snapshot)} == set(range(2, 7))


def test_what_was_taken_down_is_not_exported(database: Database, world: World) -> None:
    snapshot = freeze(database, "one")
    with database.write() as session:
        purge_image(session, sha256=facts(0).sha256)
    assert {pair.item_id for pair in pairs(database, snapshot)} == set(range(2, 7))
    with database.read() as session:
        [(found, exports)] = snapshots_with(session, sha256=facts(0).sha256)
        assert (found.id, exports) == (snapshot.id, [])


def test_exports_remember_their_manifest(database: Database, world: World) -> None:
    snapshot = freeze(database, "one")
    with database.write() as session:
        export = record_export(session, snapshot_id=snapshot.id, format="jsonl")
        other = record_export(session, snapshot_id=snapshot.id, format="coco", options={"a": 1})
        assert export.status == "writing"
        finish_export(
            session, export_id=export.id, manifest_sha256="f" * 64, pairs=11, location="out"
        )
        fail_export(session, export_id=other.id)
    with database.read() as session:
        [line] = list_snapshots(session, dataset_id=1)
        assert [(one.format, one.status, one.pairs) for one in line.exports] == [
            ("jsonl", "complete", 11),
            ("coco", "failed", None),
        ]
        assert line.created_by == "ann"
        assert find_snapshot(session, dataset_id=1).name == "one"
