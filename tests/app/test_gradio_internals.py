"""What the app needs of Gradio beyond its public interface is still there."""

import asyncio
import inspect
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio import processing_utils, queueing, route_utils, routes, utils
from gradio.state_holder import StateHolder

from app.gradio_internals import (
    allow_fetching,
    check_requested_files,
    event_values,
    ignore_lost_sessions,
    is_port_taken,
    leave_out_cors,
    leave_out_space_header,
    limit_sessions,
    log_tracebacks,
    share_sessions,
    tell_own_address,
    upload_folder,
    waiting_seconds,
    watch_queue,
)


def test_values_of_an_event() -> None:
    event = gr.EventData(None, {"card": 1})
    assert hasattr(event, "_data"), "Gradio no longer keeps an event's values in EventData._data."
    assert event_values(event) == {"card": 1}
    for nonsense in (None, "card", [1]):
        assert event_values(gr.EventData(None, nonsense)) == {}


def test_requested_files_are_checked(tmp_path: Path) -> None:
    check = inspect.getsource(processing_utils._check_allowed)
    assert "has_launched" in check, "Gradio's check of paths no longer looks at has_launched."
    assert hasattr(gr.Blocks(), "has_launched"), "A page no longer has the flag has_launched."
    secret = tmp_path.parent / "secret.txt"
    secret.write_text("secret")
    with gr.Blocks() as page:
        pass
    token = processing_utils.LocalContext.blocks.set(page)
    try:
        processing_utils._check_allowed(secret, check_in_upload_folder=True)  # not checked yet
        check_requested_files(page)
        with pytest.raises(Exception, match="not uploaded by a user"):
            processing_utils._check_allowed(secret, check_in_upload_folder=True)
    finally:
        processing_utils.LocalContext.blocks.reset(token)


def test_sessions_are_limited() -> None:
    page = gr.Blocks()
    assert hasattr(page, "state_session_capacity"), "A page no longer limits its sessions."
    limit_sessions(page, 3)
    holder = StateHolder()
    holder.set_blocks(page)
    assert holder.capacity == 3, "Gradio no longer reads state_session_capacity of a page."


@pytest.fixture
def holder(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The sessions of a page that keeps ten; `visitor` is who asks."""
    assert "self.state_holder = StateHolder()" in inspect.getsource(routes.App.__init__), (
        "Gradio makes the holder of its sessions in another way now."
    )
    monkeypatch.setattr(routes, "StateHolder", StateHolder)
    visitor = [""]
    share_sessions(lambda: visitor[0])
    with gr.Blocks() as page:
        pass
    limit_sessions(page, 10)
    holder = routes.App.create_app(page).state_holder
    holder.visitor = visitor
    return holder


def use(holder: Any, visitor: str, *sessions: str) -> None:
    holder.visitor[0] = visitor
    for session in sessions:
        holder[session]


def test_one_visitor_with_a_thousand_sessions_pushes_out_their_own(holder: Any) -> None:
    use(holder, "ada", "ada 1", "ada 2")
    use(holder, "bob", "bob 1")
    use(holder, "eve", *(f"eve {number}" for number in range(1_000)))
    kept = [f"eve {number}" for number in range(993, 1_000)]
    assert list(holder.session_data) == ["ada 1", "ada 2", "bob 1", *kept]
    use(holder, "eve", "ada 1")  # a name that she has found out is not hers by that
    use(holder, "eve", "more")
    assert {"ada 1", "ada 2", "bob 1"} <= set(holder.session_data)
    assert len(holder.session_data) == len(holder.time_last_used) == len(holder._owners) == 10


def test_of_many_visitors_the_longest_absent_is_forgotten(holder: Any) -> None:
    for number in range(10):
        use(holder, f"visitor {number}", f"session {number}")
    use(holder, "visitor 0", "session 0")
    use(holder, "visitor 10", "session 10")
    assert "session 1" not in holder and "session 0" in holder and "session 10" in holder


def test_folder_of_uploads(uploads: Path) -> None:
    assert upload_folder() == uploads.resolve(), "GRADIO_TEMP_DIR no longer names the folder."


def test_a_taken_port_is_told_from_other_errors() -> None:
    with socket.socket() as other, gr.Blocks() as page:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        with pytest.raises(OSError) as caught:
            page.launch(
                server_name="127.0.0.1",
                server_port=other.getsockname()[1],
                prevent_thread_lock=True,
                quiet=True,
            )
    assert is_port_taken(caught.value), "Gradio says in other words that a port is taken."
    assert not is_port_taken(FileNotFoundError(2, "No such file or directory"))
    assert not is_port_taken(OSError("Something else"))
    assert not is_port_taken(OSError(13, "Cannot find empty port"))


@pytest.mark.parametrize("allowed", [False, True])
def test_addresses_in_place_of_files_are_fetched_where_it_is_allowed(
    allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = inspect.getsource(processing_utils.async_ssrf_protected_download)
    assert "async_ssrf_protected_get(" in source, "Gradio fetches addresses in another way now."
    asked: list[str] = []

    async def get(url: str) -> None:
        asked.append(url)
        raise OSError("no network")

    monkeypatch.setattr("app.gradio_internals._fetch", get)
    allow_fetching(allowed)
    try:
        with gr.Blocks() as page:
            image = gr.Image()
        file = {"path": "http://example.com/x.png", "meta": {"_type": "gradio.FileData"}}
        with pytest.raises(Exception, match="no network" if allowed else "BLIP2_DOWNLOADS"):
            processing_utils.move_files_to_cache(file, image, check_in_upload_folder=True)
        assert page is not None and asked == (["http://example.com/x.png"] if allowed else [])
    finally:
        allow_fetching(False)


def test_the_queue_tells_of_an_event_before_its_work_begins() -> None:
    with gr.Blocks() as page:
        gr.Markdown()
    page.queue()
    event = SimpleNamespace(
        request=SimpleNamespace(scope={"one": 1}), enqueue_time=time.monotonic() - 3
    )
    begun: list[Any] = []
    order: list[str] = []

    async def process(events: list[Any], *rest: Any) -> None:
        order.append(f"worked {rest}")

    assert hasattr(page._queue, "process_events"), "Gradio's queue has no process_events any more."
    page._queue.process_events = process  # type: ignore[method-assign,assignment]
    watch_queue(page, lambda scope, waited: (begun.append((scope, waited)), order.append("begun")))
    asyncio.run(page._queue.process_events([event], False, 0.0, None))  # type: ignore[arg-type]
    assert order == ["begun", "worked (False, 0.0, None)"]
    assert begun[0][0] == {"one": 1} and 3 <= begun[0][1] < 60


def test_the_queue_outlives_a_session_that_is_gone() -> None:
    page = gr.Blocks()
    page.queue()
    assert hasattr(page._queue, "send_message"), "Gradio's queue has no send_message any more."
    told: list[Any] = []
    page._queue.send_message = lambda event, message: told.append(message)  # type: ignore[method-assign,assignment,misc]
    ignore_lost_sessions(page)
    page._queue.pending_messages_per_session["here"] = object()  # type: ignore[assignment]
    for session in ("here", "gone"):
        page._queue.send_message(SimpleNamespace(session_hash=session), session)  # type: ignore[arg-type]
    assert told == ["here"]


def test_what_waits_in_the_queue() -> None:
    page = gr.Blocks()
    assert waiting_seconds(page) == []
    waiting = queueing.EventQueue("model", 1)
    page._queue.event_queue_per_concurrency_id["model"] = waiting
    assert hasattr(queueing.Event, "streaming"), "Gradio no longer has queueing.Event."
    waiting.queue = [SimpleNamespace(enqueue_time=time.monotonic() - 5)]  # type: ignore[list-item]
    (seconds,) = waiting_seconds(page)
    assert 5 <= seconds < 60


def test_tracebacks_are_logged_and_not_printed(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    modules = (queueing, route_utils, routes, utils)
    for module in modules:
        assert "traceback.print_exc()" in inspect.getsource(module), (
            "Gradio prints no errors there."
        )
    log_tracebacks()
    for module in modules:
        try:
            raise ValueError("no")
        except ValueError:
            module.traceback.print_exc()  # type: ignore[attr-defined]
            assert "ValueError: no" in module.traceback.format_exc()  # type: ignore[attr-defined]
    assert len([one for one in caplog.records if one.exc_info]) == len(modules)
    assert capsys.readouterr().err == ""


def test_a_page_that_does_not_know_its_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "ada/studio")
    monkeypatch.setenv("SYSTEM", "spaces")
    with gr.Blocks() as page:
        pass
    assert page.get_config_file()["space_id"] == "ada/studio"
    leave_out_space_header(page)
    assert page.get_config_file()["space_id"] is None


def test_a_page_without_cors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "CustomCORSMiddleware", routes.CustomCORSMiddleware)
    leave_out_cors()
    with gr.Blocks() as page:
        pass
    used = [middleware.cls for middleware in routes.App.create_app(page).user_middleware]
    assert routes.CustomCORSMiddleware in used, "Gradio adds its middleware by another name now."
    assert not [
        kind for kind in used if kind.__module__ == route_utils.__name__ and "CORS" in kind.__name__
    ]


def test_tools_of_a_page_ask_its_own_server() -> None:
    source = Path(inspect.getfile(gr)).with_name("mcp.py").read_text("utf-8")
    assert "self.local_url or root_url" in source and "return self._local_url" in source
    page = SimpleNamespace(mcp_server_obj=SimpleNamespace(_local_url=None))
    tell_own_address(page, "http://localhost:7860/")
    assert page.mcp_server_obj._local_url == "http://localhost:7860/"
    tell_own_address(SimpleNamespace(mcp_server_obj=None), "http://localhost:7860/")
