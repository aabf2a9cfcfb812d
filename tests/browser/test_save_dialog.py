"""Saving to a dataset from the tabs about one image, in a real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect
from sqlalchemy import select

from app.inference.engine import Engine
from app.services import Services
from app.serving.alone import serve_page
from app.settings import AppSettings
from app.workbench.page import build_workbench
from blip2core.storage import Database, open_database
from blip2core.storage.schema import Caption
from tests.browser.journey import Journey, visit
from tests.browser.test_page import serious
from tests.capfilt.conftest import tiny_pair
from tests.fakes import FakeModels

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('database') / 'studio.db'}")
    yield database
    database.close()


@pytest.fixture(scope="module")
def address(database: Database) -> Iterator[str]:
    engine = Engine(FakeModels(*tiny_pair()))
    services = Services(settings=AppSettings(max_new_tokens=8), engine=engine, database=database)
    page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


@pytest.fixture
def journey(browser: Browser, address: str) -> Iterator[Journey]:
    with visit(browser, address) as journey:
        yield journey


def dialog(journey: Journey) -> Locator:
    return journey.page.get_by_role("dialog", name="Save to dataset")


def save(journey: Journey) -> None:
    dialog(journey).get_by_role("button", name="Save", exact=True).click()
    expect(dialog(journey)).to_contain_text("Saved to ")


def texts(database: Database) -> set[tuple[str, str]]:
    with database.read() as session:
        found = session.execute(select(Caption.source, Caption.text))
        return {(source, text) for source, text in found}


def test_a_typed_text_is_saved_with_the_image_of_the_page(
    journey: Journey, database: Database
) -> None:
    journey.take_example(1)
    journey.page.get_by_role("tab", name="Match").click()
    journey.page.get_by_label("Texts, one on each line").fill("a pink key\na red bus")
    journey.press("Score the texts")
    journey.press("Save to dataset: a pink key")
    expect(dialog(journey)).to_contain_text("The image beach-1.png.")
    expect(dialog(journey).get_by_role("checkbox", name="a pink key")).to_be_checked()
    assert serious(journey) == []
    save(journey)
    assert ("human", "a pink key") in texts(database), "it is there when the page says so"
    assert ("human", "a red bus") not in texts(database)
    dialog(journey).get_by_role("button", name="Close").click()
    journey.press("Save to dataset: a pink key")
    save(journey)
    expect(dialog(journey)).to_contain_text("1 image and 1 text were there before")


def test_a_caption_and_an_answer_are_saved_from_the_chat(
    journey: Journey, database: Database
) -> None:
    """Of the conversation that a visitor finds on the page."""
    caption = journey.caption.input_value()
    journey.press("Save to dataset")
    ticks = dialog(journey).get_by_role("checkbox")
    expect(ticks.first).to_be_checked()
    expect(ticks.last).not_to_be_checked()
    ticks.last.check()
    save(journey)
    expect(dialog(journey).get_by_role("link", name="city-1.png")).to_be_visible()
    written = [text for source, text in texts(database) if source == "synthetic"]
    assert sorted(written) == ["What colour is it? yellow", caption]
