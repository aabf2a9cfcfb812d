"""/healthz and /readyz: is the process alive, and can it work; for who watches it, without a login.

They tell nothing else: one word for the models, one for the database, one for the queue of the
workbench, and one for the file of users where there is one. Anybody may ask as often as they like,
so the database is asked once a second at most.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.login.requests import route_path
from app.login.users import Users
from app.services import Services
from blip2core.errors import Blip2Error

ALIVE, READY = "/healthz", "/readyz"
FRESH_SECONDS = 1.0
"""How long an answer of the database is told again."""
_log = logging.getLogger(__name__)


class HealthChecks:
    """ASGI middleware that answers these two addresses, whatever name they are asked under."""

    def __init__(
        self,
        app: ASGIApp,
        services: Services,
        users: Users | None = None,
        has_ended: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app, self.services, self._clock = app, services, clock
        self.users = users
        """The people of the file of users; None where there is no file."""
        self._has_ended = has_ended
        """Says whether the queue works on nothing any more: only a new start helps."""
        self._looking = asyncio.Lock()
        self._database, self._when = "", -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for these addresses, else as the app does."""
        path = route_path(scope) if scope["type"] == "http" else ""
        reads = path in (ALIVE, READY) and scope["method"] in ("GET", "HEAD")
        if not reads:
            await self.app(scope, receive, send)
            return
        answer: Response = PlainTextResponse("ok")
        if path == READY:
            state = {
                "models": model_state(self.services),
                "database": await self._database_state(),
            }
            if self._has_ended is not None:
                state["queue"] = "failed" if self._has_ended() else "ready"
            if self.users is not None:
                state["users"] = "ready" if self.users.are_known() else "failed"
            is_ready = set(state.values()) <= {"ready", "none"}
            answer = JSONResponse(state, 200 if is_ready else 503)
        answer.headers["cache-control"] = "no-store"
        await answer(scope, receive, send)

    async def _database_state(self) -> str:
        """Return `database_state`; whoever asks while it is looked at waits for that answer."""
        async with self._looking:
            if self._clock() - self._when > FRESH_SECONDS:
                self._database = await run_in_threadpool(database_state, self.services)
                self._when = self._clock()
            return self._database


def model_state(services: Services) -> str:
    """Return how far the model of the settings is: loading, failed or ready."""
    loading = services.engine.pair(services.settings.model).loading
    if not loading.done():
        return "loading"
    return "failed" if loading.exception() else "ready"


def database_state(services: Services) -> str:
    """Return whether the database answers: none, failed or ready."""
    if services.database is None:
        return "none"
    try:
        with services.database.read() as session:
            session.execute(text("SELECT 1"))
    except (SQLAlchemyError, Blip2Error, OSError) as error:
        _log.warning("The database does not answer: %s", error)
        return "failed"
    return "ready"
