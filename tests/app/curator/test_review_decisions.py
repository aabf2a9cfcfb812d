"""What the review page stores, also where a key or a draft comes too late."""

from typing import Any

import pytest
from sqlalchemy import select

from app.curator.context import DatasetContext
from app.curator.review_decisions import (
    DRAFT_NOT_STORED,
    decide_item,
    drop_edit,
    keep_draft,
    save_edit,
    undo_latest,
)
from app.curator.review_session import (
    NEW_TEXT,
    ReviewRules,
    ReviewSession,
    advance,
    begin_edit,
    current,
    go_forward,
    next_undecided,
    show_item,
    undecided_texts,
)
from app.services import Services
from blip2core.errors import ConflictError, StorageError, UnavailableError
from blip2core.storage.cards import Card, card, save_draft, take_lease
from blip2core.storage.database import Database
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.review import review_queue
from blip2core.storage.schema import Annotator, Caption, DecisionEvent, Draft
from tests.app.curator.conftest import context_of

RULES = ReviewRules()


def opened(context: DatasetContext, item_id: int = 7) -> tuple[ReviewSession, Card]:
    """A review session with an item on screen, and that item."""
    review = ReviewSession()
    show_item(review, item_id)
    shown = current(context, RULES, review)
    assert shown is not None
    return review, shown


def decisions(database: Database) -> list[tuple[str, int, str]]:
    """(action, item, handle) of every decision."""
    with database.read() as session:
        query = (
            select(DecisionEvent.action, DecisionEvent.item_id, Annotator.handle)
            .join(Annotator, Annotator.id == DecisionEvent.annotator_id)
            .order_by(DecisionEvent.id)
        )
        return [(action, item, handle) for action, item, handle in session.execute(query)]


def drafts(database: Database) -> list[tuple[int, int | None, str]]:
    """(item, caption, text) of every draft."""
    with database.read() as session:
        return [(one.item_id, one.caption_id, one.text) for one in session.scalars(select(Draft))]


@pytest.mark.parametrize("action", ["accept", "reject", "skip", "flag"])
def test_a_key_that_comes_after_the_next_item_does_nothing(
    context: DatasetContext, database: Database, action: Any
) -> None:
    review, shown = opened(context)
    advance(context, RULES, review)
    following = current(context, RULES, review)
    assert following is not None and following.item_id != shown.item_id
    before = (review.item_id, review.chosen, review.event, list(review.earlier))
    decide_item(context, RULES, review, shown, action, reason="other")
    assert decisions(database) == []
    assert (review.item_id, review.chosen, review.event, list(review.earlier)) == before
    assert review.message == ""


def test_no_item_of_the_queue_is_passed_over(context: DatasetContext, database: Database) -> None:
    with database.read() as session:
        page = review_queue(session, dataset_id=1, limit=12)
    review, seen = ReviewSession(), []
    for _ in page.entries:
        advance(context, RULES, review)
        seen.append(review.item_id)
    assert seen == [entry.item_id for entry in page.entries] and len(seen) == 12


def test_the_next_undecided_item_is_another_one(context: DatasetContext) -> None:
    review = ReviewSession()
    advance(context, RULES, review)
    first = review.item_id
    next_undecided(context, RULES, review)
    assert review.item_id not in (first, None)


@pytest.mark.parametrize("name", [{"item": 8}, {"caption": 1}, {"item": None}, {"caption": None}])
def test_a_text_for_another_item_or_caption_is_not_saved(
    context: DatasetContext, database: Database, name: dict[str, int | None]
) -> None:
    review, shown = opened(context)
    review.editing = review.chosen
    saved = {"item": 7, "caption": review.editing, "text": "a new text"}
    save_edit(context, RULES, review, shown, saved | name)
    assert decisions(database) == []
    save_edit(context, RULES, review, shown, saved)
    assert decisions(database) == [("edit", 7, "ada")]


def test_a_text_is_not_saved_once_the_editor_is_closed(
    context: DatasetContext, database: Database
) -> None:
    review, shown = opened(context)
    save_edit(context, RULES, review, shown, {"item": 7, "caption": None, "text": "a new text"})
    save_edit(context, RULES, review, shown, {"item": 7, "caption": NEW_TEXT, "text": "a new text"})
    review.editing = NEW_TEXT
    save_edit(context, RULES, review, shown, None)
    assert decisions(database) == []


def test_an_edit_replaces_its_text_and_ends_the_draft(
    context: DatasetContext, database: Database
) -> None:
    review, shown = opened(context)
    review.editing = review.chosen
    keep_draft(context, review, shown, {"item": 7, "caption": review.editing, "text": "half a"})
    assert drafts(database) == [(7, review.editing, "half a")]
    parent = review.editing
    save_edit(context, RULES, review, shown, {"item": 7, "caption": parent, "text": "a whole"})
    assert drafts(database) == []
    with database.read() as session:
        (new,) = session.scalars(select(Caption).where(Caption.source == "edited"))
        assert (new.text, new.parent_id) == ("a whole", parent)
    assert review.item_id != 7 and review.editing is None


def test_a_new_text_has_no_parent_and_its_draft_opens_the_editor_again(
    context: DatasetContext, database: Database
) -> None:
    review, shown = opened(context)
    begin_edit(review, None)
    assert review.editing == NEW_TEXT
    new = {"item": 7, "caption": NEW_TEXT}
    keep_draft(context, review, shown, new | {"text": "half a"})
    assert drafts(database) == [(7, None, "half a")]
    assert opened(context)[0].editing == NEW_TEXT
    save_edit(context, RULES, review, shown, new | {"text": "a whole"})
    with database.read() as session:
        written = session.scalars(select(Caption).where(Caption.text == "a whole")).one()
        assert written.parent_id is None


def test_no_draft_survives_an_accept(context: DatasetContext, database: Database) -> None:
    review, shown = opened(context)
    keep_draft(context, review, shown, {"item": 7, "caption": review.chosen, "text": "half a"})
    decide_item(context, RULES, review, shown, "accept")
    assert drafts(database) == []
    show_item(review, 7)
    again = current(context, RULES, review)
    assert again is not None and again.draft is None and review.editing is None


@pytest.mark.parametrize(
    "draft",
    [
        None,
        {},
        {"item": 8, "caption": None, "text": "of the next"},
        {"caption": None, "text": "of none"},
        {"item": 7, "caption": None},
        {"item": 7, "caption": None, "text": 7},
    ],
)
def test_a_draft_that_is_not_of_this_item_is_dropped(
    context: DatasetContext, database: Database, draft: dict[str, Any] | None
) -> None:
    review, shown = opened(context)
    keep_draft(context, review, shown, draft)
    assert drafts(database) == []


def refuse(*_: object, **__: object) -> None:
    raise StorageError("The disk is full.")


def test_a_draft_that_cannot_be_stored_is_told_until_it_is(
    context: DatasetContext, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    review, shown = opened(context)
    begin_edit(review, None)
    draft = {"item": 7, "caption": NEW_TEXT, "text": "half a"}
    with monkeypatch.context() as patched:
        patched.setattr(Database, "run_write", refuse)
        keep_draft(context, review, shown, draft)
    assert review.message == f"The disk is full. {DRAFT_NOT_STORED}"
    assert review.editing == NEW_TEXT and drafts(database) == []
    keep_draft(context, review, shown, draft)
    assert review.message == "" and drafts(database) == [(7, None, "half a")]
    review.message = "Undone: skip."
    keep_draft(context, review, shown, draft)
    assert review.message == "Undone: skip."


def test_what_is_typed_stays_where_no_write_succeeds(
    context: DatasetContext, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    review, shown = opened(context)
    begin_edit(review, review.chosen)
    saved = {"item": 7, "caption": review.editing, "text": "a whole"}
    with monkeypatch.context() as patched:
        patched.setattr(Database, "run_write", refuse)
        save_edit(context, RULES, review, shown, saved)
        assert review.message == "The disk is full."
        assert (review.item_id, review.editing) == (7, saved["caption"])
        go_forward(context, RULES, review)
        assert review.item_id != 7 and review.message == "The disk is full."
    assert decisions(database) == []


def test_what_is_on_screen_stays_while_the_database_does_not_answer(
    context: DatasetContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    review, shown = opened(context)
    begin_edit(review, None)

    def away(*_: object) -> None:
        raise UnavailableError("It does not answer.")

    monkeypatch.setattr(Database, "read", away)
    assert current(context, RULES, review) == shown
    assert (review.item_id, review.editing) == (7, NEW_TEXT)
    assert review.message == "It does not answer."
    other = ReviewSession(item_id=7)
    with pytest.raises(UnavailableError):
        current(context, RULES, other)
    assert other.item_id == 7


def test_a_draft_thrown_away_leaves_those_of_others(
    context: DatasetContext, services: Services, database: Database
) -> None:
    review, shown = opened(context)
    bob = context_of(services, database, "bob")
    keep_draft(context, review, shown, {"item": 7, "caption": None, "text": "ada's"})
    keep_draft(bob, review, shown, {"item": 7, "caption": None, "text": "bob's"})
    review.editing = NEW_TEXT
    drop_edit(context, review, shown)
    assert review.editing is None and drafts(database) == [(7, None, "bob's")]


def test_who_types_keeps_the_item(context: DatasetContext, database: Database) -> None:
    ada = context.annotator_id
    with database.write() as session:
        bob = get_or_create_annotator(session, handle="bob").id
        take_lease(session, item_id=7, annotator_id=ada, seconds=-1)  # ran out
        shown = card(session, item_id=7, annotator_id=ada)
    review = ReviewSession(item_id=7)
    keep_draft(context, review, shown, {"item": 7, "caption": None, "text": "half a"})
    with database.read() as session:
        assert session.get_one(Draft, (7, ada)).text == "half a"
    with database.write() as session, pytest.raises(ConflictError, match="ada has this item"):
        take_lease(session, item_id=7, annotator_id=bob)


def test_a_verdict_is_of_the_person_who_gave_it(
    context: DatasetContext, services: Services, database: Database
) -> None:
    bob = context_of(services, database, "bob")
    review, shown = opened(bob)
    accepted = review.chosen
    decide_item(bob, RULES, review, shown, "accept", stay=True)
    assert decisions(database) == [("accept", 7, "bob")]
    mine, shown = opened(context)
    assert mine.chosen == accepted  # what Bob said leaves Ada's open
    assert accepted in undecided_texts(shown, "ada")
    assert accepted not in undecided_texts(shown, "bob")
    assert accepted not in undecided_texts(shown, "ada", but=accepted)


def test_nobody_undoes_what_another_did(
    context: DatasetContext, services: Services, database: Database
) -> None:
    bob = context_of(services, database, "bob")
    review, shown = opened(bob)
    decide_item(bob, RULES, review, shown, "skip")
    mine, _ = opened(context)
    undo_latest(context, mine)
    assert mine.message == "There is nothing to undo."
    assert decisions(database) == [("skip", 7, "bob")]


def test_what_was_on_screen_is_stored_with_the_decision(
    context: DatasetContext, database: Database
) -> None:
    review, shown = opened(context)
    decide_item(context, RULES, review, shown, "skip")
    with database.read() as session:
        seen = session.scalars(select(DecisionEvent.seen)).one()
    scores = {
        str(text.caption_id): {"itm": text.itm.value, "itc": text.itc.value}
        for text in shown.texts
        if text.itm and text.itc
    }
    assert len(scores) == 3 and seen == {"threshold": 0.5, "scores": scores}


def test_a_stored_draft_opens_the_editor_without_the_keyboard(
    context: DatasetContext, database: Database
) -> None:
    with database.write() as session:
        save_draft(session, item_id=7, annotator_id=context.annotator_id, text="half a")
    review, _ = opened(context)
    assert review.editing == 0 and not review.typing


def remove_image(context: DatasetContext, shown: Card) -> None:
    context.database.images.path(shown.image_sha256, format=shown.format).unlink()


def test_nothing_is_accepted_about_an_image_that_is_missing(
    context: DatasetContext, database: Database
) -> None:
    review, shown = opened(context)
    remove_image(context, shown)
    decide_item(context, RULES, review, shown, "accept")
    assert "image of item 7 is missing or damaged" in review.message
    assert "`blip2 db restore BACKUP --images`" in review.message
    begin_edit(review, review.chosen)
    decide_item(context, RULES, review, shown, "edit", text="a better one")
    assert "only rejected" in review.message and review.editing is not None
    assert decisions(database) == []
    review.editing = None
    decide_item(context, RULES, review, shown, "reject")
    decide_item(context, RULES, review, shown, "skip")
    assert review.message == ""
    assert decisions(database) == [("reject", 7, "ada"), ("skip", 7, "ada")]
