"""Every page of both apps on a phone, a tablet, a laptop and a desk, by day and by night."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from blip2core.models.specs import find_spec
from blip2core.storage.database import open_database
from tests.app.sample_dataset import accept_first, fill
from tests.browser.journey import PATIENCE, SECONDS
from tests.browser.screens import (
    HEIGHTS,
    SCREENS,
    Screen,
    new_page,
    open_screen,
    serious,
    small_targets,
    too_wide,
)
from tests.browser.test_curator import studio

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
        reason="there is no embedded checkpoint",
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a studio with a few decided images is served."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLIP2_DATA", str(folder))
        database = open_database()
    fill(database, 12)
    accept_first(database)
    database.close()
    with studio(folder) as address:
        yield address


def on(page: Page, width: int) -> Page:
    """The page on a screen of another width, drawn."""
    page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    page.wait_for_timeout(500)
    return page


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_finger_meets_what_it_wants_and_nothing_is_wider_than_the_screen(
    browser: Browser, address: str, screen: Screen
) -> None:
    page = new_page(browser, 390, "light")
    open_screen(page, address, screen)
    assert too_wide(on(page, 390)) == []
    assert small_targets(page) == []
    assert serious(page) == []
    assert too_wide(on(page, 768)) == []
    page.context.close()


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_the_night_can_be_read_and_nothing_is_wider_than_the_screen(
    browser: Browser, address: str, screen: Screen
) -> None:
    page = new_page(browser, 1366, "dark")
    open_screen(page, address, screen)
    assert too_wide(on(page, 1366)) == []
    assert serious(page) == []
    assert too_wide(on(page, 1920)) == []
    page.context.close()


def test_image_question_and_answer_are_on_one_screen_of_a_phone(
    browser: Browser, address: str
) -> None:
    page = new_page(browser, 390, "light")
    open_screen(page, address, SCREENS[0])
    expect(page.locator("#image img")).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id("bot").last).to_be_in_viewport(ratio=1)
    expect(page.get_by_label("Your question")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_in_viewport(ratio=1)
    page.context.close()


def test_the_apps_lead_to_each_other_and_show_their_keys(browser: Browser, address: str) -> None:
    page = new_page(browser, 1366, "light")
    open_screen(page, address, SCREENS[0])
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("ask the question")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Curator").click()
    expect(page.get_by_role("link", name="Curator")).to_have_attribute("aria-current", "page")
    expect(page.locator(".studio-header .model")).to_have_text("stickers-opt ready")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    dialog = page.get_by_role("dialog")
    for _ in range(PATIENCE // SECONDS):  # the script that listens may come after the button
        if dialog.is_visible():
            break
        page.get_by_role("button", name="Keys", exact=True).click()
        page.wait_for_timeout(3 * SECONDS)
    expect(dialog).to_contain_text("show these keys")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Workbench").click()
    expect(page.get_by_label("Your question")).to_be_visible()
    page.context.close()
