"""Answers that stay open, websockets and event streams, end with the login that they rest on.

A login ends by log-out, unused, with age, and when the person is taken out of the file of users, or
gets another role or password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.login.requests import POLICY_VIOLATION

WATCH_SECONDS = 2.0
"""So often it is looked whether the login still holds while nothing is sent or received."""
_LAST_PART: Message = {"type": "http.response.body", "body": b"", "more_body": False}
_CLOSE: Message = {"type": "websocket.close", "code": POLICY_VIOLATION}


class OpenAnswer:
    """One answer, of an app to somebody who has logged in."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        holds: Callable[[], bool],
        use: Callable[[], object],
    ) -> None:
        self._receive, self._send = receive, send
        self._holds = holds
        """Whether the login still holds."""
        self._use = use
        """Called with each message of a websocket, which counts as use of the login."""
        self._is_over = False
        self._watch: asyncio.Task[None] | None = None
        """Looks now and then; None for an answer that does not stay open."""
        self._last = _CLOSE
        """The message that ends the answer."""

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        """Let the app answer while the login holds; afterwards the app is told that the browser has
        gone, and what it still sends is dropped.
        """
        if scope["type"] == "websocket":
            self._begin()
        receive = self._receive_message if scope["type"] == "websocket" else self._receive_part
        try:
            await app(scope, receive, self._send_while_it_holds)
        finally:
            if self._watch is not None:
                self._watch.cancel()

    def _begin(self) -> None:
        self._watch = asyncio.create_task(self._end_in_time())

    async def _end_in_time(self) -> None:
        while self._holds():
            await asyncio.sleep(WATCH_SECONDS)
        with suppress(OSError, RuntimeError):  # the browser has gone, or the app has just ended it
            await self._end()

    async def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            await self._send(self._last)

    async def _receive_message(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive":
            if not self._is_over and self._holds():
                self._use()
                return message
            await self._end()
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
        return message

    async def _receive_part(self) -> Message:
        return {"type": "http.disconnect"} if self._is_over else await self._receive()

    async def _send_while_it_holds(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_event_stream(message):
            self._last = _LAST_PART
            await self._send(message)
            self._begin()
            return
        if self._watch is not None and not self._holds():
            await self._end()
        if not self._is_over:
            await self._send(message)


def _is_event_stream(message: Message) -> bool:
    kind = Headers(raw=message.get("headers", [])).get("content-type", "")
    return kind.startswith("text/event-stream")
