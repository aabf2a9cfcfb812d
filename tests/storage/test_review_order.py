"""What the review queue is ordered by, against values worked out by hand."""

import pytest

from blip2core.storage import Database
from blip2core.storage.captions import add_scores, texts_of
from blip2core.storage.datasets import update_dataset
from blip2core.storage.review_order import _Scores, order, shuffle_place
from blip2core.storage.schema import UNSCORED, Item
from tests.storage.world import (
    OTHER_SCORER,
    SCORER,
    fill,
    import_one,
    new_world,
    score_item,
    scored,
)


def columns(database: Database, item_id: int) -> tuple[float, float, float]:
    with database.read() as session:
        item = session.get_one(Item, item_id)
        return item.distance, item.disagreement, item.best


def test_distance_disagreement_and_best(database: Database) -> None:
    fill(database, items=1, itm=(0.3, 0.8))
    assert columns(database, 1) == pytest.approx((0.2, 0.5, 0.8))


def test_an_item_without_scores_is_farthest_from_the_threshold(database: Database) -> None:
    with database.write() as session:
        import_one(session, new_world(session), 1)
    assert columns(database, 1) == (2.0, 0.0, -1.0)


def test_itm_and_itc_may_disagree(database: Database) -> None:
    with database.write() as session:
        world = new_world(session)
        import_one(session, world, 1, "one", "two")
        first, second = texts_of(session, item_id=1)
        scores = {
            first.caption_id: scored(0.9, itc=0.1),
            second.caption_id: scored(0.2, itc=0.3),
        }
        add_scores(session, run_id=world.run_id, identity=SCORER, scores=scores)
    assert columns(database, 1) == pytest.approx((0.3, 0.7, 0.9))


def test_the_newest_scores_count(database: Database) -> None:
    world = fill(database, items=1, itm=(0.3, 0.8))
    with database.write() as session:
        score_item(session, world, 1, (0.6, 0.65), OTHER_SCORER)
    assert columns(database, 1) == pytest.approx((0.1, 0.05, 0.65))


def test_a_new_threshold_orders_anew(database: Database) -> None:
    fill(database, items=2, itm=(0.3, 0.8))
    with database.write() as session:
        update_dataset(session, dataset_id=1, threshold=0.75)
    assert columns(database, 2) == pytest.approx((0.05, 0.5, 0.8))


def test_the_shuffle_is_fixed_and_even() -> None:
    places = [shuffle_place(str(number)) for number in range(1_000)]
    assert places[:2] == [shuffle_place("0"), shuffle_place("1")]
    assert all(0 <= place < 1 for place in places)
    assert 400 < sum(place < 0.5 for place in places) < 600


def test_an_item_without_itm_is_last_in_each_order() -> None:
    nothing = order(_Scores(threshold=0.5, itc={1: 0.3}, source={1: "web"}))
    assert nothing == {"distance": UNSCORED, "disagreement": 0.0, "best": -1.0}
    worst = order(_Scores(threshold=0.5, itm={1: 0.0}, source={1: "web"}))
    assert nothing["best"] < worst["best"] and nothing["distance"] > worst["distance"]
