"""Texts and scores: nothing is made twice, and each score knows its scorer."""

import pytest
from sqlalchemy import func, select

from blip2core.errors import StorageError
from blip2core.records import Problem
from blip2core.storage import Database
from blip2core.storage.captions import (
    PendingItem,
    add_captions,
    add_scores,
    pending_items,
    scorer_ids,
    texts_of,
)
from blip2core.storage.datasets import get_dataset
from blip2core.storage.items import exclude_items
from blip2core.storage.run_problems import add_problem
from blip2core.storage.runs import NewRun, create_run
from blip2core.storage.schema import Score
from tests.storage.world import (
    OTHER_SCORER,
    SCORER,
    World,
    captioning,
    fill,
    import_one,
    new_world,
    score_item,
    scored,
)


def pending(database: Database, run_id: int, **arguments: object) -> list[PendingItem]:
    with database.read() as session:
        return pending_items(session, run_id=run_id, **{"identity": SCORER} | arguments)


@pytest.fixture
def world(database: Database) -> World:
    """Three items with one web text each, nothing written or scored."""
    with database.write() as session:
        made = new_world(session)
        for number in range(3):
            import_one(session, made, number)
    return made


def work_on(database: Database, world: World, item: PendingItem) -> None:
    """What a run does for one item, as one unit."""
    with database.write() as session:
        texts = list(item.unscored)
        if item.needs_captions:
            texts += add_captions(
                session, run_id=world.run_id, item_id=item.item_id, texts=["drawn", "drawn ", ""]
            )
        scores = {text.caption_id: scored(0.5) for text in texts}
        add_scores(session, run_id=world.run_id, identity=SCORER, scores=scores)


def test_a_run_that_was_killed_goes_on_where_it_was(database: Database, world: World) -> None:
    assert [item.item_id for item in pending(database, world.run_id)] == [1, 2, 3]
    first, *_ = pending(database, world.run_id, limit=1)
    assert first.needs_captions
    assert [text.text for text in first.unscored] == ["a bird 0"]
    work_on(database, world, first)
    rest = pending(database, world.run_id)
    assert [item.item_id for item in rest] == [2, 3]
    for item in rest:
        work_on(database, world, item)
    assert pending(database, world.run_id) == []
    with database.read() as session:
        assert [text.text for text in texts_of(session, item_id=1)] == ["a bird 0", "drawn"]
        assert session.scalar(select(func.count()).select_from(Score)) == 3 * 2 * 2


def test_captions_without_their_scores_are_scored_only(database: Database, world: World) -> None:
    with database.write() as session:
        add_captions(session, run_id=world.run_id, item_id=1, texts=["drawn"])
    first = pending(database, world.run_id)[0]
    assert not first.needs_captions
    assert [(text.text, text.source) for text in first.unscored] == [
        ("a bird 0", "web"),
        ("drawn", "synthetic"),
    ]


def test_what_is_pending_depends_on_run_and_scorer(database: Database) -> None:
    world = fill(database, items=2)
    assert pending(database, world.run_id) == []
    again = pending(database, world.run_id, identity=OTHER_SCORER)
    assert [len(item.unscored) for item in again] == [2, 2]
    assert pending(database, world.run_id, identity=OTHER_SCORER, after=1)[0].item_id == 2
    with database.write() as session:
        other = create_run(session, captioning(world.dataset_id)).id
    assert [item.needs_captions for item in pending(database, other)] == [True, True]
    assert pending(database, other, captions=False) == []
    assert len(pending(database, other, identity=None)) == 2
    with pytest.raises(StorageError, match="both"):
        pending(database, other, captions=False, identity=None)


def test_problems_and_excluded_items_are_not_tried_again(database: Database, world: World) -> None:
    with database.write() as session:
        problem = Problem(name="1.png", reason="It is damaged.")
        add_problem(session, run_id=world.run_id, item_id=1, problem=problem)
        exclude_items(session, item_ids=[2])
    assert [item.item_id for item in pending(database, world.run_id)] == [3]


def test_a_score_is_said_once_by_each_scorer(database: Database) -> None:
    world = fill(database, items=1, itm=(0.3, 0.8))
    with database.write() as session:
        score_item(session, world, 1, (0.9, 0.9))
        values = select(Score.value).order_by(Score.id)
        assert session.scalars(values).all() == [0.3, 0.1, 0.8, 0.1]
        score_item(session, world, 1, (0.6, 0.7), OTHER_SCORER)
        assert session.scalar(select(func.count()).select_from(Score)) == 8


def test_a_dataset_shows_its_newest_scorer(database: Database) -> None:
    world = fill(database, items=1)
    with database.write() as session:
        first = scorer_ids(session, identity=SCORER)
        assert get_dataset(session, dataset_id=1).itm_scorer_id == first["itm"]
        score_item(session, world, 1, (0.6, 0.7), OTHER_SCORER)
        second = scorer_ids(session, identity=OTHER_SCORER)
        assert get_dataset(session, dataset_id=1).itc_scorer_id == second["itc"]
        assert not set(first.values()) & set(second.values())


def test_two_runs_keep_their_own_texts(database: Database, world: World) -> None:
    with database.write() as session:
        other = create_run(session, NewRun(kind="import", code_version="1", dataset_id=1))
        for run_id in (world.run_id, other.id, other.id):
            add_captions(session, run_id=run_id, item_id=1, texts=["drawn"])
        assert len(texts_of(session, item_id=1)) == 3
        assert len(texts_of(session, item_id=1, run_id=other.id)) == 1
