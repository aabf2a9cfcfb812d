"""One login for both apps: HTTP basic authentication in front of everything, websockets too.

The workbench alone has the login of Gradio instead, see `alone.py`.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.basic_auth import credentials
from app.serving.refusal import refuse
from app.serving.users import Users


class BasicLogin:
    """Middleware that answers only requests with the name and password of a known person.

    Put it behind a proxy that speaks TLS, as the password travels with every request.
    """

    def __init__(self, app: ASGIApp, users: Users) -> None:
        self.app, self.users = app, users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or await self._is_let_in(scope):
            await self.app(scope, receive, send)
        else:
            wanted = {"WWW-Authenticate": 'Basic realm="BLIP-2 Studio", charset="UTF-8"'}
            refusal = PlainTextResponse("Who are you?", status_code=401, headers=wanted)
            await refuse(refusal, scope, receive, send)

    async def _is_let_in(self, scope: Scope) -> bool:
        name, password = credentials(scope["headers"])
        return bool(name) and await run_in_threadpool(self.users.check, name, password)
