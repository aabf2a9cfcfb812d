"""Histograms and counts against the scores themselves; datasets and their rules."""

import pytest

from blip2core.errors import StorageError
from blip2core.storage import Database
from blip2core.storage.batches import Choice, NewBatch, decide_many
from blip2core.storage.datasets import (
    find_dataset,
    get_dataset,
    get_or_create_dataset,
    list_datasets,
    update_dataset,
)
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.thresholds import (
    CaptionVerdict,
    kept_counts,
    score_histogram,
    verdict_scores,
)
from tests.storage.world import OTHER_SCORER, World, fill, score_item

WEB = (0.0, 0.25, 0.5, 1.0)
DRAWN = (0.3, 0.5, 0.75, 0.999)


@pytest.fixture
def world(database: Database) -> World:
    """Four items with these scores, and another dataset with some."""
    fill(database, items=2, name="other")
    made = fill(database, items=4, name="birds")
    with database.write() as session:
        for item, values in enumerate(zip(WEB, DRAWN, strict=True), start=3):
            score_item(session, made, item, values, OTHER_SCORER)
    return made


def test_histogram_counts_each_text_once(database: Database, world: World) -> None:
    with database.read() as session:
        found = score_histogram(session, dataset_id=world.dataset_id, bins=4)
        cosines = score_histogram(session, dataset_id=world.dataset_id, head="itc", bins=2)
    assert found.edges == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert found.counts == {"web": (1, 1, 1, 1), "synthetic": (0, 1, 1, 2)}
    assert cosines.edges == (-1.0, 0.0, 1.0)
    assert cosines.counts == {"web": (0, 4), "synthetic": (0, 4)}


def test_kept_counts_include_the_threshold(database: Database, world: World) -> None:
    with database.read() as session:
        kept = kept_counts(session, dataset_id=world.dataset_id, threshold=0.5)
    assert kept == {"web": (2, 4), "synthetic": (3, 4)}


def test_a_dataset_without_scores(database: Database) -> None:
    with database.write() as session:
        empty = get_or_create_dataset(session, name="empty")
        assert score_histogram(session, dataset_id=empty.id).counts == {}
        assert kept_counts(session, dataset_id=empty.id, threshold=0.5) == {}


def test_judged_scores_are_those_of_people(database: Database, world: World) -> None:
    texts = {"accept": 5, "reject": 6, "edit": 7}
    for action, caption in texts.items():
        with database.write() as session:
            new = NewDecision(
                client_event_id=action,
                item_id=(caption + 1) // 2,
                annotator_id=world.ann,
                action=action,
                caption_id=caption,
                text="mine",
            )
            record_decision(session, new)
    with database.write() as session:
        choices = [Choice(item_id=5, caption_id=9, action="accept")]
        new = NewBatch(uid="b", dataset_id=world.dataset_id, annotator_id=world.ann)
        decide_many(session, new, choices=choices, expected=1)
        assert verdict_scores(session, dataset_id=world.dataset_id) == [
            CaptionVerdict(source="web", value=0.0, accepted=True),
            CaptionVerdict(source="synthetic", value=0.3, accepted=False),
            CaptionVerdict(source="web", value=0.25, accepted=False),
        ]


def test_datasets_and_their_rules(database: Database, world: World) -> None:
    with database.write() as session:
        birds = find_dataset(session, name=" birds\0")
        assert get_or_create_dataset(session, name="birds").id == birds.id
        update_dataset(
            session, dataset_id=birds.id, overlap=2, guidelines="Be kind.\x07", policy={"top": 1}
        )
        again = get_dataset(session, dataset_id=birds.id)
        assert (again.overlap, again.guidelines, again.policy) == (2, "Be kind.", {"top": 1})
        lines = [(line.dataset.name, line.items) for line in list_datasets(session)]
        assert lines == [("birds", 4), ("other", 2)]
        with pytest.raises(StorageError, match="birds, other"):
            find_dataset(session, name="cats")
        with pytest.raises(StorageError, match="needs a name"):
            get_or_create_dataset(session, name="\0 ")
        with pytest.raises(StorageError, match="number 9"):
            get_dataset(session, dataset_id=9)
