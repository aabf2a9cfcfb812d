"""The page as a whole, in a real Chromium: reachable by everybody, and by deep links."""

import re
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, expect

from app.workbench import theme
from app.workbench.image.panel import CHOOSE_SCRIPT
from tests.browser import screens
from tests.browser.journey import SECONDS, Journey, visit

pytestmark = pytest.mark.browser
KEYS = Path(theme.__file__).with_name("keys.js")


def serious(journey: Journey) -> list[str]:
    """What axe calls serious or critical, with the place of each."""
    return screens.serious(journey.page)


def test_gradio_still_draws_what_scripts_and_styles_look_for(journey: Journey) -> None:
    """None of it is promised by Gradio: after an update this says what to mend, and where."""
    parts = re.search(r"GRADIO_PARTS = (\{.*?\});", KEYS.read_text("utf-8"), re.DOTALL)[1]
    selectors = journey.page.evaluate(f"() => ({parts})")
    gone = f"Gradio's page has no %s any more: mend {KEYS.name} or style.css of the workbench."

    def look_for(selector: str) -> None:
        found = journey.page.locator(selector).first
        expect(found, gone % selector).to_be_attached(timeout=20 * SECONDS)

    assert selectors["imageInput"] in CHOOSE_SCRIPT
    for name in ("imageInput", "questionBox", "suggestions"):
        look_for(selectors[name])
    look_for("#question .submit-button")
    journey.press("Example 1: first")
    expect(journey.shown).to_be_visible()
    journey.question.fill("What animal is there?")
    journey.question.press("Enter")
    look_for(selectors["askedQuestions"])
    look_for('#question [data-testid="status-tracker"]')
    look_for(selectors["stopButtons"].split(", ")[0])


def test_model_is_chosen_by_keyboard(journey: Journey) -> None:
    journey.page.get_by_label("Model").select_option("stickers-t5")
    expect(journey.page.locator("#model b")).to_have_text("stickers-t5")
    expect(journey.page.get_by_label("Model").locator("option[disabled]").first).to_contain_text(
        "not downloaded"
    )


def test_first_screen_needs_no_scrolling(browser: Browser, address: str) -> None:
    with visit(browser, address, viewport={"width": 1280, "height": 800}) as journey:
        needed = [
            journey.page.get_by_role("button", name="Drop, paste or choose an image"),
            journey.page.get_by_role("button", name="Example 1: first"),
            journey.question,
            journey.page.get_by_role("button", name="Ask", exact=True),
        ]
        for element in needed:
            expect(element).to_be_in_viewport(ratio=1)


def test_cards_are_not_swept_away_with_uploads(journey: Journey) -> None:
    address = journey.page.locator("#examples img").first.get_attribute("src")
    assert str(Path(tempfile.gettempdir()) / "gradio") not in address
    assert journey.page.request.get(address).ok


def test_image_is_chosen_with_the_button(journey: Journey, image: Path) -> None:
    with journey.page.expect_file_chooser() as chooser:
        journey.press("Drop, paste or choose an image")
    chooser.value.set_files(image)
    expect(journey.caption).not_to_have_value("")
    expect(journey.shown).to_be_visible()


DROP = """([bytes, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector("h1").dispatchEvent(event);
}"""


def test_image_may_be_dropped_anywhere(journey: Journey, image: Path) -> None:
    journey.page.evaluate(DROP, [list(image.read_bytes()), image.name])
    expect(journey.shown).to_be_visible()
    expect(journey.caption).not_to_have_value("")


def test_page_with_questions_is_not_left_by_accident(journey: Journey) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    journey.page.on("dialog", stay)
    journey.page.reload()
    assert asked == []
    journey.take_example(1)
    expect(journey.ask("Who?")).not_to_have_text("…")
    journey.page.reload()
    assert asked == ["beforeunload"]
