"""A curator's days in a real Chromium with the embedded models: import, review by keys, restart,
threshold, export; then the data set as a trainer reads it. The studio is a process of its own."""

import os
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.curator.main import PAGE_TITLES
from app.space import ROOT
from blip2core.models.specs import find_spec
from tests.browser.journey import PATIENCE, SECONDS, refusals

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
        reason="there is no embedded checkpoint",
    ),
]
REVIEWED = 20
TEXTS = 12
"""Of one image: more than a window holds."""
Studio = Callable[[], str]


@contextmanager
def studio(data: Path, **more: str) -> Iterator[str]:
    """Both apps, served from a new process with its database in `data`; their address."""
    settings = more | {
        "BLIP2_DATA": str(data),
        "BLIP2_OPEN_BROWSER": "0",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://\S+", line):
                yield found[0]
                return
        raise AssertionError("the studio did not start")
    finally:
        process.kill()  # as a crash would: what was acknowledged is on disk
        process.wait()
        process.stdout.close()


@contextmanager
def curator(browser: Browser, address: str, page: str) -> Iterator[Page]:
    """A page of the curator, in a new browser session of Ada's."""
    expect.set_options(timeout=PATIENCE)
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as session:
        session.set_default_timeout(PATIENCE)
        tab = session.new_page()
        refused = refusals(tab)
        tab.goto(f"{address}curator/{page}?who=ada&dataset=samples")
        yield tab
        assert refused == []


@contextmanager
def review(browser: Browser, address: str) -> Iterator[Page]:
    """The review page, once its keys work: they are those of its buttons, which are drawn last."""
    with curator(browser, address, "review") as tab:
        expect(tab.get_by_role("button", name="Undo Shortcut")).to_be_visible()
        # curator.css looks for this part of Streamlit's page, which no version promises.
        expect(
            tab.locator('[data-testid="stLayoutWrapper"]:has(> .st-key-acts)'),
            "Streamlit draws the buttons of review otherwise now: mend curator.css.",
        ).to_have_count(1)
        yield tab


def press(tab: Page, key: str) -> None:
    """A key, once the page is at rest; then the page has drawn what became of it."""
    wait_for_rest(tab)
    event = item_and_texts(tab)
    tab.keyboard.press(key)
    expect(tab.locator(".stMain")).not_to_have_text(event)
    wait_for_rest(tab)


def wait_for_rest(tab: Page) -> None:
    expect(tab.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def item_and_texts(tab: Page) -> str:
    return tab.locator(".stMain").text_content() or ""


def wait_for_draft(tab: Page, file: Path) -> None:
    """Until what is in the editor is on disk: it is sent half a second after the last key."""
    text = tab.locator("#caption-editor").input_value()
    deadline = time.monotonic() + PATIENCE / SECONDS
    while drafts_in(file) != [text]:
        assert time.monotonic() < deadline, f"{text!r} is not on disk"
        tab.wait_for_timeout(100)


def drafts_in(file: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return [text for (text,) in database.execute("SELECT text FROM drafts")]


def wait_for_progress(tab: Page, file: Path) -> None:
    """Until the sidebar counts what was decided, without a reload."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        query = "SELECT count(*) FROM items WHERE status = 'decided'"
        ((decided,),) = database.execute(query)
    expect(tab.get_by_test_id("stSidebar")).to_contain_text(f"{decided} decided")


def texts_in(file: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return [text for (text,) in database.execute("SELECT text FROM captions")]


def item_of(tab: Page) -> str:
    return tab.locator(".facts").inner_text().split()[0]


@pytest.mark.slow  # all 200 samples are captioned and filtered
def test_from_import_to_a_data_set(browser: Browser, tmp_path: Path) -> None:
    with studio(tmp_path) as address:
        with curator(browser, address, "") as tab:
            tab.get_by_role("button", name="Load the sample set").click()
            expect(
                tab.get_by_text("Caption and filter samples with stickers-opt: done")
            ).to_be_visible(timeout=5 * PATIENCE)
            expect(tab.get_by_text("200 of 200 images")).to_be_visible()
        with review(browser, address) as tab:
            for number in range(REVIEWED):
                press(tab, "x" if number % 4 == 3 else "a")
            wait_for_progress(tab, tmp_path / "studio.db")
            last = item_of(tab)
            wait_for_rest(tab)
            tab.keyboard.press("e")
            tab.keyboard.type(" and more")  # before the editor can be there
            expect(tab.locator("#caption-editor")).to_have_value(re.compile("and more$"))
            wait_for_draft(tab, tmp_path / "studio.db")
            tab.reload()
            expect(tab.locator("#caption-editor")).to_have_value(re.compile("and more$"))
            assert item_of(tab) == last
            expect(tab.get_by_role("button", name="Accept Shortcut A")).to_be_disabled()
            tab.locator("#caption-editor").press("Control+Enter")
            expect(tab.locator(".facts")).not_to_contain_text(f"{last} ")
            last = item_of(tab)
            press(tab, "e")
            expect(tab.locator("#caption-editor")).to_be_focused()
            tab.keyboard.type(" by mouse")
            expect(tab.locator("#caption-editor")).to_have_value(re.compile(" by mouse$"))
            tab.get_by_role("button", name="Save and accept").click()
            expect(tab.locator(".facts")).not_to_contain_text(f"{last} ")
            assert any(text.endswith(" by mouse") for text in texts_in(tmp_path / "studio.db"))

    with studio(tmp_path) as address:  # another process: undo remembers
        with review(browser, address) as tab:
            press(tab, "z")
            expect(tab.locator(".facts")).to_contain_text(f"{last} ")
            expect(tab.get_by_text("Undone: edit.")).to_be_visible()
        with curator(browser, address, "thresholds") as tab:
            expect(tab.get_by_text("Precision", exact=True)).to_be_visible()
            tab.get_by_text(re.compile(r"I want \d+ decisions made")).click()
            apply = tab.get_by_role("button", name="Apply")
            expect(apply).to_be_enabled()
            apply.click()
            expect(tab.get_by_text("waiting in review for a check: 20 images")).to_be_visible()
        with curator(browser, address, "export") as tab:
            tab.get_by_role("button", name="Freeze").click()
            expect(tab.get_by_text(re.compile(r"v1: \d+ pairs, frozen"))).to_be_visible()
            tab.get_by_role("button", name="Export", exact=True).click()
            expect(tab.get_by_text("imagefolder: complete")).to_be_visible()
            archive = tmp_path / "export.zip"
            with tab.expect_download() as download:
                tab.get_by_role("button", name=re.compile("^Download")).click()
            download.value.save_as(archive)

    pairs = load(archive, tmp_path / "unpacked")
    assert len(pairs["train"]) > 300
    assert {"train", "validation", "test"} == set(pairs)
    row = pairs["train"][0]
    assert row["text"] and row["image"].size == (112, 112)
    assert row["scorer"].startswith("stickers-itm@")


def check_verdicts_in_sight(tab: Page) -> None:
    """However many texts there are, nobody scrolls to judge them or to say why one is flagged."""
    tab.set_viewport_size({"width": 1280, "height": 800})
    expect(tab.locator(".text p").last).not_to_be_in_viewport()
    for name in ("Accept Shortcut A", "Flag Shortcut F", "Next Shortcut →"):
        expect(tab.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    tab.keyboard.press("f")
    for name in ("not safe Shortcut 1", "other Shortcut 9", "Leave"):
        expect(tab.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Leave")).to_have_count(0)


def load(archive: Path, folder: Path):
    """The export as whoever trains on it reads it."""
    import datasets

    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)  # our own archive
    (top,) = folder.iterdir()
    return datasets.load_dataset("imagefolder", data_dir=str(top), cache_dir=str(folder / "cache"))


def test_every_page_has_an_address_of_its_name(browser: Browser, tmp_path: Path) -> None:
    with studio(tmp_path) as address, curator(browser, address, "") as tab:
        expect(tab.get_by_role("button", name="Load the sample set")).to_be_visible()
        for name in PAGE_TITLES:
            tab.goto(f"{address}curator/{name}")
            expect(tab.get_by_role("textbox", name="Your name")).to_be_visible()
            wait_for_rest(tab)
            expect(tab.get_by_role("dialog")).to_have_count(0)  # "Page not found"
            expect(tab.get_by_test_id("stException")).to_have_count(0)


def test_nothing_is_fetched_from_elsewhere_and_hostile_texts_stay_texts(
    browser: Browser, tmp_path: Path
) -> None:
    hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) $\\href{javascript:1}{x}$"
    table = tmp_path / "table.csv"
    sample = ROOT / "data" / "samples" / "beach-1.png"
    texts = [hostile, *(f"text {number} of {TEXTS}" for number in range(2, TEXTS + 1))]
    rows = [f'"<svg onload=alert(1)>.png","{text}"\n' for text in texts]
    table.write_text("file,text\n" + "".join(rows), "utf-8")
    asked, dialogs = [], []
    with studio(tmp_path / "data") as address, curator(browser, address, "") as tab:
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: (dialogs.append(dialog), dialog.dismiss()))
        tab.reload()
        tab.get_by_label("Into the dataset").fill("hostile")
        tab.get_by_text("Then caption and filter them").click()
        expect(tab.get_by_text("How captions are written")).to_have_count(0)
        wait_for_rest(tab)
        uploads = [
            {"name": "table.csv", "mimeType": "text/csv", "buffer": table.read_bytes()},
            {
                "name": "<svg onload=alert(1)>.png",
                "mimeType": "image/png",
                "buffer": sample.read_bytes(),
            },
        ]
        tab.locator("input[type=file]").set_input_files(uploads)
        # While the page is drawn anew, the old button is there too.
        tab.locator("button:enabled", has_text=re.compile("^Import$")).first.click()
        expect(tab.get_by_text(re.compile("Import .*: done"))).to_be_visible()
        tab.goto(f"{address}curator/review?who=<b>eve</b>&dataset=hostile")
        expect(tab.locator(".text p")).to_have_text(texts)
        check_verdicts_in_sight(tab)
        tab.goto(f"{address}curator/review?dataset=hostile&view=grid")
        expect(tab.get_by_text("javascript:alert(1)").first).to_be_visible()
    assert dialogs == []
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert elsewhere == []
