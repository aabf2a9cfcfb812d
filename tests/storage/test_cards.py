"""One item with all there is to see of it; drafts, leases, and what a blind review hides."""

import pytest

from blip2core.errors import ConflictError, StorageError
from blip2core.storage import Database
from blip2core.storage.cards import (
    Card,
    card,
    drop_draft,
    load_draft,
    release_lease,
    save_draft,
    take_lease,
)
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from tests.storage.world import OTHER_SCORER, World, fill, score_item


@pytest.fixture
def world(database: Database) -> World:
    """Item 1: ann accepted the first text, bob rejected it, edited the second, took back a skip."""
    made = fill(database, items=1)
    acts: list[dict[str, object]] = [
        {"annotator_id": made.ann, "action": "accept", "caption_id": 1},
        {"annotator_id": made.bob, "action": "reject", "caption_id": 1, "reason": "no bird"},
        {"annotator_id": made.bob, "action": "edit", "caption_id": 2, "text": "bob's bird"},
        {"annotator_id": made.bob, "action": "skip"},
    ]
    for number, act in enumerate(acts):
        with database.write() as session:
            record_decision(session, NewDecision(client_event_id=f"{number}", item_id=1, **act))
    with database.write() as session:
        undo_last(session, annotator_id=made.bob, client_event_id="undo")
    return made


def shown(database: Database, **arguments: object) -> Card:
    with database.read() as session:
        return card(session, item_id=1, **arguments)


def test_a_card_has_everything(database: Database, world: World) -> None:
    seen = shown(database)
    assert (seen.status, seen.state, seen.row_version) == ("conflict", "ok", 5)
    assert [(text.text, text.source) for text in seen.texts] == [
        ("a bird 0", "web"),
        ("a drawn bird 0", "synthetic"),
        ("bob's bird", "edited"),
    ]
    web, drawn, edited = seen.texts
    assert (web.itm.value, web.itm.tokens, web.itm.text_limit) == (0.3, 5, 32)
    assert web.itc.scorer == "stickers-itm@" + "1" * 40
    assert [(one.handle, one.verdict) for one in web.verdicts] == [
        ("ann", "accept"),
        ("bob", "reject"),
    ]
    assert drawn.writer == "stickers-opt@" + "3" * 40
    assert (edited.author, edited.parent_id, edited.itm) == ("bob", 2, None)
    assert seen.sources[0].license == "CC0"
    history = [(act.handle, act.action, act.undone) for act in seen.history]
    assert history == [
        ("bob", "undo", False),
        ("bob", "skip", True),
        ("bob", "edit", False),
        ("bob", "reject", False),
        ("ann", "accept", False),
    ]
    assert seen.history[3].reason == "no bird"
    about = [act.caption_id for act in seen.history]
    assert about[2:] == [edited.caption_id, web.caption_id, web.caption_id]
    assert all(act.when.tzinfo is not None for act in seen.history)


def test_a_blind_card_hides_the_others(database: Database, world: World) -> None:
    seen = shown(database, annotator_id=world.ann, blind=True)
    assert [text.source for text in seen.texts] == ["web", "synthetic"]
    assert [one.handle for text in seen.texts for one in text.verdicts] == ["ann"]
    assert [act.handle for act in seen.history] == ["ann"]
    assert "bob" not in str(seen)


def test_a_card_shows_the_newest_scores(database: Database, world: World) -> None:
    with database.write() as session:
        score_item(session, world, 1, (0.6, 0.7, 0.9), OTHER_SCORER)
    values = [text.itm.value for text in shown(database).texts]
    assert values == [0.6, 0.7, 0.9]


def test_drafts_stay_until_they_are_dropped(database: Database, world: World) -> None:
    with database.write() as session:
        save_draft(session, item_id=1, annotator_id=world.ann, text="one", caption_id=1)
        save_draft(session, item_id=1, annotator_id=world.ann, text="two\0", caption_id=2)
    draft = shown(database, annotator_id=world.ann).draft
    assert (draft.text, draft.caption_id) == ("two", 2)
    assert shown(database, annotator_id=world.bob).draft is None
    with database.write() as session:
        save_draft(session, item_id=1, annotator_id=world.ann, text=" ")
        drop_draft(session, item_id=1, annotator_id=world.bob)
        assert load_draft(session, item_id=1, annotator_id=world.ann) is None
    with pytest.raises(StorageError), database.write() as session:
        save_draft(session, item_id=1, annotator_id=world.ann, text="x", caption_id=99)


def test_one_screen_at_a_time(database: Database, world: World) -> None:
    for _ in range(2):  # prolonging is no conflict
        with database.write() as session:
            take_lease(session, item_id=1, annotator_id=world.ann)
    with pytest.raises(ConflictError, match="ann has this item"), database.write() as session:
        take_lease(session, item_id=1, annotator_id=world.bob)
    assert shown(database, annotator_id=world.bob).held_by == "ann"
    assert shown(database, annotator_id=world.ann).held_by is None
    with database.write() as session:
        release_lease(session, item_id=1, annotator_id=world.bob)  # not theirs
        take_lease(session, item_id=1, annotator_id=world.ann, seconds=-1)
    with database.write() as session:
        take_lease(session, item_id=1, annotator_id=world.bob)  # ann's is over
    assert shown(database).held_by == "bob"


def test_an_item_there_is_not(database: Database) -> None:
    with pytest.raises(StorageError, match="no item"), database.read() as session:
        card(session, item_id=1)
