"""Many decisions as one act: all or none, and back as one."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from blip2core.errors import ConflictError, StorageError
from blip2core.storage import Database, maintenance
from blip2core.storage.batches import (
    AuditResult,
    Choice,
    NewBatch,
    audit_result,
    count_threshold,
    decide_many,
    draw_audit,
    list_batches,
    threshold_choices,
    undo_batch,
)
from blip2core.storage.captions import add_scores, texts_of
from blip2core.storage.datasets import status_counts
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.doubted_items import count_doubted
from blip2core.storage.review import QueueFilter, review_queue
from blip2core.storage.schema import Batch, DecisionEvent, Item, Verdict
from tests.storage.world import SCORER, World, fill, score_item, scored

ITEMS = 8


@pytest.fixture
def world(database: Database) -> World:
    """Items 1 to 8 with a web text at 0.3 and a synthetic one at 0.8."""
    return fill(database, items=ITEMS)


def apply_threshold(database: Database, threshold: float = 0.5, uid: str = "t1") -> int:
    """-> the number of the batch."""
    with database.write() as session:
        counts = count_threshold(session, dataset_id=1, threshold=threshold)
        batch = decide_many(
            session,
            NewBatch(uid=uid, dataset_id=1, annotator_id=1, kind="threshold"),
            choices=threshold_choices(session, dataset_id=1, threshold=threshold),
            expected=counts["accept"] + counts["reject"],
        )
        return batch.id


def counts(database: Database) -> tuple[dict[str, int], int]:
    """Items by status, and verdicts; also checks that these are what the log amounts to."""
    assert maintenance.check(database.engine).problems == ()
    with database.read() as session:
        verdicts = session.scalar(select(func.count()).select_from(Verdict)) or 0
        return status_counts(session, dataset_id=1), verdicts


def test_a_threshold_decides_every_scored_text(database: Database, world: World) -> None:
    with database.read() as session:
        assert count_threshold(session, dataset_id=1, threshold=0.5) == {
            "accept": ITEMS,
            "reject": ITEMS,
            "items": ITEMS,
        }
    apply_threshold(database)
    assert counts(database) == ({"decided": ITEMS}, 2 * ITEMS)
    with database.read() as session:
        query = select(Verdict.caption_id, Verdict.verdict).order_by(Verdict.caption_id)
        assert session.execute(query).all()[:2] == [(1, "reject"), (2, "accept")]


def test_items_in_doubt_are_left_to_people(database: Database, world: World) -> None:
    """In doubt: the captions written of an image have too low a mean cosine, whatever its web text
    has.
    """
    with database.write() as session:
        scores = {}
        for item_id in range(1, ITEMS + 1):
            web, written = texts_of(session, item_id=item_id)
            itc = -0.5 if item_id == 2 else 0.4
            scores[web.caption_id] = replace(scored(0.3), itc=0.1)
            scores[written.caption_id] = replace(scored(0.8), itc=itc)
        newer = replace(SCORER, revision="newer")
        add_scores(session, run_id=world.run_id, identity=newer, scores=scores)
    with database.read() as session:
        doubting = {"dataset_id": 1, "threshold": 0.5, "own_caption_itc": -0.2}
        assert count_threshold(session, **doubting) == {
            "accept": ITEMS - 1,
            "reject": ITEMS - 1,
            "items": ITEMS - 1,
        }
        chosen = {choice.item_id for choice in threshold_choices(session, **doubting)}
        assert chosen == set(range(1, ITEMS + 1)) - {2}
        assert count_doubted(session, dataset_id=1, least=-0.2) == 1
        assert count_doubted(session, dataset_id=1, least=None) == 0


def test_items_decided_by_people_are_left_alone(database: Database, world: World) -> None:
    with database.write() as session:
        new = NewDecision(
            client_event_id="e", item_id=2, annotator_id=2, action="accept", caption_id=3
        )
        record_decision(session, new)
    apply_threshold(database)
    with database.read() as session:
        query = select(Verdict.annotator_id).where(Verdict.item_id == 2)
        assert session.scalars(query).all() == [2]


def test_a_batch_is_whole_or_not_at_all(database: Database, world: World) -> None:
    choices = [Choice(item_id=1, caption_id=1, action="accept")]
    new = NewBatch(uid="b", dataset_id=1, annotator_id=1)
    with pytest.raises(ConflictError, match="^1 decision instead of 2"), database.write() as one:
        decide_many(one, new, choices=choices, expected=2)
    with pytest.raises(StorageError, match="nothing to decide"), database.write() as one:
        decide_many(one, new, choices=[], expected=0)
    assert counts(database) == ({"pending": ITEMS}, 0)
    for _ in range(2):  # a double click
        with database.write() as session:
            decide_many(session, new, choices=iter(choices), expected=1)
    assert counts(database)[1] == 1


def test_a_batch_changes_the_version_of_its_items(database: Database, world: World) -> None:
    apply_threshold(database)
    late = NewDecision(
        client_event_id="e",
        item_id=1,
        annotator_id=2,
        action="accept",
        caption_id=1,
        row_version=0,
    )
    with pytest.raises(ConflictError), database.write() as session:
        record_decision(session, late)


def test_undo_takes_the_whole_batch_back_once(database: Database, world: World) -> None:
    number = apply_threshold(database)
    with database.write() as session:
        undone = undo_batch(session, batch_id=number, annotator_id=1, uid="u1")
        assert (undone.decisions, undone.uid, undone.first_items[:2]) == (2 * ITEMS, "t1", (1, 2))
    assert counts(database) == ({"pending": ITEMS}, 0)
    with pytest.raises(ConflictError, match="already"), database.write() as session:
        undo_batch(session, batch_id=number, annotator_id=1, uid="u2")
    with pytest.raises(StorageError, match="no batch"), database.write() as session:
        undo_batch(session, batch_id=99, annotator_id=1, uid="u3")
    with database.read() as session:
        [line] = list_batches(session, dataset_id=1)
        assert (line.batch.uid, line.handle, line.undone) == ("t1", "ann", True)


def test_undo_leaves_what_a_person_decided_since(database: Database, world: World) -> None:
    number = apply_threshold(database)
    with database.write() as session:
        new = NewDecision(
            client_event_id="e", item_id=1, annotator_id=1, action="accept", caption_id=1
        )
        record_decision(session, new)
    with database.write() as session:
        undo_batch(session, batch_id=number, annotator_id=1, uid="u1")
    status, verdicts = counts(database)
    assert (status, verdicts) == ({"decided": 1, "pending": ITEMS - 1}, 1)


def test_undo_last_takes_a_batch_as_one_act(database: Database, world: World) -> None:
    apply_threshold(database)
    with database.write() as session:
        undone = undo_last(session, annotator_id=1, client_event_id="u1")
        assert (undone.decisions, undone.action, undone.batch_uid) == (16, "threshold", "t1")
    with database.write() as session:
        assert undo_last(session, annotator_id=1, client_event_id="u1").decisions == 0
        assert undo_last(session, annotator_id=1, client_event_id="u2") is None
    apply_threshold(database, uid="t2")  # and it can be done again
    assert counts(database)[0] == {"decided": ITEMS}


def test_an_audit_sample_waits_for_people(database: Database, world: World) -> None:
    number = apply_threshold(database)
    with database.write() as session:
        drawn = draw_audit(session, batch_id=number, size=3, seed=1)
    assert len(drawn) == 3
    assert counts(database)[0] == {"audit": 3, "decided": ITEMS - 3}
    with database.read() as session:
        where = QueueFilter(statuses=("audit",), batch_id=number)
        page = review_queue(session, dataset_id=1, where=where)
        assert sorted(entry.item_id for entry in page.entries) == drawn
    for item_id, caption_id in ((drawn[0], 2 * drawn[0]), (drawn[1], 2 * drawn[1] - 1)):
        with database.write() as session:
            new = NewDecision(
                client_event_id=f"e{item_id}",
                item_id=item_id,
                annotator_id=1,
                action="accept",
                caption_id=caption_id,
            )
            record_decision(session, new)
    assert counts(database)[0] == {"audit": 1, "decided": ITEMS - 1}
    with database.read() as session:
        # the first is as the threshold said, the second is not
        assert audit_result(session, batch_id=number) == AuditResult(
            drawn=3, verdicts=2, confirmed=1
        )


def test_a_sample_is_random_and_repeatable(database: Database, world: World) -> None:
    samples = []
    for seed in (1, 1, 2):
        number = apply_threshold(database, uid=f"t{len(samples)}")
        with database.write() as session:
            samples.append(draw_audit(session, batch_id=number, size=4, seed=seed))
        with database.write() as session:
            undo_batch(session, batch_id=number, annotator_id=1, uid=f"u{len(samples)}")
        assert counts(database)[0] == {"pending": ITEMS}
    assert samples[0] == samples[1] != samples[2]


def test_a_large_batch_goes_in_pages(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks that end in the middle of an item lose nothing."""
    monkeypatch.setattr("blip2core.storage.bulk_insert.chunks.__defaults__", (3,))
    with database.write() as session:
        score_item(session, world, 1, (0.3, 0.8))
    apply_threshold(database)
    with database.read() as session:
        batch = session.scalars(select(Batch)).one()
        decisions = session.scalar(select(func.count()).select_from(DecisionEvent))
        assert decisions == batch.expected == 2 * ITEMS
        assert session.get_one(Item, 1).row_version >= 1
    assert counts(database) == ({"decided": ITEMS}, 2 * ITEMS)
