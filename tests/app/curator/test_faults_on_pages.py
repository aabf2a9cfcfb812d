"""Pages where the database does not answer, or takes nothing: one sentence, and nothing lost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from app.curator.main import PAGE_TITLES
from app.request_info import RequestInfo
from blip2core.errors import StorageError, UnavailableError
from blip2core.storage.cards import save_draft
from blip2core.storage.database import Database
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.schema import Dataset, DecisionEvent
from tests.app.curator.conftest import Open
from tests.app.curator.test_review_page import editor_of

FULL = "The disk is full."
AWAY = "The database does not answer; try again in a moment."


@pytest.mark.parametrize("name", PAGE_TITLES)
def test_a_page_says_in_one_sentence_that_the_database_is_away(
    open_page: Open, database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    page = open_page(name)

    @contextmanager
    def away(self: Database) -> Iterator[None]:
        raise UnavailableError(AWAY)
        yield

    with monkeypatch.context() as patched:
        patched.setattr(Database, "read", away)
        patched.setattr(Database, "write", away)
        page.run()
        assert not page.exception
        assert [one.value for one in page.error] == [AWAY]
    page.run()
    assert not page.exception and not page.error


def test_a_decision_that_cannot_be_stored_now_is_told(
    open_page: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is acknowledged, and the same image is on screen."""
    page = open_page("review")

    def away(*_: object, **__: object) -> None:
        raise UnavailableError(AWAY)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "run_write", away)
        next(one for one in page.button if one.label.startswith("Accept")).click().run()
    assert not page.exception
    assert any("does not answer" in one.value for one in page.info)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DecisionEvent)) == 0


@contextmanager
def no_writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every write of the block is refused, for a cause that will not pass."""

    def refuse(*_: object, **__: object) -> None:
        raise StorageError(FULL)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", refuse)
        patched.setattr(Database, "run_write", refuse)
        yield


def test_rules_that_cannot_be_saved_stay_in_their_fields(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("people")
    page.text_area[0].set_value("Only short texts.").run()
    with no_writes(monkeypatch):
        next(one for one in page.button if one.label == "Save the rules").click().run()
    assert not page.exception and [one.value for one in page.info][:1] == [FULL]
    assert page.text_area[0].value == "Only short texts."


def test_threshold_that_cannot_be_stored_stays_chosen(
    open_page: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("thresholds")
    page.slider[0].set_value(0.7).run()
    with no_writes(monkeypatch):
        next(one for one in page.button if one.label.startswith("Make it")).click().run()
    assert not page.exception and page.info[0].value == FULL
    assert page.slider[0].value == 0.7
    with database.read() as session:
        assert session.scalars(select(Dataset.threshold)).one() == 0.5


def test_a_draft_that_cannot_be_thrown_away_stays(
    open_page: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
        save_draft(session, item_id=7, annotator_id=person, text="half a")
    page = open_page("review")
    assert editor_of(page) == ("half a", [7, 0])
    with no_writes(monkeypatch):
        next(one for one in page.button if one.label == "Throw the draft away").click().run()
    assert not page.exception and page.info[0].value == FULL
    assert editor_of(page) == ("half a", [7, 0])


def test_a_page_that_stops_in_the_middle_says_one_sentence(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StorageError(FULL)

    page = open_page("people")
    request = RequestInfo(id="abc")
    monkeypatch.setattr("app.request_info.current_request", lambda: request)
    monkeypatch.setattr("blip2core.storage.people.annotator_progress", refuse)
    page.run()
    assert not page.exception and [one.value for one in page.error] == [FULL]


@pytest.mark.parametrize("name", PAGE_TITLES)
def test_a_page_that_cannot_be_read_says_why_without_a_traceback(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    page = open_page(name)

    @contextmanager
    def damaged(self: Database) -> Iterator[None]:
        raise StorageError("The database is damaged.")
        yield

    monkeypatch.setattr(Database, "read", damaged)
    page.run()
    assert not page.exception
    assert [one.value for one in page.error] == ["The database is damaged."]
