"""What middleware in front of the apps shares: refusing a request, and the path it is for."""

from __future__ import annotations

from python_multipart.multipart import parse_options_header
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

POLICY_VIOLATION = 1008
"""Code with which a websocket is closed, RFC 6455 section 7.4.1."""


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with `response`; close a websocket, which cannot carry one, unopened."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await response(scope, receive, send)


def is_utf8_form(content_type: str) -> bool:
    """Return whether a form says no charset, or UTF-8: some others take minutes to decode."""
    _, options = parse_options_header(content_type)
    return options.get(b"charset", b"utf-8").lower() in (b"utf-8", b"utf8")


def route_path(scope: Scope) -> str:
    """Return the path of a request without that under which the studio is mounted."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path.removeprefix(root) or "/" if is_below(path, root) else path


def is_below(path: str, start: str) -> bool:
    """Return whether a path is `start` or below it."""
    return path == start or path.startswith(f"{start}/")
