"""The log of decisions: said once, never overwritten, taken back also after a restart."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from blip2core.errors import ConflictError, StorageError
from blip2core.storage import Database, maintenance, open_database
from blip2core.storage.captions import texts_of
from blip2core.storage.cards import load_draft, save_draft
from blip2core.storage.datasets import status_counts, update_dataset
from blip2core.storage.decisions import NewDecision, Recorded, Undone, record_decision, undo_last
from blip2core.storage.schema import Caption, DecisionEvent, Item, Verdict
from blip2core.storage.verdicts import verdict_differences
from tests.storage.world import World, fill


@pytest.fixture
def world(database: Database) -> World:
    """Three items with two texts each: 1 and 2, 3 and 4, 5 and 6."""
    return fill(database, items=3)


def decide(database: Database, **changes: object) -> Recorded:
    settings: dict[str, object] = {
        "client_event_id": "e1",
        "item_id": 1,
        "annotator_id": 1,
        "action": "accept",
        "caption_id": 1,
    }
    with database.write() as session:
        return record_decision(session, NewDecision(**settings | changes))


def undo(database: Database, event: str, annotator_id: int = 1) -> Undone | None:
    with database.write() as session:
        return undo_last(session, annotator_id=annotator_id, client_event_id=event)


def verdicts(database: Database) -> dict[tuple[int, int], str]:
    """(caption, annotator) -> verdict; also checks that they are what the log amounts to."""
    assert maintenance.check(database.engine).problems == ()
    with database.read() as session:
        found = session.scalars(select(Verdict))
        return {(one.caption_id, one.annotator_id): one.verdict for one in found}


def status(database: Database, item_id: int = 1) -> str:
    with database.read() as session:
        return session.get_one(Item, item_id).status


def test_the_same_event_is_one_decision(database: Database, world: World) -> None:
    first, again = decide(database, row_version=0), decide(database, row_version=0)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.decision_id == first.decision_id
    assert (again.status, again.row_version) == ("decided", 1)
    with pytest.raises(StorageError, match="another decision"):
        decide(database, item_id=2, caption_id=3)
    assert verdicts(database) == {(1, 1): "accept"}


@pytest.mark.parametrize(
    "other",
    [
        {"annotator_id": 2},
        {"action": "reject"},
        {"caption_id": 2},
        {"action": "skip", "caption_id": None},
        {"item_id": 2},
    ],
)
def test_an_event_id_stands_for_one_act_of_one_person(
    database: Database, world: World, other: dict[str, object]
) -> None:
    decide(database)
    with pytest.raises(StorageError, match="another decision"):
        decide(database, **other)
    assert verdicts(database) == {(1, 1): "accept"}
    assert status(database, 2) == "pending"


def test_nobody_overwrites_what_they_have_not_seen(database: Database, world: World) -> None:
    decide(database, row_version=0)
    with pytest.raises(ConflictError, match=r"ann was first \(accept\)"):
        decide(database, client_event_id="e2", annotator_id=2, action="reject", row_version=0)
    assert verdicts(database) == {(1, 1): "accept"}


def test_a_text_of_another_item_is_refused(database: Database, world: World) -> None:
    with pytest.raises(StorageError, match="does not belong"):
        decide(database, caption_id=3)
    with pytest.raises(StorageError, match="no item"):
        decide(database, item_id=99)


def test_an_edit_is_a_new_text_with_its_parent(database: Database, world: World) -> None:
    edited = decide(database, action="edit", text=" a\0 better bird\x07 ", note="typo\x00")
    with database.read() as session:
        caption = session.get_one(Caption, edited.caption_id)
        assert (caption.text, caption.source) == ("a better bird", "edited")
        assert (caption.parent_id, caption.author_id) == (1, world.ann)
        assert session.get_one(Caption, 1).text == "a bird 0"
        assert session.get_one(DecisionEvent, edited.decision_id).note == "typo"
    assert verdicts(database) == {(1, 1): "edit", (edited.caption_id, 1): "accept"}
    assert edited.status == "decided"
    undo(database, "u1")
    assert verdicts(database) == {}
    assert status(database) == "pending"


def test_a_text_written_from_nothing(database: Database, world: World) -> None:
    written = decide(database, action="edit", caption_id=None, text="my own")
    with database.read() as session:
        assert session.get_one(Caption, written.caption_id).source == "human"
    for nothing in ("\0 ", "\u2060\ufeff"):
        with pytest.raises(StorageError, match="empty"):
            decide(database, client_event_id="e2", action="edit", text=nothing)


def test_two_edits_to_the_same_words_are_two(database: Database, world: World) -> None:
    decide(database, action="edit", text="same")
    decide(database, client_event_id="e2", action="edit", text="same", annotator_id=2)
    with database.read() as session:
        assert len(texts_of(session, item_id=1)) == 4


def test_status_follows_the_decisions(database: Database, world: World) -> None:
    assert decide(database, action="skip", caption_id=None).status == "skipped"
    flag = decide(database, client_event_id="e2", action="flag", caption_id=None, reason="face")
    assert flag.status == "flagged"
    assert decide(database, client_event_id="e3", action="reject").status == "pending"
    last = decide(database, client_event_id="e4", action="reject", caption_id=2)
    assert last.status == "decided"  # every text is judged
    assert decide(database, client_event_id="e5", caption_id=2).status == "decided"
    assert verdicts(database) == {(1, 1): "reject", (2, 1): "accept"}


def test_undo_goes_back_step_by_step_after_a_restart(
    database_url: str, database: Database, world: World, tmp_path: Path
) -> None:
    decide(database)
    decide(database, client_event_id="e2", action="reject", caption_id=2)
    decide(database, client_event_id="e3", caption_id=2)
    decide(database, client_event_id="b", item_id=2, caption_id=3, annotator_id=2)
    database.close()
    again = open_database(database_url, data=tmp_path)
    assert undo(again, "u1") == Undone(item_ids=(1,), decisions=1, action="accept")
    assert verdicts(again)[2, 1] == "reject"
    assert undo(again, "u1").decisions == 0  # the same click
    undo(again, "u2")
    undo(again, "u3")
    assert verdicts(again) == {(3, 2): "accept"}
    assert undo(again, "u4") is None
    with again.read() as session:
        assert session.scalar(select(func.count()).select_from(DecisionEvent)) == 7
        assert status_counts(session, dataset_id=1) == {"pending": 2, "decided": 1}
        assert verdict_differences(session.connection()) == []
    assert verdicts(again) == {(3, 2): "accept"}
    again.close()


def test_undo_in_one_dataset_leaves_the_others(database: Database, world: World) -> None:
    other = fill(database, items=1, name="other")
    decide(database)
    decide(database, client_event_id="e2", item_id=4, caption_id=7)
    with database.write() as session:
        undone = undo_last(session, annotator_id=1, client_event_id="u", dataset_id=1)
    assert undone.item_ids == (1,)
    assert verdicts(database) == {(7, 1): "accept"}
    assert other.dataset_id == 2


def test_two_annotators_agree_or_not(database: Database, world: World) -> None:
    with database.write() as session:
        update_dataset(session, dataset_id=1, overlap=2)
    assert decide(database).status == "partial"
    second = decide(database, client_event_id="e2", annotator_id=2, round=2)
    assert second.status == "decided"
    third = decide(database, client_event_id="e3", annotator_id=2, action="reject", round=2)
    assert third.status == "conflict"


def test_a_draft_ends_with_its_text_accepted(database: Database, world: World) -> None:
    with database.write() as session:
        save_draft(session, item_id=1, annotator_id=1, text="half a tho", caption_id=1)
        save_draft(session, item_id=1, annotator_id=2, text="bob's")
    decide(database, action="edit", text="half a thought")
    with database.read() as session:
        assert load_draft(session, item_id=1, annotator_id=1) is None
        assert load_draft(session, item_id=1, annotator_id=2).text == "bob's"


def test_a_draft_ends_where_a_text_is_accepted(database: Database, world: World) -> None:
    with database.write() as session:
        save_draft(session, item_id=1, annotator_id=1, text="half a tho")
        save_draft(session, item_id=1, annotator_id=2, text="bob's")
        save_draft(session, item_id=2, annotator_id=1, text="of the next")
    decide(database)
    with database.read() as session:
        assert load_draft(session, item_id=1, annotator_id=1) is None
        assert load_draft(session, item_id=1, annotator_id=2).text == "bob's"
        assert load_draft(session, item_id=2, annotator_id=1).text == "of the next"
        assert load_draft(session, item_id=2, annotator_id=2) is None


@pytest.mark.parametrize("action", ["reject", "skip", "flag"])
def test_a_draft_outlives_all_else(database: Database, world: World, action: str) -> None:
    with database.write() as session:
        save_draft(session, item_id=1, annotator_id=1, text="half a tho", caption_id=2)
    decide(database, action=action, caption_id=1 if action == "reject" else None)
    with database.read() as session:
        assert load_draft(session, item_id=1, annotator_id=1).text == "half a tho"


def test_a_draft_starts_from_a_text_of_its_item(database: Database, world: World) -> None:
    with pytest.raises(StorageError), database.write() as session:
        save_draft(session, item_id=1, annotator_id=1, text="a bird", caption_id=3)
    with database.read() as session:
        assert load_draft(session, item_id=1, annotator_id=1) is None


def test_nothing_is_decided_about_an_image_that_was_taken_down(
    database: Database, world: World
) -> None:
    before = decide(database)
    with database.write() as session:
        session.get_one(Item, 1).status = "excluded"
    with pytest.raises(StorageError, match="Image 1 was taken down"):
        decide(database, client_event_id="e2", caption_id=2)
    assert decide(database) == replace(before, repeated=True, status="excluded")
    assert list(verdicts(database)) == [(1, 1)]
