"""What middleware in front of the apps shares: refusing a request, and the path it is for."""

from __future__ import annotations

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


def route_path(scope: Scope) -> str:
    """Return the path of a request without that under which the studio is mounted."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path.removeprefix(root) or "/" if is_below(path, root) else path


def is_below(path: str, start: str) -> bool:
    """Return whether a path is `start` or below it."""
    return path == start or path.startswith(f"{start}/")
