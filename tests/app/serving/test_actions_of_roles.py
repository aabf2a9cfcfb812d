"""What only some roles may do is done on the pages of a served studio, or refused there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select
from websockets.exceptions import InvalidStatus

from app.login.users import add_user
from app.roles import ROLES, VISITOR_HEADER, Role, Visitor, header_of
from blip2core.storage.database import open_database
from blip2core.storage.schema import Image, Run
from tests.app.serving.curator_page import CuratorPage, curator_page
from tests.app.serving.test_open_doors import send
from tests.app.serving.working_studio import LARGE

ROOT = Path(__file__).parents[3]
PASSWORD = "correct horse"
ANONYMOUS = "anonymous"
FORGED = header_of(Visitor(role="owner", name="eve")).decode()
SURE = "I want this image taken down for good: 1 file in 1 item"
CAPTIONS = "Then caption and filter them (CapFilt)"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address, and the data folder. Anyone may ask; some log in."""
    folder = tmp_path_factory.mktemp("working")
    for role in ROLES:
        add_user(folder / "users", f"a-{role}", PASSWORD, role=role)
    known = {
        "BLIP2_DATA": str(folder / "data"),
        "BLIP2_OPEN": "1",
        "BLIP2_USERS": str(folder / "users"),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("working_studio.py"))],
        cwd=ROOT,
        env=os.environ | known,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip().rstrip("/"), folder / "data"
    finally:
        process.kill()
        process.communicate()


@contextmanager
def visiting(address: str, role: Role | str) -> Iterator[httpx.Client]:
    """Somebody who has logged in, or has not, and claims to be an owner."""
    headers = {VISITOR_HEADER: FORGED}
    with httpx.Client(base_url=address, timeout=60, trust_env=False, headers=headers) as http:
        if role != ANONYMOUS:
            form = {"username": f"a-{role}", "password": PASSWORD}
            assert http.post("/login", data=form).status_code == 200
        yield http


def count(data: Path, what: type, **where: str) -> int:
    with closing(open_database(data=data, owner=False)) as database, database.read() as session:
        return session.scalar(select(func.count()).select_from(what).filter_by(**where)) or 0


def confirm(page: CuratorPage) -> None:
    """Name the image, and say that it is to go."""
    page.set("Image", "1")
    page.set(SURE, True)


@pytest.mark.parametrize("role", ["visitor", ANONYMOUS])
@pytest.mark.parametrize("page", ["inbox", "takedown"])
def test_who_only_asks_opens_no_page_of_the_curator(
    studio: tuple[str, Path], role: str, page: str
) -> None:
    with (
        visiting(studio[0], role) as http,
        pytest.raises(InvalidStatus, match="403"),
        curator_page(http, page),
    ):
        pytest.fail("it was opened")


def test_only_owners_take_images_down(studio: tuple[str, Path]) -> None:
    """Nor does a curator who presses the button that an owner has."""
    address, data = studio
    with visiting(address, "owner") as owner, curator_page(owner, "takedown") as page:
        confirm(page)
        with visiting(address, "curator") as http, curator_page(http, "takedown") as theirs:
            assert "You are a curator here" in theirs.drawn
            assert "Take down" not in theirs.ids and "Image" not in theirs.ids
            theirs.ids |= page.ids
            confirm(theirs)
            theirs.click(page.ids["Take down"])
            assert "You are a curator here" in theirs.drawn
        assert count(data, Image, state="purged") == 0
        page.click(page.ids["Take down"])
        assert "1 file deleted" in page.drawn
    assert count(data, Image, state="purged") == 1


@pytest.mark.parametrize("role", ["curator", "owner"])
def test_curators_import(studio: tuple[str, Path], role: str) -> None:
    address, data = studio
    before = count(data, Run, kind="import", status="done")
    with visiting(address, role) as http, curator_page(http, "inbox") as page:
        page.set(CAPTIONS, False)
        page.click(page.ids["Load the sample set"])
    end = time.monotonic() + 60
    while count(data, Run, kind="import", status="done") == before:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("role", [*ROLES, ANONYMOUS])
def test_only_owners_have_a_large_model_loaded(studio: tuple[str, Path], role: str) -> None:
    with visiting(studio[0], role) as http:
        config = http.get("/config").json()
        ids = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        (chosen,) = [
            event
            for event in config["dependencies"]
            if [ids["chooser"], "input"] in [list(target) for target in event["targets"]]
        ]
        answer = send(http, chosen, [None, LARGE], None)
        assert "process_completed" in answer
        assert (f"Only an owner of the studio has {LARGE} loaded" in answer) == (role != "owner")
        others = send(http, chosen, [None, "stickers-t5"], None)
        assert "process_completed" in others and "Only an owner" not in others
