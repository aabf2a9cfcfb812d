"""A conversation leaves the page as a file, comes back, and is asked again; the example too."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, expect

from app.serving.alone import serve_page
from app.workbench.image.panel import SAMPLES
from app.workbench.page import build_workbench
from tests.browser.journey import Journey, visit
from tests.fakes import FakeGenerator, fake_services

pytestmark = pytest.mark.browser


def save(journey: Journey, button: str, folder: Path) -> Path:
    """Presses an export button; the file that came."""
    name = journey.page.get_by_role("button", name=button, exact=True)
    if not name.is_visible():
        journey.unfold("Save and load")
    with journey.page.expect_download() as download:
        name.click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def load(journey: Journey, file: Path) -> None:
    if not journey.page.get_by_role("button", name="Import").is_visible():
        journey.unfold("Save and load")
    with journey.page.expect_file_chooser() as chooser:
        journey.press("Import")
    chooser.value.set_files(file)


def test_there_and_back_and_asked_again(
    browser: Browser,
    address: str,
    journey: Journey,
    generator: FakeGenerator,
    image: Path,
    tmp_path: Path,
) -> None:
    generator.answers |= {"Who?": "a dog", "Where?": "on the beach"}
    journey.upload(image)
    expect(journey.caption).not_to_have_value("")  # no question is taken before the image is there
    for question in ("Who?", "Where?"):
        expect(journey.ask(question)).to_have_text(generator.answers[question])
    expect(journey.stop).to_be_hidden()
    file = save(journey, "Export", tmp_path)
    with ZipFile(io.BytesIO(file.read_bytes())) as archive:
        turns = json.loads(archive.read("conversation.json"))["turns"]
        assert archive.read("image.png") == image.read_bytes()
    assert [turn["answer"] for turn in turns] == ["a dog", "on the beach"]

    with visit(browser, address) as other:
        load(other, file)
        expect(other.answers).to_have_count(2)
        expect(other.caption).to_have_value(generator.caption_text)
        expect(other.page.get_by_text("Imported, answered by stickers-opt")).to_be_visible()
        other.press("Replay")
        expect(other.page.get_by_text("all 2 answers are the same")).to_be_visible()
        generator.answers["Where?"] = "in the sea"
        other.press("Replay")
        expect(other.page.locator("#replayed")).to_contain_text("1 of 2 answers differ")
        expect(other.page.locator("#replayed ins")).to_have_text("in the sea")
        expect(other.ask("Who?")).to_have_text("a dog")
        assert "on the beach" in other.read_prompt()


def test_import_asks_before_it_replaces(journey: Journey, tmp_path: Path) -> None:
    journey.take_example(1)
    expect(journey.ask("Who?")).to_be_visible()
    expect(journey.stop).to_be_hidden()
    file = save(journey, "Export", tmp_path)
    journey.ask("Where?")
    load(journey, file)
    expect(journey.page.get_by_text("A new image starts a new conversation")).to_be_visible()
    expect(journey.answers).to_have_count(2)
    journey.press("Start with the new image")
    expect(journey.answers).to_have_count(1)


def test_markdown_is_downloaded(journey: Journey, tmp_path: Path) -> None:
    journey.take_example(1)
    expect(journey.ask("Is <b>it</b> *red*?")).to_be_visible()
    expect(journey.stop).to_be_hidden()
    text = save(journey, "Export as Markdown", tmp_path).read_text("utf-8")
    assert "Is \\<b\\>it\\</b\\> \\*red\\*?" in text


def test_nothing_to_export_and_wrong_files_are_told(journey: Journey, tmp_path: Path) -> None:
    journey.unfold("Save and load")
    journey.page.get_by_role("button", name="Export", exact=True).click()
    expect(journey.page.get_by_text("no conversation to save yet")).to_be_visible()
    wrong = tmp_path / "wrong.zip"
    wrong.write_text("Dear diary")
    load(journey, wrong)
    expect(journey.notice).to_contain_text("wrong.zip: The file is no ZIP archive")
    journey.take_example(1)
    expect(journey.ask("Who?")).to_be_visible()


@pytest.fixture(scope="module")
def example_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with the shipped example, and a model that never comes."""
    with pytest.MonkeyPatch.context() as patch:
        samples = tmp_path_factory.mktemp("samples")
        for name in ("example.json", "city-1.png"):
            shutil.copy(SAMPLES / name, samples)
        patch.setattr("app.workbench.image.panel.SAMPLES", samples)
        services = fake_services(None)
        page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


def test_example_is_there_before_any_model(
    browser: Browser, example_address: str, image: Path
) -> None:
    with visit(browser, example_address) as journey:
        expect(journey.page.get_by_text("An example, answered by stickers-opt")).to_be_visible()
        expect(journey.answers).to_have_text(["a snail", "a cap", "yellow"])
        expect(journey.shown).to_be_visible()
        expect(journey.caption).to_have_value("a picture of a yellow cap and a snail in the city")
        expect(journey.page.locator("#model")).to_contain_text("loading")
        journey.upload(image)
        expect(journey.answers).to_have_count(0)
        expect(journey.page.get_by_text("An example")).to_be_hidden()
        expect(journey.page.get_by_text("A new image starts")).to_be_hidden()


def test_example_is_gone_on_with(browser: Browser, example_address: str) -> None:
    with visit(browser, example_address) as journey:
        answer = journey.ask("Where is it?")
        expect(answer).to_have_text("The model is loading; your question waits.")
        expect(journey.answers).to_have_count(4)
        journey.page.keyboard.press("Escape")
        expect(answer).to_contain_text("stopped")
