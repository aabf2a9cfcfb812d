"""Gives each request an id, answers with it, and logs and measures what became of the request.

Neither addresses nor names are logged: an address may hold what a visitor typed, and who asked is
said by the role.
"""

from __future__ import annotations

import logging
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.login.requests import route_path
from app.metrics import metrics, note_refusal
from app.request_info import (
    ID_HEADER,
    SCOPE_KEY,
    RequestInfo,
    harmless_id,
    new_id,
    set_request,
)
from app.serving.request_kinds import QUIET, request_kind

GONE = 499
"""Status, as nginx logs it, of a request whose sender left before the answer began."""
_OPENED, _FAILED = 101, 500
_INTERNAL_ERROR = 1011
"""Code with which a websocket is closed, RFC 6455 section 7.4.1."""
_log = logging.getLogger("app.requests")


class RequestLog:
    """ASGI middleware in front of all others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does; an error that nobody expected is an answer with its reference."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), GONE
        request = RequestInfo(id=id_of(scope))
        set_request(request)
        others = [pair for pair in scope["headers"] if pair[0].lower() != ID_HEADER.encode()]
        header = (ID_HEADER.encode(), request.id.encode())
        scope = {**scope, SCOPE_KEY: request, "headers": [*others, header]}

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.accept"):
                status = message.get("status", _OPENED)
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[ID_HEADER] = request.id
            elif message["type"] == "websocket.close" and status == GONE:
                status = 403
            await send(message)

        try:
            await self.app(scope, receive, answered)
        except Exception as error:
            _log.error("A request failed unexpectedly.", exc_info=error)
            if status == GONE:  # nothing was sent yet
                await _tell(request, scope, receive, answered)
            status = _FAILED
        finally:
            _note(scope, request, status, time.monotonic() - began)


async def _tell(request: RequestInfo, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request whose work failed unexpectedly; close a websocket, which carries no text."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _INTERNAL_ERROR})
        return
    told = f"Something went wrong here (reference {request.id})."
    await PlainTextResponse(told, _FAILED)(scope, receive, send)


def id_of(scope: Scope) -> str:
    """Return the id of a request: a new one, or that of a proxy which the studio trusts.

    Of such a proxy the server takes the address of who asks, and then knows no port of theirs.
    """
    client = scope.get("client")
    is_from_proxy = client is not None and client[1] == 0
    given = Headers(scope=scope).get(ID_HEADER) if is_from_proxy else None
    return harmless_id(given) or new_id()


def _note(
    scope: MutableMapping[str, Any], request: RequestInfo, status: int, seconds: float
) -> None:
    """Measure and log a request that is over."""
    app, kind = request_kind(route_path(scope))
    if not request.refused:
        if kind == "upload" and status == 413:
            note_refusal("size")  # by Gradio or Streamlit
        elif kind == "ask" and status == 503:
            note_refusal("queue full")  # by Gradio
    metrics().answered(app, kind, status, seconds)
    fields = {
        "method": scope.get("method", "WEBSOCKET"),
        "app": app,
        "kind": kind,
        "status": status,
        "ms": round(1000 * seconds),
        "role": request.role or "nobody",
    }
    if request.refused:
        fields["refused"] = request.refused
    level = logging.DEBUG if kind in QUIET and status < 400 else logging.INFO
    words = "{method} {app} {kind}: {status} in {ms} ms, {role}".format(**fields)
    refused = f", refused: {request.refused}" if request.refused else ""
    _log.log(level, "%s%s", words, refused, extra={"fields": fields})
