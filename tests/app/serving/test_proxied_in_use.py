"""What a proxy tells is believed of the named ones alone, on both ways of serving."""

from pathlib import Path

import httpx
import pytest

from tests.app.serving.served import served

FROM_ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}
ROOT_PATH = "/studio"


@pytest.fixture(scope="module", params=["mounted", "launched"])
def way(request: pytest.FixtureRequest) -> str:
    way: str = request.param
    return way


def test_by_default_a_proxy_on_this_machine_is_believed(way: str, tmp_path: Path) -> None:
    with served(way, tmp_path) as address, httpx.Client(trust_env=False) as http:
        assert http.get(address).status_code == 200
        assert http.get(address, headers=FROM_ELSEWHERE).status_code == 403  # no owner of this


def test_a_page_behind_a_named_proxy(way: str, tmp_path: Path) -> None:
    settings = {
        "BLIP2_ROOT_PATH": ROOT_PATH,
        "BLIP2_OPEN": "1",
        "BLIP2_CURATOR": "0",
        "BLIP2_ALLOWED_HOSTS": "studio.example",
    }
    proxy = {"Host": "studio.example", "X-Forwarded-Proto": "https", **FROM_ELSEWHERE}
    forged = {"X-Forwarded-Host": "evil.example", "X-Gradio-Server": "https://evil.example"}
    with served(way, tmp_path, **settings) as address, httpx.Client(trust_env=False) as http:
        for path in (f"{ROOT_PATH}/config", "/config"):
            config = http.get(f"{address}{path}", headers=proxy | forged).json()
            assert config["root"] == f"https://studio.example{ROOT_PATH}"
        page = http.get(f"{address}{ROOT_PATH}/", headers=proxy | forged).text
        assert "evil.example" not in page
        assert http.get(f"{address}{ROOT_PATH}").headers["location"] == f"{ROOT_PATH}/"
        assert http.get(f"{address}{ROOT_PATH}/healthz", headers=proxy).text == "ok"


def test_others_are_not_believed(way: str, tmp_path: Path) -> None:
    settings = {
        "BLIP2_PROXIES": "192.0.2.1",
        "BLIP2_OPEN": "1",
        "BLIP2_CURATOR": "0",
        "BLIP2_ALLOWED_HOSTS": "studio.example",
    }
    told = {"Host": "studio.example", "X-Forwarded-Proto": "https", **FROM_ELSEWHERE}
    with served(way, tmp_path, **settings) as address, httpx.Client(trust_env=False) as http:
        assert http.get(f"{address}/config", headers=told).json()["root"] == "http://studio.example"
