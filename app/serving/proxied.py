"""Behind a reverse proxy: the path under which it shows the studio, and who is believed.

uvicorn takes the visitor's address and https from X-Forwarded-For and X-Forwarded-Proto, but only
of the proxies that the settings name. The apps would believe such headers of everybody, so they
see none.
"""

from __future__ import annotations

import logging

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login.requests import is_below

FORWARDED = (
    *(b"forwarded", b"x-forwarded-", b"x-gradio-server", b"x-real-ip", b"via"),
    *(b"client-ip", b"x-client-ip", b"cf-connecting-ip", b"true-client-ip", b"fastly-client-ip"),
)
"""How the names of headers begin with which proxies tell what a browser asked for."""


_log = logging.getLogger(__name__)
FORWARDED_KEY = "blip2_forwarded"
"""Where the scope of a request says whether it had such headers."""


class Proxied:
    """ASGI middleware, the outermost: afterwards `path` begins with `root_path`, as ASGI has it.

    Proxies may leave the root path in what they ask for, or take it away; both are understood.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app, self.root_path = app, root_path
        self._is_told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does; the root path itself leads to the first page."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        kept = [pair for pair in scope["headers"] if not pair[0].lower().startswith(FORWARDED)]
        is_forwarded = len(kept) < len(scope["headers"])
        scope = {**scope, "headers": kept, FORWARDED_KEY: is_forwarded}
        if is_forwarded:
            self._tell_once(scope)
        root = self.root_path
        if root and scope["path"] == root and scope["type"] == "http":
            # The page's own addresses are relative: without the slash they would lead elsewhere.
            query = scope["query_string"].decode("latin-1")
            address = f"{root}/?{query}" if query else f"{root}/"
            await RedirectResponse(address, 308)(scope, receive, send)
            return
        if root and not is_below(scope["path"], root):
            scope["path"] = f"{root}{scope['path']}"
            scope["raw_path"] = root.encode() + scope.get("raw_path", b"")
        scope["root_path"] = root
        await self.app(scope, receive, send)

    def _tell_once(self, scope: Scope) -> None:
        """Tell the log of a proxy that is not named: nothing that it says of visitors counts."""
        address, port = scope.get("client") or ("", 0)
        if port and not self._is_told:  # uvicorn knows no port of who comes by a named one
            self._is_told = True
            _log.warning(
                "%s speaks for others and is not in BLIP2_PROXIES: if it is a proxy of yours, "
                "all who come by it count as one visitor, without TLS. This is told once.",
                address,
            )
