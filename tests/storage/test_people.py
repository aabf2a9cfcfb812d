"""Names, progress, agreement, and opinions on answers."""

import pytest

from blip2core.errors import StorageError
from blip2core.storage import Database
from blip2core.storage.batches import Choice, NewBatch, decide_many
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.feedback import NewRating, add_feedback, list_feedback
from blip2core.storage.people import (
    annotator_progress,
    get_or_create_annotator,
    list_annotators,
    set_active,
    verdict_pairs,
)
from tests.storage.world import World, fill


def decide(database: Database, world: World, annotator: int, caption: int, action: str) -> None:
    with database.write() as session:
        new = NewDecision(
            client_event_id=f"{annotator} {caption}",
            item_id=(caption + 1) // 2,
            annotator_id=annotator,
            action=action,
            caption_id=None if action == "skip" else caption,
        )
        record_decision(session, new)


def test_a_name_is_one_person(database: Database) -> None:
    with database.write() as session:
        first = get_or_create_annotator(session, handle=" ann\0 ")
        assert get_or_create_annotator(session, handle="ann", display_name="Ann B.").id == first.id
        assert [one.display_name for one in list_annotators(session)] == ["Ann B."]
        for wrong in ("", "\x07", "x" * 81):
            with pytest.raises(StorageError, match="between 1 and 80"):
                get_or_create_annotator(session, handle=wrong)
        set_active(session, annotator_id=first.id, active=False)
        with pytest.raises(StorageError, match="not active"):
            get_or_create_annotator(session, handle="ann")


def test_progress_counts_what_counts(database: Database) -> None:
    world = fill(database, items=4)
    decide(database, world, world.ann, 1, "accept")
    decide(database, world, world.ann, 2, "reject")
    decide(database, world, world.ann, 3, "skip")
    decide(database, world, world.bob, 5, "accept")
    with database.write() as session:
        undo_last(session, annotator_id=world.ann, client_event_id="u")
        choices = [Choice(item_id=4, caption_id=caption, action="accept") for caption in (7, 8)]
        new = NewBatch(uid="b", dataset_id=1, annotator_id=world.bob)
        decide_many(session, new, choices=choices, expected=2)
    with database.read() as session:
        ann, bob = sorted(annotator_progress(session, dataset_id=1), key=lambda one: one.handle)
    assert (ann.handle, ann.acts, ann.in_batches) == ("ann", {"accept": 1, "reject": 1}, 0)
    assert (bob.acts, bob.in_batches, bob.items) == ({"accept": 1}, 2, 1)
    assert ann.items == 1
    assert ann.last.tzinfo is not None


def test_agreement_is_about_what_both_looked_at(database: Database) -> None:
    world = fill(database, items=4)
    for caption, first, second in ((1, "accept", "accept"), (2, "reject", "accept")):
        decide(database, world, world.ann, caption, first)
        decide(database, world, world.bob, caption, second)
    decide(database, world, world.ann, 5, "accept")
    with database.write() as session:
        choices = [Choice(item_id=3, caption_id=5, action="accept")]
        new = NewBatch(uid="b", dataset_id=1, annotator_id=world.bob)
        decide_many(session, new, choices=choices, expected=1)
        both = {"dataset_id": 1, "first_id": world.ann, "second_id": world.bob}
        assert verdict_pairs(session, **both) == [(True, True), (False, True)]


def test_an_opinion_can_be_changed(database: Database) -> None:
    said = {
        "client_event_id": "answer 1",
        "question": "What is it?",
        "answer": "a bird\0",
        "prompt": "Question: What is it? Answer:",
        "model": "stickers-opt",
    }
    with database.write() as session:
        first = add_feedback(session, NewRating(liked=True, **said))
        second = add_feedback(session, NewRating(liked=False, reason="It is a cat.", **said))
        assert first.id == second.id
        other = add_feedback(session, NewRating(liked=True, **said | {"client_event_id": "2"}))
        assert [one.id for one in list_feedback(session)] == [other.id, first.id]
        [old] = list_feedback(session, before=other.id)
        assert (old.liked, old.reason, old.answer) == (False, "It is a cat.", "a bird")
