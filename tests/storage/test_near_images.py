"""Alike images are found within an import and across imports, in bounded work."""

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from blip2core.storage import Database, near_images, open_database
from blip2core.storage.items import AddedItem, add_item, add_items
from blip2core.storage.near_images import MOST_NEAR, bands, duplicates_of, hamming
from blip2core.storage.schema import DuplicatePair, Image
from tests.storage.world import World, facts, found, new_world

MANY = 100_000
TARGET = 0x9234_5678_9ABC_DEF0


def add(
    session: Session, world: World, hashes: list[int], *, start: int = 0
) -> list[AddedItem | None]:
    """Add images of these hashes in one unit."""
    new = [
        (facts(start + place, phash=phash), found(start + place))
        for place, phash in enumerate(hashes)
    ]
    return add_items(session, dataset_id=world.dataset_id, run_id=world.run_id, found=new)


def near_of(added: list[AddedItem | None]) -> list[tuple[int, ...]]:
    return [one.near for one in added if one is not None]


def test_one_that_came_in_another_import_is_told(database: Database) -> None:
    base = 0x1234_5678_9ABC_DEF0
    with database.write() as session:
        first = add(session, new_world(session), [base])[0]
    with database.write() as session:
        world = new_world(session)  # another run over the same dataset
        same, flipped, far = add(session, world, [base, base ^ 0b11, base ^ 0b1111], start=1)
        assert first and same and flipped and far
        assert same.near == (first.image_id,)
        assert flipped.near == (first.image_id, same.image_id), "also those of the same unit"
        assert far.near == (flipped.image_id,)
        alike = duplicates_of(session, item_id=first.item_id)
        assert alike == [(same.item_id, 0), (flipped.item_id, 2)]


def test_units_find_what_one_after_the_other_finds(database: Database) -> None:
    draw = random.Random(1)
    hashes = []
    for _ in range(8):
        base = draw.getrandbits(64)
        hashes += [base ^ (1 << draw.randrange(64)) for _ in range(6)]
    draw.shuffle(hashes)
    with database.write() as session:
        found_in_units = near_of(add(session, new_world(session), hashes))
    expected = [
        tuple(place + 1 for place in range(number) if hamming(hashes[place], phash) <= 3)
        for number, phash in enumerate(hashes)
    ]
    assert found_in_units == expected and sum(map(len, expected)) > 20


def test_another_dataset_is_not_looked_at(database: Database) -> None:
    with database.write() as session:
        world = new_world(session)
        add(session, world, [5])
        other = new_world(session, "other")
        assert near_of(add(session, other, [5], start=1)) == [()]


def test_images_of_one_colour_are_not_all_paired(database: Database) -> None:
    count = 3 * MOST_NEAR
    with database.write() as session:
        added = near_of(add(session, new_world(session), [0] * count))
        assert added[5] == (1, 2, 3, 4, 5) and max(map(len, added)) == MOST_NEAR
        pairs = session.scalar(select(func.count()).select_from(DuplicatePair))
        assert pairs == sum(min(place, MOST_NEAR) for place in range(count))


def test_the_work_does_not_grow_with_the_images_of_a_unit(database: Database) -> None:
    statements: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *all: statements.append(str(all[2]))
    )
    counts = []
    for number in (2, 40):
        with database.write() as session:
            statements.clear()
            add(session, new_world(session), list(range(number)), start=1_000 * number)
            counts.append(len(statements))
    assert counts[1] <= counts[0] + 5, statements


def test_an_image_is_compared_with_few_among_a_hundred_thousand(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of them have one hash, the others any: what the database hands over stays small."""
    with database.write() as session:
        world = new_world(session)
    _insert_many(database, world.dataset_id)
    handed_over = []
    real = near_images._in_dataset

    def counted(*arguments: Any) -> Iterator[Any]:
        for row in real(*arguments):
            handed_over.append(row)
            yield row

    monkeypatch.setattr(near_images, "_in_dataset", counted)
    with database.write() as session:
        (one,) = add(session, world, [TARGET ^ 0b101], start=MANY)
    assert one is not None and len(one.near) == MOST_NEAR
    assert len(handed_over) < 200
    with database.read() as session:
        query = select(Image.phash).where(Image.id.in_(one.near))
        assert {value & (1 << 64) - 1 for value in session.scalars(query)} == {TARGET}


def _insert_many(database: Database, dataset_id: int) -> None:
    """Fill the tables within the database; every second image looks like `TARGET`."""
    is_sqlite = database.engine.dialect.name == "sqlite"
    digits = "printf('%064d', i)" if is_sqlite else "lpad(CAST(i AS text), 64, '0')"
    pieces = [
        f"CASE WHEN i % 2 = 1 THEN {own} ELSE (i * {factor}) % 65536 END AS band{place}"
        for place, (own, factor) in enumerate(
            zip(bands(TARGET), (1, 7919, 10473, 61195), strict=True)
        )
    ]
    high = "(CASE WHEN band0 > 32767 THEN band0 - 65536 ELSE band0 END)"
    phash = f"{high} * 281474976710656 + band1 * 4294967296 + band2 * 65536 + band3"
    images = (
        "INSERT INTO images (sha256, pixel_sha256, band0, band1, band2, band3, phash, width,"
        " height, format, bytes, state, created_at)"
        f" SELECT digest, digest, band0, band1, band2, band3, {phash}, 4, 3, 'PNG', 9, 'ok',"
        " '2026-01-01' FROM (WITH RECURSIVE numbers(i) AS (SELECT CAST(0 AS bigint) UNION ALL"
        f" SELECT i + 1 FROM numbers WHERE i < {MANY - 1})"
        f" SELECT {digits} AS digest, {', '.join(pieces)} FROM numbers) AS made"
    )
    if not is_sqlite:
        images = images.replace("'2026-01-01'", "CAST('2026-01-01' AS timestamptz)")
    items = (
        "INSERT INTO items (dataset_id, image_id, status, doubt, disagreement, best, shuffle,"
        f" row_version, created_at) SELECT {dataset_id}, id, 'pending', 2, 0, -1, 0.5, 0,"
        " created_at FROM images WHERE bytes = 9"
    )
    with database.write() as session:
        session.execute(text(images))
        session.execute(text(items))


def test_sqlite_looks_into_the_indexes(tmp_path: Path) -> None:
    """Its planner would rather walk through all items of the dataset."""
    plans: list[str] = []
    with closing(open_database(str(tmp_path / "studio.db"))) as database:

        @event.listens_for(database.engine, "before_cursor_execute")
        def explain(_: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
            if "row_number()" in statement:
                cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
                plans.extend(str(row[3]) for row in cursor.fetchall())

        with database.write() as session:
            add(session, new_world(session), [1, 2])
    searched = [plan for plan in plans if " images" in plan]
    assert len(searched) == 5 and all("ix_images_" in plan for plan in searched), plans


def test_one_at_a_time_and_in_a_unit_are_the_same(database: Database) -> None:
    with database.write() as session:
        world = new_world(session)
        one = add_item(
            session,
            dataset_id=world.dataset_id,
            run_id=world.run_id,
            image=facts(1),
            web=found(1, "a cat", "a dog"),
        )
        again, second, twice = add_items(
            session,
            dataset_id=world.dataset_id,
            run_id=world.run_id,
            found=[
                (facts(1), found(1, "a dog", "a bird")),
                (facts(2), found(2, "a cat")),
                (facts(2), found(2, "a cat", "a fish")),
            ],
        )
    assert again and second and twice
    assert (one.is_new, one.texts) == (True, 2)
    assert (again.item_id, again.is_new, again.texts) == (one.item_id, False, 1)
    assert (second.is_new, second.texts, twice.is_new, twice.texts) == (True, 1, False, 1)
    assert second.item_id == twice.item_id
