"""The kinds of requests, as logs and metrics name them: a handful, whatever is asked for."""

from __future__ import annotations

import re

from app.login.requests import is_below
from app.serving.allowed_routes import CURATOR
from app.serving.health import ALIVE, READY

OTHER = ("other", "other")
"""App and kind of a request for an address that is not there."""
WORKBENCH = {
    re.compile(pattern): kind
    for pattern, kind in {
        r"/(config/?)?": "page",
        r"/gradio_api/(app_id|info|login_check|startup-events|theme\.css)/?": "page",
        r"/(assets|static|svelte)/.+|/[\w.-]+\.(ico|json|txt|css)|/pwa_icon(/\d+)?": "file",
        r"/gradio_api/file=.+": "file",
        r"/gradio_api/upload/?": "upload",
        r"/gradio_api/(queue/join|(run|api)/[^/]+/?|call/(v2/)?[^/]+/?)": "ask",
        r"/gradio_api/(queue/data|call/(v2/)?[^/]+/[^/]+)": "answer",
        r"/gradio_api/(cancel|reset)/?|/gradio_api/(queue/status|upload_progress)": "page",
        r"/gradio_api/heartbeat/[^/]+": "heartbeat",
        r"/gradio_api/mcp(/.*)?": "tools",
    }.items()
}
CURATOR_KINDS = {
    re.compile(pattern): kind
    for pattern, kind in {
        r"/_stcore/stream": "websocket",
        r"/_stcore/(health|script-health-check)": "health",
        r"/_stcore/upload_file/.+": "upload",
        r"/(static|media|component|_stcore/bidi-components)/.+|/[\w.-]+\.(ico|png|json)": "file",
        r"(/\w*)?(/_stcore/[\w-]+)?": "page",
    }.items()
}
QUIET = frozenset({"file", "heartbeat", "health"})
"""Kinds of which there are many, and which say little: they are logged at the level debug."""


def request_kind(path: str) -> tuple[str, str]:
    """Return the app that a path belongs to, and what kind of request it is there."""
    if path in (ALIVE, READY):
        return "studio", "health"
    if is_below(path, "/login") or is_below(path, "/logout"):
        return "studio", "login"
    if is_below(path, CURATOR):
        return _found("curator", path.removeprefix(CURATOR), CURATOR_KINDS)
    return _found("workbench", path, WORKBENCH)


def _found(app: str, path: str, kinds: dict[re.Pattern[str], str]) -> tuple[str, str]:
    kind = next((kind for pattern, kind in kinds.items() if pattern.fullmatch(path)), None)
    return OTHER if kind is None else (app, kind)
