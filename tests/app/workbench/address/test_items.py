"""An item of the curator, opened in the workbench by who may judge."""

from dataclasses import replace

import pytest

from app.chat.session import ChatSession
from app.roles import Visitor
from app.services import Services
from app.workbench.address.page_address import on_visit, place_of
from blip2core.storage.captions import texts_of
from blip2core.storage.database import Database
from tests.app.sample_dataset import HOSTILE
from tests.fakes import FakeGenerator, fake_services

CURATOR = Visitor(role="curator", name="ann")


@pytest.fixture
def services(database: Database) -> Services:
    return replace(fake_services(FakeGenerator()), database=database)


def visit(services: Services, query: str, visitor: Visitor = CURATOR) -> tuple:
    session = ChatSession()
    sent = {"query": query, "receipt": ""}
    return session, *on_visit(services, session, sent, visitor, ("chat", "inside"))


def test_an_item_brings_its_image_its_texts_and_the_way_back(
    services: Services, database: Database
) -> None:
    with database.read() as session:
        chosen = texts_of(session, item_id=3)[1].caption_id
    session, shown, more = visit(services, f"?item=3&text={chosen}&tab=inside")
    assert session.image.item == 3 and session.image.shown.getpixel((60, 40)) == (40, 90, 160)
    assert more.matched_texts.splitlines() == [
        f"web text 2 {HOSTILE}",
        "first text 2",
        "second text 2",
    ]
    assert more.item_text == session.inspected_text == "first text 2"
    assert more.tabs.selected == "inside"
    assert 'href="curator/review?dataset=samples&amp;item=3"' in shown.notice
    assert place_of(session, services) == {"model": "", "image": "", "item": "3"}


def test_a_text_of_another_item_is_not_looked_into(services: Services, database: Database) -> None:
    with database.read() as session:
        other = texts_of(session, item_id=4)[0].caption_id
    assert visit(services, f"?item=3&text={other}")[2].item_text == ""


def test_a_visitor_gets_no_item(services: Services) -> None:
    session, shown, more = visit(services, "?item=3", Visitor(role="visitor", name="ben"))
    assert "Only curators and owners" in shown.notice
    assert session.image is None and "web text" not in str(more)
    assert more.address["state"]["place"]["item"] == ""


def test_an_item_that_is_not_there_is_told(services: Services) -> None:
    session, shown, _ = visit(services, "?item=999")
    assert "There is no item number 999." in shown.notice and session.image is None


def test_without_a_database_there_are_no_items() -> None:
    _, shown, _ = visit(fake_services(FakeGenerator()), "?item=3")
    assert "There is no database here" in shown.notice


def test_an_image_that_was_taken_down_stays_away(services: Services, database: Database) -> None:
    from sqlalchemy import update

    from blip2core.storage.schema import Image, Item

    with database.write() as session:
        number = session.get(Item, 3).image_id
        session.execute(update(Image).where(Image.id == number).values(state="purged"))
    session, shown, _ = visit(services, "?item=3")
    assert "Image 3 was taken down." in shown.notice and session.image is None
