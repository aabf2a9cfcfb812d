"""A real Chromium for the tests that look at pages; one for a whole run.

Playwright runs once in a process: the fixture belongs to `tests/conftest.py`, as one of two folders
would start it a second time.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find_browser() -> str | None:
    """The system's Chromium; nothing is downloaded."""
    names = (os.environ.get("BROWSER_PATH", ""), *BROWSERS)
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None and "CI" not in os.environ:
        pytest.skip("no Chromium here; BROWSER_PATH can name one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
