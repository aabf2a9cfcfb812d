"""The page served with a fake model behind it, and its visitors."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from app.serving.alone import serve_page
from app.workbench.page import build_workbench
from tests.browser.explorer_page import Open, show_stack
from tests.browser.journey import PATIENCE, Journey, visit
from tests.fakes import FakeGenerator, FakeMatcher, fake_services
from tests.ports import own_ports  # noqa: F401 - a fixture

MAX_UPLOAD = 1
"""Megabytes; small, so that a file above it is made quickly."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put into the report of a failed test what its visitors saw in the end."""
    report = yield
    if call.when == "call" and report.failed:
        for visitor in getattr(item, "funcargs", {}).values():
            if isinstance(visitor, Journey):
                report.sections.append(("page", visitor.describe()))
    return report


@pytest.fixture(scope="module")
def generator() -> FakeGenerator:
    """Speaks slowly enough for a test to look on."""
    return FakeGenerator(seconds_per_word=0.1, context_limit=75)


@pytest.fixture(scope="module")
def matcher() -> FakeMatcher:
    return FakeMatcher()


@pytest.fixture(scope="module")
def address(
    generator: FakeGenerator, matcher: FakeMatcher, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where the page with the fake model is served."""
    with pytest.MonkeyPatch.context() as patch:
        samples = tmp_path_factory.mktemp("samples")
        for name in ("first-1.png", "second-1.png"):
            draw(samples / name, name)
        patch.setattr("app.workbench.image.panel.SAMPLES", samples)
        patch.setattr("app.chat.example.SAMPLES", samples)
        services = fake_services(generator, matcher, max_upload=MAX_UPLOAD)
        page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


@pytest.fixture
def journey(browser: Browser, address: str) -> Iterator[Journey]:
    """A visitor who has just arrived."""
    with visit(browser, address) as journey:
        yield journey


@pytest.fixture
def open_explorer(browser: Browser) -> Iterator[Open]:
    """Shows a stack on a page that has nothing else."""
    contexts = []

    def open_page(stack: dict[str, Any], **context: Any) -> Page:
        expect.set_options(timeout=PATIENCE)
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        show_stack(page, stack)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image file that is none of the samples."""
    return draw(tmp_path / "mine.png", "mine")


def draw(path: Path, text: str) -> Path:
    """A small image with a text on it, so that no two are the same."""
    image = Image.new("RGB", (112, 112), "skyblue")
    ImageDraw.Draw(image).text((10, 50), text, fill="black")
    image.save(path)
    return path
