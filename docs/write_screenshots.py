"""Takes the screenshots of the README and the guides anew, from the app as it is.

    python docs/write_screenshots.py

It needs Chromium (or a browser named in BROWSER_PATH) and some minutes: the sample set is imported
and captioned by the embedded models into a folder of its own, and 60 of its images are decided as
their painted scenes say, which is what makes the verdicts on the screenshots true.
"""

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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from blip2core.evaluation.captions import is_true
from blip2core.stickers.scene import SPLITS, Scene, draw_scene
from tests.chromium import find_browser

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SAMPLES = ROOT / "data" / "samples"
DECIDED = 60
SECONDS = 1000
WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 1280, "height": 1000}


def main() -> None:
    """Write every image of `docs/`."""
    blip2(["explain", str(SAMPLES / "beach-1.png"), "a whale", "--out", str(DOCS / "map.png")])
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
            page = browser.new_page(viewport=NARROW)
            photograph_workbench(page, address)
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


def photograph(page: Page, name: str) -> None:
    """Write what the page shows, in 256 colours: a third of the bytes."""
    shot = Image.open(io.BytesIO(page.screenshot()))
    colours = shot.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    colours.save(DOCS / f"{name}.png", optimize=True)


def photograph_workbench(page: Page, address: str) -> None:
    """Take the chat and the look inside, both with the example that a visitor finds."""
    page.goto(address)
    expect(page.get_by_text("ready on")).to_be_visible(timeout=60 * SECONDS)
    page.wait_for_timeout(2 * SECONDS)
    photograph(page, "chat")
    page.get_by_role("tab", name="Look inside").click()
    expect(page.get_by_role("heading", name="Best match")).to_be_visible(timeout=60 * SECONDS)
    page.wait_for_timeout(2 * SECONDS)
    photograph(page, "inside")


def photograph_curator(page: Page, address: str) -> None:
    """Take the pages of the guide."""
    for name in ("review", "thresholds", "export"):
        page.goto(f"{address}/{name}?name=ada")
        who = page.get_by_role("textbox", name="Your name")
        expect(who).to_be_visible(timeout=60 * SECONDS)
        if who.input_value() != "ada":
            who.fill("ada")
            who.press("Enter")
        who.blur()
        page.wait_for_timeout(5 * SECONDS)
        photograph(page, f"curating-{name}")


if __name__ == "__main__":
    main()
