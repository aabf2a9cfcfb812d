"""The queue: each order against a plain sort, every item once, filters, both databases alike."""

import itertools
import random
from collections.abc import Sequence

import pytest

from blip2core.errors import StorageError
from blip2core.storage import Database, review
from blip2core.storage.cards import take_lease
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.review import (
    QueueFilter,
    ReviewOrder,
    count_queue,
    review_queue,
    second_review_queue,
)
from blip2core.storage.schema import Item
from blip2core.storage.text_search import has_words
from tests.storage.world import World, fill, import_one, new_world, score_item

ITEMS = 23
UNDECIDED = ("pending", "skipped")
WORDS = ["red", "blue", "Grün", "o'clock", "100%"]


@pytest.fixture
def world(database: Database) -> World:
    """Items with scores of all kinds, some alike; items 1 to 5 decided by ann, 6 skipped."""
    draw = random.Random(3)
    with database.write() as session:
        made = new_world(session)
        for number in range(ITEMS):
            text = f"a {WORDS[number % len(WORDS)]} bird {number}"
            item_id = import_one(session, made, number, text).item_id
            score_item(session, made, item_id, [round(draw.random(), 1)])
        for item_id in range(1, 7):
            new = NewDecision(
                client_event_id=f"e{item_id}",
                item_id=item_id,
                annotator_id=made.ann,
                action="skip" if item_id == 6 else "accept",
                caption_id=None if item_id == 6 else item_id,
            )
            record_decision(session, new)
    return made


def walk(
    database: Database,
    order: ReviewOrder = "nearest",
    limit: int = 4,
    seed: int = 0,
    **filters: object,
) -> list[int]:
    """All items of the queue, page by page."""
    found: list[int] = []
    cursor = None
    while True:
        with database.read() as session:
            page = review_queue(
                session,
                dataset_id=1,
                order=order,
                where=QueueFilter(**filters),
                seed=seed,
                after=cursor,
                limit=limit,
            )
        assert len(page.entries) <= limit
        found += [entry.item_id for entry in page.entries]
        if page.next is None:
            return found
        cursor = page.next


def all_items(database: Database) -> list[Item]:
    with database.read() as session:
        return [session.get_one(Item, number) for number in range(1, ITEMS + 1)]


def test_orders_are_plain_sorts(
    database: Database, world: World, subtests: pytest.Subtests
) -> None:
    for limit, statuses in itertools.product((1, 4, 100), (("pending",), UNDECIDED, ())):
        items = [one for one in all_items(database) if not statuses or one.status in statuses]
        wanted = {
            "nearest": sorted(items, key=lambda one: (one.distance, one.id)),
            "disagreement": sorted(items, key=lambda one: (-one.disagreement, -one.id)),
            "newest": sorted(items, key=lambda one: -one.id),
        }
        for order, ordered in wanted.items():
            with subtests.test(f"{order} {limit} {statuses}"):
                found = walk(database, order, limit, statuses=statuses)
                assert found == [one.id for one in ordered]


def test_random_is_a_shuffle_that_a_seed_chooses(database: Database, world: World) -> None:
    first, second = (walk(database, "random", seed=seed, statuses=()) for seed in (1, 2))
    assert sorted(first) == sorted(second) == list(range(1, ITEMS + 1))
    assert first != second
    assert first == walk(database, "random", limit=7, seed=1, statuses=())
    assert first != sorted(first)


def test_the_queue_goes_on_behind_what_was_decided(database: Database, world: World) -> None:
    """Deciding moves items out of the queue, and no other is left out or shown twice for it."""
    with database.read() as session:
        page = review_queue(session, dataset_id=1, limit=3)
    seen = [entry.item_id for entry in page.entries]
    with database.write() as session:
        for entry in page.entries:
            new = NewDecision(
                client_event_id=f"x{entry.item_id}",
                item_id=entry.item_id,
                annotator_id=world.bob,
                action="accept",
                caption_id=entry.item_id,
                row_version=entry.row_version,
            )
            record_decision(session, new)
    with database.read() as session:
        rest = review_queue(session, dataset_id=1, after=page.next, limit=100)
    seen += [entry.item_id for entry in rest.entries]
    assert sorted(seen) == list(range(7, ITEMS + 1))


FILTERS: list[tuple[dict[str, object], Sequence[int]]] = [
    ({"search": "red"}, range(0, ITEMS, 5)),
    ({"search": "RED bird"}, range(0, ITEMS, 5)),
    ({"search": "re"}, []),
    ({"search": "bird re*"}, range(0, ITEMS, 5)),
    ({"search": "re* bird"}, []),
    ({"search": "grün"}, range(2, ITEMS, 5)),
    ({"search": "o'clock"}, range(3, ITEMS, 5)),
    ({"search": "red blue"}, []),
    ({"search": "bird 7"}, [7]),
    ({"search": "\" OR *:(' & |"}, []),  # the word "or" is in no text
    ({"search": "'; -- %"}, range(ITEMS)),
    ({"source": "web"}, range(ITEMS)),
    ({"source": "synthetic"}, []),
    ({"annotator_id": 1}, range(5)),
    ({"annotator_id": 2}, []),
    ({"not_decided_by": 1}, range(5, ITEMS)),
    ({"batch_id": 1}, []),
    ({"search": "red", "annotator_id": 1}, [0]),
    ({"statuses": ("skipped",)}, [5]),
]
"""A filter, and the numbers of the images it leaves."""


@pytest.mark.parametrize("few", [0, 2_000])
def test_filters(
    database: Database,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    subtests: pytest.Subtests,
    few: int,
) -> None:
    """The same items, whether a filter is looked up first or checked along the way."""
    monkeypatch.setattr(review, "FEW", few)
    monkeypatch.setattr(review, "FEW_TEXTS", few)
    for filters, numbers in FILTERS:
        with subtests.test(str(filters)):
            where = {"statuses": ()} | filters
            found = walk(database, "newest", **where)
            assert found == sorted((number + 1 for number in numbers), reverse=True)
            with database.read() as session:
                count = count_queue(session, dataset_id=1, where=QueueFilter(**where))
            assert count == len(found)


@pytest.mark.parametrize("few", [0, 2_000])
def test_score_range(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(review, "FEW", few)
    monkeypatch.setattr(review, "FEW_TEXTS", few)
    wanted = {one.id for one in all_items(database) if 0.3 <= one.best <= 0.6}
    found = walk(database, lowest=0.3, highest=0.6, statuses=())
    assert set(found) == wanted
    assert 0 < len(wanted) < ITEMS


def test_what_is_on_another_screen_is_left_out(database: Database, world: World) -> None:
    with database.write() as session:
        take_lease(session, item_id=10, annotator_id=world.bob)
        take_lease(session, item_id=11, annotator_id=world.bob, seconds=-1)
    assert 10 not in walk(database, free_for=world.ann)
    assert {10, 11} <= set(walk(database, free_for=world.bob))
    assert 11 in walk(database, free_for=world.ann)


def test_second_review_has_what_others_judged(database: Database, world: World) -> None:
    with database.write() as session:
        for item in (session.get_one(Item, number) for number in (1, 2)):
            item.status = "partial"
    with database.read() as session:
        for annotator, wanted in ((world.bob, {1, 2}), (world.ann, set())):
            page = second_review_queue(session, dataset_id=1, annotator_id=annotator)
            assert {entry.item_id for entry in page.entries} == wanted


def test_other_datasets_are_not_in_the_queue(database: Database, world: World) -> None:
    fill(database, items=2, name="other")
    assert max(walk(database, statuses=())) == ITEMS
    assert max(walk(database, statuses=(), search="bird")) == ITEMS


def test_a_cursor_may_be_anything(database: Database, subtests: pytest.Subtests) -> None:
    for cursor in ("", "x", "[1]", '{"a": 1}', '["a", "b", "c"]', "null"):
        with subtests.test(cursor), pytest.raises(StorageError, match="start at the first"):
            with database.read() as session:
                review_queue(session, dataset_id=1, after=cursor)


def test_an_unknown_order(database: Database) -> None:
    with pytest.raises(StorageError, match="nearest"), database.read() as session:
        review_queue(session, dataset_id=1, order="best")


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        ("bird", True),
        ("BIRD blue", True),
        ("gruner", True),
        ("birds", False),
        ("bir", False),
        ("blue bir*", True),
        ("red bir*", False),
    ],
)
def test_has_words_is_what_the_index_says(
    sqlite_database: Database, words: str, matches: bool
) -> None:
    text = "A blue_bird, grüner!"
    assert has_words(text, words) == matches
    with sqlite_database.write() as session:
        import_one(session, new_world(session), 1, text)
    assert bool(walk(sqlite_database, search=words)) == matches
