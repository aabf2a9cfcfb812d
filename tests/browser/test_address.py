"""What is open stands in the address: for a reload, for "back", and, images apart, for others."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from blip2core.storage.database import open_database
from tests.app.sample_dataset import fill
from tests.browser.journey import PATIENCE, Journey, visit
from tests.browser.test_curator import review, studio, wait_for_rest

pytestmark = pytest.mark.browser


def expect_tab(page: Page, name: str) -> None:
    tab = page.get_by_role("tab", name=name)
    expect(tab).to_have_attribute("aria-selected", "true")


def test_tab_and_model_are_steps_that_back_undoes(journey: Journey) -> None:
    page = journey.page
    page.get_by_role("tab", name="Match").click()
    expect(page).to_have_url(re.compile(r"/\?tab=match$"))
    page.get_by_label("Model", exact=True).select_option("stickers-t5")
    expect(page).to_have_url(re.compile(r"/\?tab=match&model=stickers-t5$"))
    page.get_by_role("tab", name="Look inside").click()
    expect(page).to_have_url(re.compile(r"tab=inside&model=stickers-t5$"))
    page.go_back()
    expect_tab(page, "Match")
    page.go_back()
    expect(page.locator("#model b")).to_have_text("stickers-opt")
    expect(page.get_by_label("Model", exact=True)).to_have_value("stickers-opt")
    page.go_forward()
    expect(page.locator("#model b")).to_have_text("stickers-t5")
    page.reload()
    expect_tab(page, "Match")
    expect(page.get_by_label("Model", exact=True)).to_have_value("stickers-t5")


def test_a_reload_finds_the_image_and_the_settings_and_a_link_does_not(
    browser: Browser, address: str, journey: Journey, image: Path
) -> None:
    page = journey.page
    journey.upload(image)
    expect(page).to_have_url(re.compile(r"\?image=[0-9a-f]{64}$"))
    shown = journey.shown.get_attribute("src")
    journey.unfold("Settings")
    page.locator("#mode").get_by_label("Sampling").check()
    expect(page).to_have_url(re.compile("&mode=sample$"))
    page.reload()
    expect(journey.shown).to_have_attribute("src", shown)
    journey.unfold("Settings")
    expect(page.locator("#mode").get_by_label("Sampling")).to_be_checked()
    with visit(browser, page.url) as other:
        expect(other.notice).to_contain_text("only who uploaded it can open it again")
        other.unfold("Settings")
        expect(other.page.locator("#mode").get_by_label("Sampling")).to_be_checked()
        expect(other.shown).to_have_count(0)
        expect(other.page).to_have_url(re.compile(r"\?mode=sample$"))


def test_going_back_finds_the_image_before(journey: Journey, image: Path) -> None:
    page = journey.page
    journey.take_example(1)
    expect(page).to_have_url(re.compile("image="))
    first = page.url
    journey.upload(image)
    expect(page).not_to_have_url(first)
    second = page.url
    page.go_back()
    expect(page).to_have_url(first)
    expect(journey.caption).not_to_have_value("")
    page.go_forward()
    expect(page).to_have_url(second)
    page.reload()
    expect(journey.shown).to_be_visible()
    expect(page).to_have_url(second)


def test_an_item_of_the_curator_opens_in_the_workbench_and_leads_back(
    browser: Browser, tmp_path: Path
) -> None:
    database = open_database(str(tmp_path / "studio.db"))
    fill(database, 2)
    database.close()
    with studio(tmp_path) as address, review(browser, address) as page:
        wait_for_rest(page)
        page.get_by_role("link", name="Open in the workbench").click()
        notice = page.locator("#notice")
        expect(notice).to_contain_text("of the dataset samples; its 3 texts stand in Match")
        expect(page).to_have_url(re.compile(r"/\?tab=inside&item=2&text=\d+$"))
        expect_tab(page, "Look inside")
        text = page.get_by_label("A text about the image")
        expect(text).to_have_value("first text 1", timeout=2 * PATIENCE)
        expect(page.locator("#explorer canvas").first).to_be_visible(timeout=2 * PATIENCE)
        page.get_by_role("tab", name="Match").click()
        texts = page.get_by_label("Texts, one on each line")
        expect(texts).to_have_value(re.compile("first text 1\nsecond text 1$"))
        page.get_by_role("link", name="Back to its review").click()
        expect(page).to_have_url(re.compile(r"/curator/review\?.*item=2"))
        expect(page.get_by_text("#2 · 64 × 48")).to_be_visible()
