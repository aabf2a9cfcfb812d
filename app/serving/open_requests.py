"""How many requests a visitor may hold open at once, of every kind.

An answer that is streamed, a heartbeat and a websocket stay open as long as who asked likes, and
each takes a connection and memory; an upload may come as slowly.
"""

from __future__ import annotations

from collections import Counter

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login.networks import WIDER
from app.login.requests import refuse
from app.metrics import note_refusal
from app.request_info import note_visitor
from app.roles import Role, visitor_of
from app.serving.visitor_keys import keys_of

AT_ONCE: dict[Role, int] = {"visitor": 100, "curator": 500, "owner": 500}
"""Requests of one visitor. A page holds a heartbeat and one stream, and loads up to six files at
once; a class or a company may come from one address.
"""


class OpenRequests:
    """ASGI middleware, behind the login: it goes by who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.open: Counter[str] = Counter()
        """Who asks, or a network -> requests that are not answered to the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or say that too many are open; a websocket is not opened."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        keys, most = keys_of(scope), AT_ONCE[visitor_of(Headers(scope=scope)).role]
        bounds = zip(keys, (most, WIDER * most), strict=False)
        if any(self.open[key] >= bound for key, bound in bounds):
            note_refusal("open")
            told = "Too many requests are open at once: close some pages, or wait for the answers."
            # The page shows the detail of what it asks for, and all of the answer to an upload.
            refusal = JSONResponse({"detail": told, "error": told}, 429, {"retry-after": "5"})
            await refuse(refusal, scope, receive, send)
            return
        # The wider network: else 65,536 sessions would be of as many visitors.
        note_visitor(keys[-1])
        self.open.update(keys)
        try:
            await self.app(scope, receive, send)
        finally:
            self.open.subtract(keys)
            for key in keys:
                if not self.open[key]:
                    del self.open[key]
