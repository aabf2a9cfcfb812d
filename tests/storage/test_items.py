"""Images in datasets: twice is once, likeness is found, what was taken down stays away."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from blip2core.errors import StorageError
from blip2core.storage import Database, items, open_database
from blip2core.storage.captions import texts_of
from blip2core.storage.items import (
    add_item,
    exclude_items,
    image_of_item,
    purge_image,
    stored_images,
)
from blip2core.storage.near_images import bands, duplicates_of, hamming, near_duplicates
from blip2core.storage.review import review_queue
from blip2core.storage.schema import Caption, Image, Item, Source
from tests.storage.world import facts, fill, found, import_one, new_world


def test_importing_twice_adds_nothing(database: Database) -> None:
    for turn in range(2):
        with database.write() as session:
            world = new_world(session)
            added = import_one(session, world, 1, "a bird", "a bird ", "a\0 finch")
            assert added.is_new == (turn == 0)
    with database.read() as session:
        assert [text.text for text in texts_of(session, item_id=added.item_id)] == [
            "a bird",
            "a finch",
        ]
        for table in (Image, Item, Source):
            assert session.scalar(select(func.count()).select_from(table)) == 1


def test_another_place_adds_its_source_and_new_texts(database: Database) -> None:
    with database.write() as session:
        world = new_world(session)
        first = import_one(session, world, 1, "a bird")
        second = add_item(
            session,
            dataset_id=world.dataset_id,
            run_id=world.run_id,
            image=facts(1),
            web=found(1, "a bird", "a finch", url="https://elsewhere.org/x.png"),
        )
        assert second.item_id == first.item_id
        texts = [text.text for text in texts_of(session, item_id=first.item_id)]
        assert texts == ["a bird", "a finch"]
        assert session.scalar(select(func.count()).select_from(Source)) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", [Item, Caption])
def test_of_two_imports_at_once_one_counts_what_is_new(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    table: type,
) -> None:
    """Both have looked for what is there before one of them adds it; SQLite has one writer."""
    with database.write() as session:
        world = new_world(session)
        first = world if table is Caption else new_world(session, "where the images are already")
        for number in range(3):
            import_one(session, first, number, "an old text")
    both, insert = threading.Barrier(2, timeout=30), items.insert_missing

    def insert_together(session, inserted, rows, **more):  # type: ignore[no-untyped-def]
        if inserted is table:
            both.wait()
        return insert(session, inserted, rows, **more)

    def add(database: Database) -> list[tuple[bool, int]]:
        with database.write() as session:
            added = items.add_items(
                session,
                dataset_id=world.dataset_id,
                run_id=world.run_id,
                found=[(facts(number), found(number, "a bird", "a cat")) for number in range(3)],
            )
        return [(one.is_new, one.texts) for one in added if one is not None]

    monkeypatch.setattr(items, "insert_missing", insert_together)
    other = open_database(database_url, data=tmp_path)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(add, (database, other)))
    other.close()
    is_new = table is Item
    assert sorted(told) == [[(False, 0)] * 3, [(is_new, 2)] * 3]
    with database.read() as session:
        mine = select(Item.id).where(Item.dataset_id == world.dataset_id)
        texts = select(func.count()).select_from(Caption).where(Caption.item_id.in_(mine))
        assert session.scalar(texts) == (6 if is_new else 9)


def test_long_and_empty_texts(database: Database) -> None:
    with database.write() as session:
        added = import_one(session, new_world(session), 1, "\0 ", "\u200b", "x" * 30_000)
        assert session.scalars(select(func.length(Caption.text))).all() == [20_000]
        assert image_of_item(session, item_id=added.item_id).sha256 == facts(1).sha256
        with pytest.raises(StorageError, match="no item"):
            image_of_item(session, item_id=99)


def test_every_hash_within_three_bits_shares_a_band() -> None:
    draw = random.Random(0)
    for _ in range(500):
        first = draw.getrandbits(64)
        second = first
        for bit in draw.sample(range(64), 3):
            second ^= 1 << bit
        assert hamming(first, second) == 3
        assert any(one == two for one, two in zip(bands(first), bands(second), strict=True))


@pytest.mark.parametrize("base", [0, (1 << 64) - 1, 0x8000_0000_0000_0000, 0x1234_5678_9ABC_DEF0])
def test_near_duplicates_are_found_and_kept_in_mind(database: Database, base: int) -> None:
    """Also where the hash is negative as a signed number."""
    with database.write() as session:
        world = new_world(session)
        places = {}
        for number, flipped in enumerate((0b0, 0b1, 0b111, 0b1111)):
            added = add_item(
                session,
                dataset_id=world.dataset_id,
                run_id=world.run_id,
                image=facts(number, phash=base ^ flipped << 40),
                web=found(number),
            )
            places[flipped] = added
        alike = near_duplicates(session, phash=base)
        assert [(image.id, bits) for image, bits in alike] == [
            (places[0b0].image_id, 0),
            (places[0b1].image_id, 1),
            (places[0b111].image_id, 3),
        ]
        assert places[0b111].near == (places[0b0].image_id, places[0b1].image_id)
        assert duplicates_of(session, item_id=places[0b111].item_id) == [
            (places[0b1111].item_id, 1),
            (places[0b1].item_id, 2),
            (places[0b0].item_id, 3),
        ]
        with pytest.raises(StorageError, match="at most 3"):
            near_duplicates(session, phash=base, distance=4)


def test_the_same_pixels_in_another_file_are_a_duplicate(database: Database) -> None:
    with database.write() as session:
        world = new_world(session)
        first = import_one(session, world, 1)
        other = facts(2, pixel_sha256=facts(1).pixel_sha256)
        second = add_item(
            session,
            dataset_id=world.dataset_id,
            run_id=world.run_id,
            image=other,
            web=found(2),
        )
        assert second.near == (first.image_id,)
        assert duplicates_of(session, item_id=first.item_id) == [(second.item_id, 0)]


def test_an_image_that_was_taken_down_stays_away(database: Database) -> None:
    world = fill(database, items=2)
    sha256 = facts(0).sha256
    with database.write() as session:
        assert purge_image(session, sha256=sha256) == [1]
        assert stored_images(session) == {facts(1).sha256}
    with pytest.raises(StorageError, match="taken down"), database.write() as session:
        import_one(session, world, 0)
    with database.read() as session:
        page = review_queue(session, dataset_id=world.dataset_id)
        assert [entry.item_id for entry in page.entries] == [2]


def test_excluded_items_are_out_of_review(database: Database) -> None:
    world = fill(database, items=3)
    with database.write() as session:
        exclude_items(session, item_ids=[1, 3])
        page = review_queue(session, dataset_id=world.dataset_id)
        assert [entry.item_id for entry in page.entries] == [2]
