"""How much a request may bring: it says so before, and what is not an upload is small.

Uploads have quotas of their own, `app.serving.quotas`, and the curator's are Streamlit's to limit.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login.requests import is_below, route_path
from app.metrics import note_refusal
from app.serving.allowed_routes import CURATOR
from app.serving.quotas import MEGABYTE, UPLOAD
from app.settings import AppSettings

TOOLS = "/gradio_api/mcp"
MOST = 1_000_000
"""Bytes of a body, but for uploads and images in the call of a tool: reading JSON of 40 MB takes a
minute, in which nobody else is answered.
"""
LONGEST_ADDRESS = 4_000
"""Characters of a path with its query; Gradio keeps some of what stands there."""
LONGEST_NUMBER = 20
"""Digits of a length that is read at all."""


class BodyLimit:
    """ASGI middleware in front of all that reads bodies; the apps hold them in memory."""

    def __init__(self, app: ASGIApp, settings: AppSettings) -> None:
        self.app = app
        # An image that stands in the request itself, as text, is a third larger than its file.
        self._most_of_tools = 2 * settings.max_upload * MEGABYTE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or say why a body is not read."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), route_path(scope)
        if len(path) + len(scope.get("query_string", b"")) > LONGEST_ADDRESS:
            note_refusal("size")
            return PlainTextResponse("That address is too long.", 414)
        if "transfer-encoding" in headers:  # also beside a length, which is then another one
            note_refusal("no length")
            return PlainTextResponse("A request has to say how long it is (Content-Length).", 411)
        if path.rstrip("/") == UPLOAD or is_below(path, CURATOR):
            return None
        length = headers.get("content-length", "0")
        is_number = length.isascii() and length.isdecimal() and len(length) <= LONGEST_NUMBER
        most = self._most_of_tools if is_below(path, TOOLS) else MOST
        if not is_number or int(length) > most:
            note_refusal("size")
            return PlainTextResponse("That is more than a request may bring.", 413)
        return None
