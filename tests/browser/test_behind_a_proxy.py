"""Both apps below a path of a site, through a real nginx with the lines of docs/deploying.md."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.curator.main import PAGE_TITLES
from app.login.users import add_user
from app.space import ROOT
from blip2core.models.specs import find_spec
from tests.browser.conftest import draw
from tests.browser.journey import PATIENCE, Journey, refusals
from tests.browser.test_curator import studio, wait_for_rest
from tests.nginx import NGINX, nginx
from tests.ports import free_port

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="no nginx here"),
    pytest.mark.skipif(
        not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
        reason="there is no embedded checkpoint",
    ),
]
ROOT_PATH = "/studio"
PASSWORD = "a proxy between us"
PROBES = re.compile(r"/_stcore/(health|host-config)$")
"""What Streamlit's page asks for at two places, to find out where its server is."""


def lines_of_the_guide() -> str:
    guide = (ROOT / "docs" / "deploying.md").read_text()
    found = re.search(r"```nginx\n(.*?)```", guide, re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def proxy(folder: Path, upstream: str, *, strips: bool) -> Iterator[str]:
    """A site with the studio at /studio/; nginx leaves that in what it asks for, or `strips` it."""
    port = free_port()
    site = lines_of_the_guide().replace("listen 80;", f"listen 127.0.0.1:{port};")
    assert "127.0.0.1:7860;" in site
    site = site.replace("127.0.0.1:7860;", f"{upstream}/;" if strips else f"{upstream};")
    with nginx(folder, site.replace("example.com", "localhost")):
        address = f"http://localhost:{port}"
        wait_for(f"{address}{ROOT_PATH}/healthz")
        yield address


def wait_for(address: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(address, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


def watch(page: Page, site: str) -> list[str]:
    """What went wrong between page and server, or left the studio's path; grows."""
    wrong = refusals(page)

    def look(address: str, what: str) -> None:
        if not PROBES.search(address):
            wrong.append(f"{what} {address}")

    def leaves(address: str) -> bool:
        inside = (f"{site}{ROOT_PATH}/", f"{site.replace('http', 'ws')}{ROOT_PATH}/")
        return not address.startswith((*inside, "data:", "blob:"))

    page.on("request", lambda it: look(it.url, "outside") if leaves(it.url) else None)
    page.on("websocket", lambda it: look(it.url, "outside") if leaves(it.url) else None)
    page.on("response", lambda it: look(it.url, str(it.status)) if it.status >= 400 else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return wrong


@pytest.mark.parametrize("strips", [True, False], ids=["path taken away", "path left in"])
def test_both_apps_below_a_path(browser: Browser, tmp_path: Path, strips: bool) -> None:
    users = tmp_path / "users.txt"
    add_user(users, "ada", PASSWORD)
    settings = {
        "BLIP2_ROOT_PATH": ROOT_PATH,
        "BLIP2_USERS": str(users),
        "BLIP2_ALLOWED_HOSTS": "localhost",
    }
    (tmp_path / "nginx").mkdir()
    expect.set_options(timeout=PATIENCE)
    with (
        studio(tmp_path / "data", **settings) as upstream,
        proxy(tmp_path / "nginx", upstream.split("/")[2], strips=strips) as site,
        browser.new_context() as visitor,
    ):
        visitor.set_default_timeout(PATIENCE)
        page = visitor.new_page()
        wrong = watch(page, site)

        page.goto(f"{site}{ROOT_PATH}/curator/inbox")
        expect(page).to_have_url(re.compile(f"^{site}{ROOT_PATH}/login"))
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Load the sample set")).to_be_visible()
        assert page.url == f"{site}{ROOT_PATH}/curator/inbox"
        for name in PAGE_TITLES:
            page.goto(f"{site}{ROOT_PATH}/curator/{name}")
            wait_for_rest(page)
            expect(page.get_by_role("dialog")).to_have_count(0)  # "Page not found"
            expect(page.get_by_test_id("stException")).to_have_count(0)
        page.goto(f"{site}{ROOT_PATH}/curator")
        expect(page.get_by_role("button", name="Load the sample set")).to_be_visible()

        with page.expect_response(lambda answer: "/gradio_api/queue/join" in answer.url):
            page.goto(f"{site}{ROOT_PATH}/")
        journey = Journey(page)
        expect(journey.shown).to_be_visible()
        example = journey.shown.get_attribute("src")
        assert example is not None
        journey.upload(draw(tmp_path / "mine.png", "mine"))
        expect(journey.shown).not_to_have_attribute("src", example)
        page.wait_for_function("document.querySelector('#image img')?.naturalWidth > 0")
        expect(journey.ask("What animal is there?")).not_to_be_empty()
        expect(journey.stop).to_have_count(0)

        page.get_by_role("link", name="Log out").click()
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{site}{ROOT_PATH}/login")
        assert wrong == []
