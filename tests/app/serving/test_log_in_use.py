"""A served studio, asked by strangers: each line has its request, and none quotes them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, PngImagePlugin

from tests.app.serving.served import served
from tests.ports import free_port

MARK = "Zaubermaus"
"""Stands in all that the visitors write and upload."""


@pytest.fixture(
    scope="module", params=["mounted", pytest.param("launched", marks=pytest.mark.slow)]
)
def studio(
    request: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    """The address, that of the metrics, and the log."""
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    settings = {
        "BLIP2_LOG": "json",
        "BLIP2_LOG_LEVEL": "debug",
        "BLIP2_METRICS": "1",
        "BLIP2_METRICS_PORT": str(port),
    }
    with served(request.param, folder, **settings) as address:
        yield address, f"http://127.0.0.1:{port}/metrics", folder / "log"


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def marked(folder: Path) -> Path:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", MARK)
    Image.new("RGB", (40, 30), "red").save(folder / f"{MARK}.png", pnginfo=notes)
    return folder / f"{MARK}.png"


def test_nothing_that_visitors_write_or_upload_is_logged(
    studio: tuple[str, str, Path], tmp_path: Path
) -> None:
    address, _, log = studio
    program = Client(address, verbose=False, analytics_enabled=False)
    image = handle_file(marked(tmp_path))
    question = f"{MARK}\nWho?"
    assert MARK in program.predict(image, question, [[MARK, MARK]], api_name="/ask")["answer"]
    program.predict(image, 2, "greedy", MARK, api_name="/caption")
    program.predict(image, [MARK, "a cat"], api_name="/match")
    (tmp_path / "no image.png").write_text(MARK)
    failures = {
        "/ask": (image, MARK * 1000),
        "/match": (image, [MARK * 1000]),
        "/attention": (image, MARK),  # the fake cannot do it, and raises what nobody expects
        "/caption": (handle_file(tmp_path / "no image.png"),),
    }
    told = {}
    for name, given in failures.items():
        with pytest.raises(AppError) as error:
            program.predict(*given, api_name=name)
        told[name] = str(error.value)
    with httpx.Client(base_url=address, trust_env=False) as browser:
        browser.get(f"/?tab={MARK}", headers={"x-request-id": MARK, "user-agent": MARK})
        browser.get(f"/{MARK}")
        browser.post("/gradio_api/queue/join", json={"data": [MARK], "fn_index": 0, MARK: MARK})
        browser.post("/gradio_api/queue/join", content=MARK)
        browser.post("/gradio_api/upload", content=MARK)
        config = browser.get("/config").json()
        for event in config["dependencies"]:  # nonsense for every event of the page
            data = {"data": [MARK] * len(event["inputs"]), "fn_index": event["id"]}
            browser.post("/gradio_api/queue/join", json=data | {"session_hash": "mine"})
    assert MARK not in log.read_text("utf-8") and "someone/secret" not in log.read_text("utf-8")
    reference = told["/attention"].partition("(reference ")[2].partition(")")[0]
    (line,) = [one for one in lines(log) if one.get("request") == reference and "error" in one]
    assert "AttributeError" in line["error"] and line["logger"] == "app.inference.failures"


def test_model_work_names_the_request_that_asked_for_it(
    studio: tuple[str, str, Path], tmp_path: Path
) -> None:
    address, _, log = studio
    before = len(lines(log))
    Client(address, verbose=False, analytics_enabled=False).predict(
        handle_file(marked(tmp_path)), ["a cat"], api_name="/match"
    )
    found = lines(log)[before:]
    asks = [one["request"] for one in found if one.get("kind") == "ask"]
    works = [one for one in found if one["logger"] == "app.inference.engine"]
    # What others asked for may still be under way, or wait: it has numbers of its own.
    assert all(one["request"] for one in works)
    mine = [one["message"].partition(":")[0] for one in works if one["request"] in asks]
    assert mine == ["encode", "match"]


def test_metrics_are_on_a_port_of_their_own(studio: tuple[str, str, Path]) -> None:
    address, metrics, _ = studio
    with httpx.Client(trust_env=False) as prometheus:
        for number in range(30):
            prometheus.get(f"{address}/unknown-{number}")
        found = prometheus.get(metrics)
        assert prometheus.get(metrics.replace("/metrics", "/")).status_code == 404
        assert prometheus.get(metrics, headers={"host": "evil.com"}).status_code == 400
        assert "python_gc" not in prometheus.get(f"{address}/metrics").text
    assert found.headers["content-type"].startswith("text/plain")
    assert 'blip2_refused_total{reason="route"} ' in found.text and "unknown-" not in found.text
    for name in ("model_work_seconds_count", "model_wait_seconds_bucket", "queue_seconds_sum"):
        assert f"blip2_{name}" in found.text
    assert 'blip2_model_work_failed_total{kind="explain"} ' in found.text
    assert ("blip2_database_up 1.0" in found.text) == ("curator" in httpx_title(address))


def httpx_title(address: str) -> str:
    """Words that say whether the curator is there."""
    with httpx.Client(trust_env=False) as browser:
        return "curator" if browser.get(f"{address}/curator/").status_code == 200 else "alone"
