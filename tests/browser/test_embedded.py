"""The journey of the first visitor with the embedded checkpoint itself: no fake anywhere."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from app.services import build_services
from app.serving.alone import serve_page
from app.settings import AppSettings
from app.workbench.image.panel import EXAMPLES, SAMPLES
from app.workbench.page import build_workbench
from blip2core.models.specs import find_spec
from tests.browser.journey import Journey, visit

MANIFEST = SAMPLES / "manifest.jsonl"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
        reason="there is no embedded checkpoint",
    ),
]


@pytest.fixture(scope="module")
def journey(browser: Browser) -> Iterator[Journey]:
    services = build_services(AppSettings())
    page = build_workbench(services)
    with visit(browser, serve_page(page, services)) as journey:
        yield journey
    page.close()


def samples() -> list[dict[str, Any]]:
    """The example cards, with questions in a row and their right answers."""
    lines = MANIFEST.read_text("utf-8").splitlines() if MANIFEST.is_file() else []
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if Path(row["file"]).match(EXAMPLES)]


def test_every_example_is_captioned_and_talked_about(journey: Journey) -> None:
    right = []
    for row in samples():
        journey.upload(SAMPLES / row["file"])
        if right:  # before the first, there is only the example, which makes room unasked
            journey.press("Start with the new image")
        expect(journey.answers).to_have_count(0)
        expect(journey.caption).to_have_value(re.compile(row["truth"]["place"]))
        for question, answer in row["dialogue"][:3]:
            bubble = journey.ask(question)
            expect(bubble).to_have_text(re.compile(r"\w"))  # no longer the dots
            expect(journey.stop).to_be_hidden()
            right.append(bubble.inner_text().strip() == answer)
    assert len(right) == 24
    assert sum(right) >= 21


def test_an_answer_is_followed_from_the_image_to_its_words(journey: Journey) -> None:
    journey.page.get_by_role("tab", name="How it answers").click()
    journey.press("Follow this image")
    steps = journey.page.locator("#how ol > li")
    expect(steps).to_have_count(7)
    expect(steps.first).to_contain_text("8 × 8 = 64 of 14 pixels")
    expect(steps.locator("ul.maps img")).to_have_count(8)
    said = journey.answers.last.inner_text().strip()
    expect(journey.page.locator("#how p").first).to_contain_text(f"“{said}”")
    steps.nth(3).get_by_role("button").click()
    tab = journey.page.get_by_role("tab", name="Look inside")
    expect(tab).to_have_attribute("aria-selected", "true")
