"""The page as a whole, in a real Chromium: reachable by everybody, and by deep links."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from app.workbench import TABS
from tests.browser.journey import Journey, visit

pytestmark = pytest.mark.browser
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


def serious(journey: Journey) -> list[str]:
    """What axe calls serious or critical, with the place of each."""
    found = Axe().run(journey.page, options=RULES).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", list(TABS))
def test_no_serious_obstacle(browser: Browser, address: str, tab: str, scheme: str) -> None:
    with visit(browser, f"{address}?tab={tab}", color_scheme=scheme) as journey:
        label, _ = TABS[tab]
        expect(journey.page.get_by_role("tab", name=label)).to_have_attribute(
            "aria-selected", "true"
        )
        assert serious(journey) == []


def test_model_is_chosen_by_keyboard(journey: Journey) -> None:
    journey.page.get_by_label("Model").select_option("stickers-t5")
    expect(journey.page.locator("#model b")).to_have_text("stickers-t5")
    expect(journey.page.get_by_label("Model").locator("option[disabled]").first).to_contain_text(
        "not downloaded"
    )
