"""What strangers may take: requests in a minute, and room for uploads.

What is over gets one sentence, and the time after which it makes sense to try again.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from limits import RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.gradio_internals import upload_folder
from app.login.networks import WIDER
from app.login.requests import route_path
from app.metrics import note_refusal
from app.roles import visitor_of
from app.serving.visitor_keys import keys_of
from app.settings import AppSettings

MEGABYTE = 1_000_000
UPLOAD = "/gradio_api/upload"
WORK = (
    "/gradio_api/queue/join",
    "/gradio_api/run/",
    "/gradio_api/api/",
    "/gradio_api/call/",
    "/gradio_api/mcp",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    UPLOAD,
)
"""Where a request asks for something to be done."""
REASONS = {429: "requests", 411: "no length", 507: "no room", 413: "uploads"}
"""Status of a refusal -> what metrics and log call it."""
MEASURED_SECONDS = 10.0
"""How long the size of the folder of uploads is believed."""


class Quotas:
    """ASGI middleware, behind the login: it goes by who asks."""

    def __init__(self, app: ASGIApp, settings: AppSettings) -> None:
        self.app = app
        self._asked = MovingWindowRateLimiter(MemoryStorage())
        self._uploaded = FixedWindowRateLimiter(MemoryStorage())
        asked, uploaded = settings.visitor_requests, settings.visitor_uploads * MEGABYTE
        # Of one visitor, and of the wider network of their address.
        self._rates = [RateLimitItemPerMinute(times * asked) for times in (1, WIDER)]
        # Uploads are deleted after a day; so long they count.
        self._each = [RateLimitItemPerDay(times * uploaded) for times in (1, WIDER)]
        self._all = settings.max_uploads * MEGABYTE
        self._folder = _FolderSize()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or say what is over."""
        refusal = None
        if scope["type"] == "http" and scope["method"] == "POST":
            refusal = await self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            note_refusal(REASONS[refusal.status_code])
            await refusal(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        path, headers = route_path(scope), Headers(scope=scope)
        keys = keys_of(scope) if visitor_of(headers).role == "visitor" else ()
        if path.startswith(WORK) and (refusal := self._refuse_request(keys)):
            return refusal
        if path.rstrip("/") == UPLOAD:
            return await self._refuse_upload(keys, headers.get("content-length"))
        return None

    def _refuse_request(self, keys: tuple[str, ...]) -> Response | None:
        for rate, key in zip(self._rates, keys, strict=False):
            if not self._asked.hit(rate, key):
                reset = self._asked.get_window_stats(rate, key).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                sentence = f"That was a lot in one minute: go on in {wait} s."
                # The page shows the detail of what it asks for, and all of the answer to an upload.
                told = {"detail": sentence, "error": sentence}
                return JSONResponse(told, 429, headers={"retry-after": str(wait)})
        return None

    async def _refuse_upload(self, keys: tuple[str, ...], length: str | None) -> Response | None:
        """Return why a file is not taken, as the text that the page shows; None where it is."""
        if length is None or not length.isdecimal():
            return PlainTextResponse("An upload has to say how long it is (Content-Length).", 411)
        size = int(length)
        if await run_in_threadpool(self._folder.size) + size > self._all:
            return PlainTextResponse(
                "There is no room for uploads now. Try again in an hour.",
                507,
                headers={"retry-after": "3600"},
            )
        shares = list(zip(self._each, keys, strict=False))
        if not all(self._uploaded.test(each, key, cost=size) for each, key in shares):
            most = self._each[0].amount // MEGABYTE
            return PlainTextResponse(
                f"A visitor uploads {most:,} MB a day at most: come back tomorrow.", 413
            )
        for each, key in shares:
            self._uploaded.hit(each, key, cost=size)
        self._folder.add(size)
        return None


class _FolderSize:
    """The bytes of all uploads, measured now and then, with what has come since."""

    def __init__(self) -> None:
        self._measured, self._when = 0, -math.inf

    def size(self) -> int:
        if time.monotonic() - self._when > MEASURED_SECONDS:
            self._measured, self._when = size_of_folder(upload_folder()), time.monotonic()
        return self._measured

    def add(self, size: int) -> None:
        self._measured += size


def size_of_folder(folder: Path) -> int:
    """Return the bytes of all files below a folder; 0 where it is not there."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:  # deleted meanwhile
                continue
    return total
