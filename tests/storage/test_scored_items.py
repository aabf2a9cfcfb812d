"""Texts with the scores of the dataset's scorer, page by page."""

import pytest

from blip2core.storage.datasets import get_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.scored_items import scored_items
from tests.storage import world
from tests.storage.world import OTHER_SCORER, fill


def test_pages_go_on_where_the_last_one_ended(database):
    dataset_id = fill(database, items=5).dataset_id
    with database.read() as session:
        first = scored_items(session, dataset_id=dataset_id, limit=3)
        rest = scored_items(session, dataset_id=dataset_id, after=first[-1].item_id, limit=3)
        assert scored_items(session, dataset_id=dataset_id, after=rest[-1].item_id) == []
    assert [len(first), len(rest)] == [3, 2]
    (_, web), (_, written) = first[0].texts
    assert (web.candidate.source, written.candidate.source) == ("web", "synthetic")
    assert (web.itm, written.itm, web.itc, web.tokens) == pytest.approx((0.3, 0.8, 0.1, 5))


def test_only_the_newest_scorer_speaks(database):
    made = fill(database, items=1)
    with database.write() as session:
        world.score_item(session, made, 1, (0.6, 0.7), OTHER_SCORER)
    with database.read() as session:
        assert get_dataset(session, dataset_id=made.dataset_id).itm_scorer_id
        (item,) = scored_items(session, dataset_id=made.dataset_id)
    assert [scored.itm for _, scored in item.texts] == pytest.approx([0.6, 0.7])


def test_items_without_scores_are_there_and_decided_ones_are_not(database):
    made = fill(database, items=2)
    with database.write() as session:
        bare = world.import_one(session, made, 7).item_id
        (number, _), _ = scored_items(session, dataset_id=made.dataset_id)[0].texts
        decision = NewDecision(
            client_event_id="e",
            item_id=1,
            annotator_id=made.ann,
            action="accept",
            caption_id=number,
        )
        record_decision(session, decision)
    with database.read() as session:
        found = scored_items(session, dataset_id=made.dataset_id)
        decided = scored_items(session, dataset_id=made.dataset_id, statuses=("decided",))
    assert [item.item_id for item in found] == [2, bare] and found[1].texts == ()
    assert [item.item_id for item in decided] == [1]
