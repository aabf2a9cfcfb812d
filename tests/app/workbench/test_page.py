"""The page around the tabs: what it says of the model, what it offers to the outside."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gradio.blocks import BlockFunction

from app.serving.alone import serve_alone, serve_page
from app.serving.gradio_options import SESSIONS
from app.serving.run import run
from app.space import ROOT
from app.workbench.page import build_workbench
from blip2core.errors import ConfigError
from tests.fakes import FakeGenerator, fake_services


def handler(event: BlockFunction) -> str:
    """Name of the function behind an event, also where it is a partial one, or none at all."""
    return getattr(getattr(event.fn, "func", event.fn), "__name__", "")


def test_served_page_is_closed_to_the_outside() -> None:
    services = fake_services(FakeGenerator())
    page = build_workbench(services)
    respond = next(number for number, event in page.fns.items() if handler(event) == "respond")
    address = serve_page(page, services)
    try:
        with httpx.Client(base_url=address, trust_env=False) as client:
            config = client.get("config").json()
            info = client.get("gradio_api/info").json()
            direct = client.post("gradio_api/run/respond", json={"data": [], "fn_index": respond})
            monitoring = client.get("monitoring/summary")
    finally:
        page.close()
    assert list(info["named_endpoints"]) == ["/caption", "/ask", "/match", "/attention"]
    assert info["unnamed_endpoints"] == {}
    assert direct.status_code == 404
    assert monitoring.status_code in (403, 404)
    assert config["title"] == "BLIP-2 Studio"
    assert page.state_session_capacity == SESSIONS < 10_000  # Gradio's own number of sessions
    assert "<h1>" in str(config["components"])


@pytest.mark.parametrize(("longest", "usual"), [(256, 40), (100, 40), (8, 8)])
def test_every_length_starts_at_the_usual_and_ends_where_the_studio_does(
    longest: int, usual: int
) -> None:
    page = build_workbench(fake_services(FakeGenerator(), max_new_tokens=longest))
    sliders = [
        block for block in page.blocks.values() if getattr(block, "label", "") == "Max new tokens"
    ]
    assert len(sliders) == 3  # chat, captions, CapFilt
    assert {(slider.maximum, slider.value) for slider in sliders} == {(longest, usual)}


def test_model_events_share_one_queue() -> None:
    events = build_workbench(fake_services(FakeGenerator())).fns.values()
    queue = [event for event in events if event.concurrency_id == "model"]
    assert {event.concurrency_limit for event in queue} == {1}
    page = {"caption_image", "respond", "on_replay", "on_look", "test", "mask", "on_follow"}
    page |= {"find_doubt_html"}
    tabs = {"on_write_captions", "continue_captions", "continue_capfilt", "on_score_texts"}
    tabs |= {"continue_search", "edit", "on_walkthrough"}
    programs = {"caption", "ask", "match", "attention"}
    assert {handler(event) for event in queue} == page | tabs | programs


def test_a_place_in_the_queue_is_shown_where_nothing_else_writes() -> None:
    events = list(build_workbench(fake_services(FakeGenerator())).fns.values())
    places = {place for event in events for place in event.show_progress_on or []}
    assert len(places) == 1
    assert not [event for event in events if places.intersection(event.outputs)]


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    services = fake_services(FakeGenerator(), mcp=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'blip2-studio\[mcp\]'"):
        serve_page(build_workbench(services), services)


def test_runs_as_a_file_and_names_what_is_wrong() -> None:
    run = subprocess.run(
        [sys.executable, "app/space.py"],
        cwd=ROOT,
        env=os.environ | {"BLIP2_MODEL": "nonsense"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("BLIP2_MODEL: There is no model 'nonsense'.")


def test_wrong_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLIP2_PORT", "many")
    assert run(serve_alone) == 2
    assert capsys.readouterr().err.startswith("BLIP2_PORT: ")


def test_samples_are_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.workbench.image.panel.SAMPLES", tmp_path)
    assert build_workbench(fake_services(FakeGenerator())) is not None
