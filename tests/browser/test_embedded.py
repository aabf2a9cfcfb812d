"""The journey of the first visitor with the embedded checkpoint itself: no fake anywhere."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from app.services import build_services
from app.settings import AppSettings
from app.tabs.chat import SAMPLES
from app.workbench import build_workbench, serve
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
    with visit(browser, serve(page, services.settings)) as journey:
        yield journey
    page.close()


def dialogues() -> list[dict[str, object]]:
    """The samples that come with questions and their right answers."""
    lines = MANIFEST.read_text("utf-8").splitlines() if MANIFEST.is_file() else []
    return [row for line in lines if (row := json.loads(line)).get("dialogue")]


@pytest.mark.parametrize("row", dialogues()[:3], ids=lambda row: row["file"])
def test_sample_is_captioned_and_talked_about(journey: Journey, row: dict[str, object]) -> None:
    journey.upload(SAMPLES / str(row["file"]))
    starts_anew = journey.page.get_by_role("button", name="Start with the new picture")
    expect(starts_anew.or_(journey.caption)).to_be_visible()
    if journey.answers.count():
        starts_anew.click()
        expect(journey.answers).to_have_count(0)
    expect(journey.caption).to_have_value(str(row["caption"]))
    for question, answer in row["dialogue"]:
        expect(journey.ask(question)).to_have_text(answer)
