"""The addresses of Gradio's server that the studio needs; every other is not found.

Gradio brings more with each version: a proxy, a fetcher of addresses, recordings, an editor of the
page, profiles, an OpenAPI description. What nobody needs here nobody can misuse.
"""

from __future__ import annotations

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login.requests import is_below, refuse, route_path
from app.metrics import note_refusal

READ = (
    r"/",
    r"/config/?",
    r"/(assets|static|svelte)/.+",
    r"/(favicon\.ico|manifest\.json|robots\.txt|theme\.css)",
    r"/pwa_icon(/\d+)?",
    r"/gradio_api/(app_id|info|login_check)/?",
    r"/gradio_api/(startup-events|theme\.css|upload_progress)",
    r"/gradio_api/queue/(data|status)",
    r"/gradio_api/heartbeat/[^/]+",
    r"/gradio_api/call/(v2/)?[^/]+/[^/]+",
    r"/gradio_api/file=(?!\w+:).+",  # a file that the page shows; no address of another server
)
"""What may be read: GET and HEAD."""
SENT = (
    r"/gradio_api/queue/join",
    r"/gradio_api/(run|api)/[^/]+/?",
    r"/gradio_api/call/(v2/)?[^/]+/?",
    r"/gradio_api/(upload|cancel|reset)/?",
)
"""What may be sent: POST."""
TOOLS = r"/gradio_api/mcp(/.*)?"
"""Tools of the Model Context Protocol, by any method."""
CURATOR = "/curator"
"""Streamlit's app, where it is served, has addresses of its own."""


class AllowedRoutes:
    """ASGI middleware that lets only requests for these addresses through."""

    def __init__(self, app: ASGIApp, *, tools: bool = False) -> None:
        self.app = app
        both = [TOOLS] if tools else []
        self._read, self._sent = re.compile(_any(*READ, *both)), re.compile(_any(*SENT, *both))
        self._others = re.compile(_any(*both)) if both else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or 404."""
        if scope["type"] not in ("http", "websocket") or self.allows(scope):
            await self.app(scope, receive, send)
        else:
            note_refusal("route")
            await refuse(PlainTextResponse("Not found", 404), scope, receive, send)

    def allows(self, scope: Scope) -> bool:
        """Return whether a request is for one of these addresses."""
        path = route_path(scope)
        if is_below(path, CURATOR):
            return True
        if scope["type"] == "websocket":  # Gradio's server has none
            return False
        by_method = {"GET": self._read, "HEAD": self._read, "POST": self._sent}
        known = by_method.get(scope["method"], self._others)
        return known is not None and known.fullmatch(path) is not None


def _any(*patterns: str) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)
