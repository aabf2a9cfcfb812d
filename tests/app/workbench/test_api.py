"""The endpoints, as programs use them: served, with fakes behind, and the README's example."""

import contextlib
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from app.services import build_services
from app.serving.alone import serve_page
from app.settings import AppSettings
from app.workbench.api import Endpoints, MapMethod, open_uploaded
from app.workbench.page import build_workbench
from blip2core.errors import ImageError
from blip2core.explain import DEFAULT_METHOD, METHODS
from blip2core.models.specs import find_spec
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

ROOT = Path(__file__).parents[3]
ENDPOINTS = ["/caption", "/ask", "/match", "/attention"]


@pytest.fixture(scope="module")
def generator() -> FakeGenerator:
    return FakeGenerator(answers={"Who?": "a dog"})


@pytest.fixture(scope="module")
def address(generator: FakeGenerator) -> Iterator[str]:
    services = fake_services(generator, FakeMatcher())
    page = build_workbench(services)
    yield serve_page(page, services)
    page.close()


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


@pytest.fixture
def image(tmp_path: Path) -> Any:
    Image.new("RGB", (40, 20), "red").save(tmp_path / "red.png")
    return handle_file(str(tmp_path / "red.png"))


def test_public_endpoints_are_exactly_ours(client: Client) -> None:
    info = client.view_api(return_format="dict", print_info=False)
    open_events = set(info["named_endpoints"]) - set(ENDPOINTS)
    assert not open_events, f"Any program may call {open_events}: add **PRIVATE_EVENT to the event"
    assert list(info["named_endpoints"]) == ENDPOINTS
    assert info["unnamed_endpoints"] == {}
    for endpoint in info["named_endpoints"].values():
        assert endpoint["description"]
        assert endpoint["parameters"][0]["parameter_name"] == "image"
        assert endpoint["parameters"][0]["python_type"]["type"] == "filepath"


def test_captions_have_scores(client: Client, image: Any, generator: FakeGenerator) -> None:
    found = client.predict(image, num=3, mode="sample", seed=0, prompt="so", api_name="/caption")
    assert [(one["times"], one["itm"] > 0.6) for one in found] == [(2, True), (1, True)]
    assert generator.decodes[-1].seed == 0 and generator.prompts[-1] == "so"


def test_questions_build_on_history(client: Client, image: Any) -> None:
    talk = [["Who?", "a dog"]]
    found = client.predict(image, "Where?", talk, api_name="/ask")
    assert found["prompt"].endswith("Question: Where? Answer:") and "a dog" in found["prompt"]
    assert found["dropped"] == 0


def test_texts_come_back_in_their_order(client: Client, image: Any) -> None:
    found = client.predict(image, ["a blue\ndog", "a red bird"], api_name="/match")
    assert [one["text"] for one in found] == ["a blue dog", "a red bird"]
    assert found[1]["itm"] == 1.0


def test_methods_are_those_there_are() -> None:
    assert get_args(MapMethod) == tuple(METHODS)
    default = inspect.signature(Endpoints.attention).parameters["method"].default
    assert default == DEFAULT_METHOD


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("/ask", "  "), "The question is empty"),
        (("/ask", "Who?", [["", ""]] * 101), "history has 101 turns; at most 100 are read"),
        (("/ask", "a" * 2001), "2001 characters"),
        (("/ask", "Who?", [["alone"]]), "pairs of a question and its answer"),
        (("/match", []), "There is no text"),
        (("/match", [1]), "must be words"),
        (("/match", None), "must be lists"),
        (("/match", "a dog"), "must be lists"),
        (("/match", {"a": "dog"}), "must be lists"),
        (("/ask", "Who?", 5), "must be lists"),
        (("/ask", "Who?", {"Who?": "a dog"}), "must be lists"),
        (("/caption", "x"), "must be a number"),
        (("/caption", [1]), "must be a number"),
        (("/caption", True), "must be a number"),
        (("/ask", "Who?", {}), "must be lists"),
        (("/caption", 1.5), "must be a whole number"),
        (("/caption", None), "is empty"),
        (("/caption", 1, "greedy", "", None, "long"), "max_new_tokens must be a number"),
        (("/ask", "Who?", None, "greedy", None, 2.5), "whole number"),
        (("/caption", 9, "sample"), "from 1 to 8"),
        (("/caption", 1, "guess"), "'greedy', 'sample' or 'beam'"),
        (("/caption", 1, "greedy", "", None, 9999), "max_new_tokens"),
        (("/caption", 1, "greedy", "", None, 0), "max_new_tokens"),
    ],
)
def test_what_is_wrong_is_said_in_our_words(
    client: Client, image: Any, given: tuple[Any, ...], message: str
) -> None:
    endpoint, *values = given
    with pytest.raises(AppError, match=message):
        client.predict(image, *values, api_name=endpoint)


def test_failure_keeps_secrets_and_the_queue_goes_on(
    client: Client, image: Any, generator: FakeGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator, "captions", ("!",))
    with pytest.raises(AppError, match=r"No captions \(reference [0-9a-f]{12}\)") as error:
        client.predict(image, api_name="/caption")
    assert "secret" not in str(error.value)
    assert client.predict(image, "Who?", api_name="/ask")["answer"] == "a dog"


@pytest.mark.parametrize(
    "forged",
    [
        "/etc/passwd",
        {"path": "/etc/passwd"},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        {"path": "../../../../../../etc/passwd"},
        {"path": 7},
        None,
    ],
)
def test_only_uploads_are_opened(address: str, forged: Any) -> None:
    with httpx.Client(base_url=address, trust_env=False) as http:
        call = http.post("gradio_api/call/match", json={"data": [forged, ["a dog"]]})
        answer = http.get(f"gradio_api/call/match/{call.json()['event_id']}").text
    assert "event: error" in answer and "itm" not in answer


def test_file_outside_the_uploads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uploads").mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    for place, allowed in (("uploads/red.png", True), ("red.png", False)):
        Image.new("RGB", (4, 4)).save(tmp_path / place)
        with contextlib.nullcontext() if allowed else pytest.raises(ImageError, match="uploaded"):
            assert open_uploaded({"path": str(tmp_path / place)}).size == (4, 4)


def test_page_and_programs_share_one_queue(address: str, generator: FakeGenerator) -> None:
    page = build_workbench(fake_services(generator, FakeMatcher()))
    public = [event for event in page.fns.values() if event.api_visibility == "public"]
    assert len(public) == len(ENDPOINTS)
    assert {(event.concurrency_id, event.concurrency_limit) for event in public} == {("model", 1)}


@pytest.mark.skipif(
    not (find_spec("stickers-opt").checkpoint / "config.json").is_file(),
    reason="there is no embedded checkpoint",
)
def test_readme_example_prints_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(from gradio_client.*?)^```$", readme, re.DOTALL | re.M)
    expected = readme.partition(code)[2].partition("```text\n")[2].partition("```")[0]
    services = build_services(AppSettings())
    page, printed = build_workbench(services), io.StringIO()
    try:
        address = serve_page(page, services)
        with contextlib.redirect_stdout(printed):
            exec(code.replace("http://127.0.0.1:7860", address), {})
    finally:
        page.close()
    assert printed.getvalue() == expected


def test_without_a_length_the_usual_one_is_asked_for_or_what_the_studio_allows() -> None:
    for longest, asked in ((256, 40), (8, 8)):
        generator = FakeGenerator()
        services = fake_services(generator, FakeMatcher(), max_new_tokens=longest)
        endpoints = Endpoints(services)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.workbench.api.open_uploaded", lambda _: Image.new("RGB", (8, 8)))
            endpoints.caption({})
        assert generator.decodes[-1].max_new_tokens == asked
