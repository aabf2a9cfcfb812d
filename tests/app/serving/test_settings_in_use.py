"""Each setting reaches what it is for, served with the curator and alone."""

import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import app.__main__ as main
from app import services as services_module
from app.login.users import add_user
from app.serving import alone, prepare, server
from app.serving.gradio_options import page_options
from app.settings import AppSettings
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from tests.fakes import FakeGenerator, fake_services

LOCAL = "http://127.0.0.1:7860"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    add_user(tmp_path / "users", "ada", "correct horse")
    return tmp_path / "users"


@pytest.fixture
def page() -> gr.Blocks:
    with gr.Blocks() as page:
        gr.Markdown("inside the workbench")
    return page


@pytest.fixture
def largest(page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A small page and a small curator; how large a file the curator takes, in megabytes."""
    given: list[int] = []

    def build_curator(largest_upload: int) -> Starlette:
        given.append(largest_upload)
        inside = Route("/{path:path}", lambda _: PlainTextResponse("inside the curator"))
        return Starlette(routes=[inside])

    @contextlib.asynccontextmanager
    async def lifespan(curator: Any, app: Any) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(server, "build_workbench", lambda services: page)
    monkeypatch.setattr(server, "build_curator", build_curator)
    monkeypatch.setattr(server, "streamlit_lifespan", lifespan)
    monkeypatch.setattr(services_module, "_shared", [])
    return given


def mounted(**settings: Any) -> TestClient:
    built = server.build_app(fake_services(FakeGenerator(), **settings))
    return TestClient(built, base_url=LOCAL)


@pytest.fixture
def launched(page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the workbench alone is launched with."""
    given: dict[str, Any] = {}

    def launch(self: gr.Blocks, **options: Any) -> tuple[None, str, None]:
        given.update(options)
        return None, LOCAL, None

    monkeypatch.setattr(gr.Blocks, "launch", launch)
    return given


def test_beside_the_curator_both_ask_who_it_is(largest: list[int], users: Path) -> None:
    client = mounted(users=users)
    login = base64.b64encode(b"ada:correct horse").decode()
    for path, inside in (("/config", "workbench"), ("/curator/", "curator")):
        assert client.get(path).status_code == 401
        answer = client.get(path, headers={"authorization": f"Basic {login}"})
        assert answer.status_code == 200 and f"inside the {inside}" in answer.text
    assert mounted().get("/curator/").status_code == 200, "without the setting nobody is asked"


def test_alone_the_workbench_asks_who_it_is(
    page: gr.Blocks, launched: dict[str, Any], users: Path
) -> None:
    def inside(**settings: Any) -> TestClient:
        alone.serve_page(page, fake_services(FakeGenerator(), **settings))
        app = Starlette(
            routes=[Route("/", lambda _: PlainTextResponse("inside"))],
            middleware=launched["app_kwargs"]["middleware"],
        )
        return TestClient(app, base_url=LOCAL)

    assert inside(users=users).get("/").status_code == 401
    assert inside(users=users).get("/", auth=("ada", "correct horse")).text == "inside"
    assert inside(users=users).get("/", auth=("ada", "wrong horse")).status_code == 401
    assert inside().get("/").text == "inside"
    assert "auth" not in launched, "Gradio's own login is not used"


def test_a_wrong_file_of_users_is_refused(
    largest: list[int], page: gr.Blocks, tmp_path: Path
) -> None:
    (tmp_path / "users").write_text("ada\n")
    for start in (
        lambda: mounted(users=tmp_path / "users"),
        lambda: alone.serve_page(page, fake_services(FakeGenerator(), users=tmp_path / "users")),
        lambda: mounted(users=Path("/dev/null/users")),
    ):
        with pytest.raises(ConfigError, match=r"expected a new name|cannot be made"):
            start()


def test_a_missing_file_of_users_is_made_with_an_owner(
    largest: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = mounted(users=tmp_path / "new" / "users")
    *_, name, password = capsys.readouterr().out.splitlines()
    assert name == "  Name: owner"
    form = {"username": "owner", "password": password.rpartition(" ")[2]}
    assert client.post("/login", data=form).status_code == 200
    assert client.get("/login/password").status_code == 200
    mounted(users=tmp_path / "new" / "users")
    assert capsys.readouterr().out == "", "only where there is none"


@pytest.mark.parametrize("downloads", [False, True])
def test_addresses_are_fetched_as_the_setting_says(
    downloads: bool,
    largest: list[int],
    page: gr.Blocks,
    launched: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(prepare, "allow_fetching", told.append)
    mounted(downloads=downloads)
    alone.serve_page(page, fake_services(FakeGenerator(), downloads=downloads))
    assert told == [downloads, downloads]


def test_queue_is_as_long_as_the_setting_says(
    largest: list[int], page: gr.Blocks, launched: dict[str, Any]
) -> None:
    mounted(queue_size=3)
    assert page._queue.max_size == 3
    alone.serve_page(page, fake_services(FakeGenerator(), queue_size=4))
    assert page._queue.max_size == 4


def test_largest_import_and_upload(largest: list[int]) -> None:
    mounted(max_import=7)
    assert largest == [7]
    assert page_options(AppSettings(max_upload=5))["max_file_size"] == "5mb"


def test_address(page: gr.Blocks, launched: dict[str, Any]) -> None:
    alone.serve_page(page, fake_services(FakeGenerator(), host="0.0.0.0", port=8000))
    assert (launched["server_name"], launched["server_port"]) == ("0.0.0.0", 8000)


def test_tools_of_the_model_context_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: SimpleNamespace(name=name))
    assert page_options(AppSettings(mcp=True))["mcp_server"] is True
    assert page_options(AppSettings())["mcp_server"] is False


def test_device_and_models(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    class Pool:
        def __init__(self, *args: Any) -> None:
            given.append(args)

        def get(self, name: str) -> Any:
            given.append(name)
            return SimpleNamespace()

    monkeypatch.setattr(services_module, "ModelPool", Pool)
    services_module.build_services(
        AppSettings(device="cuda", model="stickers-t5", matcher="stickers-itm")
    )
    assert given == [("cuda", "stickers-itm"), "stickers-t5"]


def test_longest_answer_is_the_engines() -> None:
    engine = services_module.build_services(AppSettings(max_new_tokens=8)).engine
    with pytest.raises(ConfigError, match="at most 8"):
        engine.call(lambda pair, decode: None, "stickers-opt", DecodeConfig(max_new_tokens=9))


@pytest.mark.parametrize("curator", [True, False])
def test_curator_and_database_are_there_as_the_setting_says(
    curator: bool, page: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blip2core.storage import database

    opened: list[bool] = []
    built: list[Any] = []

    def open_database() -> SimpleNamespace:
        opened.append(True)
        return SimpleNamespace(note="", images=SimpleNamespace(root=Path("/srv/images")))

    def build(settings: AppSettings, *kept: Any) -> str:
        built.append(kept)
        return "services"

    monkeypatch.setattr(database, "open_database", open_database)
    monkeypatch.setattr(services_module, "build_services", build)
    monkeypatch.setattr(alone, "build_services", build)
    monkeypatch.setattr(alone, "build_workbench", lambda services: page)
    monkeypatch.setattr(alone, "serve_page", lambda *given: "alone")
    monkeypatch.setattr(server, "build_app", lambda services: "app")
    both = SimpleNamespace(address="both")
    monkeypatch.setattr(server, "start_server", lambda *given, **named: both)
    address = main.serve(AppSettings(curator=curator)).address
    assert (address, bool(opened)) == (("both", True) if curator else ("alone", False))
    assert [len(kept) for kept in built] == [int(curator)]
