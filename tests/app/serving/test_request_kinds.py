"""A handful of kinds, whatever is asked for."""

import secrets

import pytest

from app.serving.request_kinds import CURATOR_KINDS, OTHER, WORKBENCH, request_kind


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("workbench", "page")),
        ("/config", ("workbench", "page")),
        ("/assets/index-1.js", ("workbench", "file")),
        ("/theme.css", ("workbench", "file")),
        ("/gradio_api/file=/tmp/a/image.png", ("workbench", "file")),
        ("/gradio_api/upload", ("workbench", "upload")),
        ("/gradio_api/queue/join", ("workbench", "ask")),
        ("/gradio_api/run/predict", ("workbench", "ask")),
        ("/gradio_api/call/ask", ("workbench", "ask")),
        ("/gradio_api/call/v2/ask/", ("workbench", "ask")),
        ("/gradio_api/call/ask/0123", ("workbench", "answer")),
        ("/gradio_api/queue/data", ("workbench", "answer")),
        ("/gradio_api/heartbeat/abc", ("workbench", "heartbeat")),
        ("/gradio_api/mcp/sse", ("workbench", "tools")),
        ("/curator/", ("curator", "page")),
        ("/curator", ("curator", "page")),
        ("/curator/review", ("curator", "page")),
        ("/curator/_stcore/stream", ("curator", "websocket")),
        ("/curator/_stcore/upload_file/a/b", ("curator", "upload")),
        ("/curator/static/js/index.js", ("curator", "file")),
        ("/curator/_stcore/health", ("curator", "health")),
        ("/healthz", ("studio", "health")),
        ("/login", ("studio", "login")),
        ("/login/password", ("studio", "login")),
        ("/wp-admin.php", OTHER),
        ("/gradio_api/proxy=http://x", OTHER),
        ("/a/b", OTHER),
    ],
)
def test_kinds(path: str, found: tuple[str, str]) -> None:
    assert request_kind(path) == found


def test_there_are_few_whatever_is_asked_for() -> None:
    starts = ["/", "/curator/", "/login/", "/gradio_api/", "/gradio_api/call/", "/curator/_stcore/"]
    paths = [f"{start}{secrets.token_hex(4)}/{secrets.token_hex(4)}" for start in starts * 200]
    found = {request_kind(path) for path in paths}
    known = {("workbench", kind) for kind in WORKBENCH.values()}
    known |= {("curator", kind) for kind in CURATOR_KINDS.values()}
    assert found <= known | {OTHER, ("studio", "login"), ("studio", "health")}
