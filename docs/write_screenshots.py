"""Takes screenshots of the app as it is: of every page of both apps on a phone, a tablet, a laptop
and a desk, by day and by night, into `screenshots/`, and those of the README and the guides.

    python -m docs.write_screenshots             # all; `make screenshots` does so
    python -m docs.write_screenshots --pages     # screenshots/ alone

It needs Chromium (or a browser named in BROWSER_PATH) and some minutes: the sample set is imported
and captioned by the embedded models into a folder of its own, and 60 of its images are decided as
their painted scenes say, which is what makes the verdicts on the screenshots true. An image of the
guides is replaced only where it shows something else, as the history keeps every version.
"""

import argparse
import io
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, expect, sync_playwright

from blip2core.evaluation.captions import is_true
from blip2core.stickers.scene import SPLITS, Scene, draw_scene
from tests.browser.screens import HEIGHTS, SCHEMES, SCREENS, new_page, open_screen
from tests.chromium import find_browser

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SAMPLES = ROOT / "data" / "samples"
SCREENSHOTS = ROOT / "screenshots"
DECIDED = 60
SECONDS = 1000
WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 1280, "height": 1000}


ROUNDED = 64
"""Difference of a pixel, of 255, above which it is no rounding of a colour."""
SAME = 60
"""Pixels that may differ between screenshots of the same: less than a letter or two."""


def main() -> None:
    """Write the screenshots that are asked for."""
    parser = argparse.ArgumentParser(description="Take screenshots of the app as it is.")
    parser.add_argument(
        "--pages", action="store_true", help="screenshots/ alone, not those of docs/"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "BLIP2_DATA": folder,
            "BLIP2_DATABASE_URL": f"{folder}/studio.db",
            "BLIP2_OPEN_BROWSER": "0",
            "BLIP2_PORT": str(free_port()),
        }
        blip2(
            ["capfilt", "run", str(SAMPLES / "web"), "--dataset", "samples"],
            environment=environment,
        )
        decide(environment)
        out = ["--format", "imagefolder", "--out", f"{folder}/v1", "--validation", "0.05"]
        export = ["export", "samples", "--snapshot", "v1", "--as", "ada"]
        blip2([*export, *out], environment=environment)
        with serving(environment) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_browser(), args=["--no-sandbox"]
            )
            photograph_pages(browser, address)
            if not arguments.pages:
                map_of_whale = ["explain", str(SAMPLES / "beach-1.png"), "a whale"]
                blip2([*map_of_whale, "--out", str(DOCS / "map.png")])
                photograph_workbench(browser.new_page(viewport=NARROW), address)
                photograph_curator(browser.new_page(viewport=WIDE), f"{address}/curator")
            browser.close()


def blip2(arguments: list[str], *, environment: Mapping[str, str] | None = None) -> str:
    """Run the command line; return what it printed."""
    command = [sys.executable, "-m", "blip2core", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | (environment or {}), check=True, stdout=subprocess.PIPE
    ).stdout.decode()


def decide(environment: Mapping[str, str]) -> None:
    """Accept what is true of the painted scene of an image, and reject what is not."""
    listed = blip2(
        ["curate", "list", "--dataset", "samples", "--limit", "1000", "--json"],
        environment=environment,
    )
    rows = [json.loads(line) for line in listed.splitlines()]
    rows.sort(key=lambda row: row["item"])
    verdicts: dict[str, list[str]] = {"accept": [], "reject": []}
    for row in random.Random(0).sample(rows, DECIDED):
        scene = scene_of(row["names"][0])
        for text in row["texts"]:
            verdict = "accept" if is_true(text["text"], scene) else "reject"
            verdicts[verdict].append(str(text["caption"]))
    for verdict, numbers in verdicts.items():
        blip2(["curate", verdict, *numbers, "--as", "ada"], environment=environment)


def scene_of(file: str) -> Scene:
    """Return what is painted on an image of the web set, whose files are numbered from 1."""
    return draw_scene(SPLITS["web"][int(Path(file).stem) - 1])


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[str]:
    """Serve the app while the block runs; the value is its address."""
    address = f"http://127.0.0.1:{environment['BLIP2_PORT']}"
    server = subprocess.Popen([sys.executable, "-m", "app"], cwd=ROOT, env=os.environ | environment)
    try:
        for _ in range(240):
            if server.poll() is not None:
                raise SystemExit("The app did not start.")
            try:
                urllib.request.urlopen(address, timeout=5)
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait()


def photograph_pages(browser: Browser, address: str) -> None:
    """Take every page of both apps on every screen, by day and by night."""
    for width in HEIGHTS:
        for scheme in SCHEMES:
            folder = SCREENSHOTS / f"{width}-{scheme}"
            folder.mkdir(parents=True, exist_ok=True)
            page = new_page(browser, width, scheme)
            for screen in SCREENS:
                open_screen(page, address, screen)
                page.wait_for_timeout(2 * SECONDS)  # what fades in or is drawn on a canvas
                page.screenshot(path=folder / f"{screen.name}.png")
            page.context.close()


def photograph(page: Page, name: str) -> None:
    """Write what the page shows, in 256 colours: a third of the bytes."""
    file = DOCS / f"{name}.png"
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    if file.exists() and shows_the_same(shot, Image.open(file).convert("RGB")):
        return
    colours = shot.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours.save(file, optimize=True)


def shows_the_same(one: Image.Image, other: Image.Image) -> bool:
    """Return whether two screenshots differ by no more than their colours were rounded: a new
    word is a difference, however small on a page.
    """
    if one.size != other.size:
        return False
    counts = ImageChops.difference(one, other).convert("L").histogram()
    return sum(counts[ROUNDED:]) <= SAME


def photograph_workbench(page: Page, address: str) -> None:
    """Take the chat and the look inside, both with the example that a visitor finds."""
    page.goto(address)
    expect(page.get_by_text("ready on")).to_be_visible(timeout=60 * SECONDS)
    page.wait_for_timeout(2 * SECONDS)
    photograph(page, "chat")
    page.get_by_role("tab", name="Look inside").click()
    expect(page.locator("#explorer canvas").first).to_be_visible(timeout=60 * SECONDS)
    page.wait_for_timeout(2 * SECONDS)
    photograph(page, "inside")


def photograph_curator(page: Page, address: str) -> None:
    """Take the pages of the guide."""
    photograph_inbox(page, address)
    for name in ("review", "thresholds", "export"):
        page.goto(f"{address}/{name}?who=ada&dataset=samples")
        expect(page.get_by_role("textbox", name="Your name")).to_have_value("ada")
        page.wait_for_timeout(5 * SECONDS)
        photograph(page, f"curating-{name}")


def photograph_inbox(page: Page, address: str) -> None:
    """Take an import of an archive whose table names an image that is not in it."""
    page.goto(f"{address}/inbox?who=ada")
    page.get_by_role("textbox", name="Into the dataset").fill("animals")
    _upload_animals(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Import animals.zip into animals: done")).to_be_visible(
        timeout=60 * SECONDS
    )
    _upload_animals(page)  # once more: what is shown of a table before an import
    page.get_by_text("1 problem", exact=True).click()
    page.wait_for_timeout(2 * SECONDS)
    photograph(page, "curating-inbox")


def _upload_animals(page: Page) -> None:
    file = {"name": "animals.zip", "mimeType": "application/zip", "buffer": archive_of_samples()}
    chooser = page.locator("input[type=file]")
    expect(chooser).to_have_count(1)  # after an import, the old one goes a moment after the new
    chooser.set_input_files(file)
    expect(page.get_by_text("animals.csv", exact=True)).to_be_visible(timeout=60 * SECONDS)


def archive_of_samples() -> bytes:
    """Return a ZIP archive of nine images, and a table of ten with their texts."""
    names = [
        f"{place}-{number}.png" for place in ("beach", "city", "desert") for number in (1, 2, 3)
    ]
    table = ["file,alt_text,clip_score"]
    table += [f"{name},{name[:-6]},0.{20 + row}" for row, name in enumerate(names)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("animals.csv", "\n".join([*table, "sea-9.png,sea,0.3"]))
        for name in names:
            archive.write(SAMPLES / name, name)
    return packed.getvalue()


if __name__ == "__main__":
    main()
