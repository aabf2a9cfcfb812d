"""What strangers may take: requests and pages in a minute, and room for uploads.

What is over gets one sentence, and the time after which it makes sense to try again.
"""

from __future__ import annotations

import asyncio
import math
import time

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gradio_internals import upload_folder
from app.login.networks import WIDER
from app.login.requests import is_utf8_form, route_path
from app.metrics import note_refusal
from app.request_info import current_request
from app.roles import visitor_of
from app.serving.upload_folder import BLOCK, size_of_folder
from app.serving.visitor_keys import keys_of
from app.settings import AppSettings
from app.shares import charge_by

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
PAGE = ("/", "/config", "/config/")
"""Where a page begins: the server writes all of it anew, which takes a tenth of a second."""
LEAST_PAGES, REQUESTS_A_PAGE = 30, 5
"""Pages that a visitor may open in a minute whatever the setting is, and for how many requests of
the setting it allows one.
"""
REASONS = {429: "requests", 411: "no length", 507: "no room", 413: "uploads", 415: "uploads"}
"""Status of a refusal -> what metrics and log call it."""
NO_ROOM = "There is no room for uploads now. Try again in an hour."
RATINGS = RateLimitItemPerDay(500)
"""Ratings of answers that one visitor may store: they stay in the database for good."""
LEAST_FILE = 2 * BLOCK
"""Bytes that an uploaded file takes at least: Gradio gives each a folder."""
MEASURED_SECONDS = 10.0
"""How long the size of the folder of uploads is believed."""


class Quotas:
    """ASGI middleware, behind the login: it goes by who asks."""

    def __init__(self, app: ASGIApp, settings: AppSettings) -> None:
        self.app = app
        self._asked = MovingWindowRateLimiter(MemoryStorage())
        self._of_the_day = FixedWindowRateLimiter(MemoryStorage())
        asked, uploaded = settings.visitor_requests, settings.visitor_uploads * MEGABYTE
        # Of one visitor, and of the wider network of their address.
        self._rates = [RateLimitItemPerMinute(times * asked) for times in (1, WIDER)]
        pages = max(LEAST_PAGES, asked // REQUESTS_A_PAGE)
        self._page_rates = [
            RateLimitItemPerMinute(times * pages, namespace="pages") for times in (1, WIDER)
        ]
        # Uploads are deleted after a day; so long they count.
        self._each = [RateLimitItemPerDay(times * uploaded) for times in (1, WIDER)]
        self._all = settings.max_uploads * MEGABYTE
        self._folder = _FolderSize()
        charge_by(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or say what is over."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, headers = route_path(scope), Headers(scope=scope)
        keys = keys_of(scope) if visitor_of(headers).role == "visitor" else ()
        is_sent = scope["method"] == "POST"
        is_upload = is_sent and path.rstrip("/") == UPLOAD
        refusal: Response | None = None
        if is_sent and path.startswith(WORK):
            refusal = self._refuse_request(keys, self._rates)
        elif path in PAGE:
            refusal = self._refuse_request(keys, self._page_rates)
        if refusal is None and is_upload:
            refusal = await self._refuse_upload(keys, headers)
        if refusal is not None:
            note_refusal(REASONS[refusal.status_code])
            await refusal(scope, receive, send)
        elif is_upload:
            await self._take_upload(keys, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _refuse_request(
        self, keys: tuple[str, ...], rates: list[RateLimitItemPerMinute]
    ) -> Response | None:
        for rate, key in zip(rates, keys, strict=False):
            if not self._asked.hit(rate, key):
                reset = self._asked.get_window_stats(rate, key).reset_time
                wait = max(1, math.ceil(reset - time.time()))
                sentence = f"That was a lot in one minute: go on in {wait} s."
                # The page shows the detail of what it asks for, and all of the answer to an upload.
                told = {"detail": sentence, "error": sentence}
                return JSONResponse(told, 429, headers={"retry-after": str(wait)})
        return None

    async def _refuse_upload(self, keys: tuple[str, ...], headers: Headers) -> Response | None:
        """Return why a file is not taken, as the text that the page shows; None where it is."""
        if not is_utf8_form(headers.get("content-type", "")):
            return PlainTextResponse("An upload is a form in UTF-8.", 415)
        length = headers.get("content-length")
        if length is None or not length.isdecimal():
            return PlainTextResponse("An upload has to say how long it is (Content-Length).", 411)
        size = int(length)
        if await self._folder.size() + size > self._all:
            return PlainTextResponse(NO_ROOM, 507, headers={"retry-after": "3600"})
        shares = list(zip(self._each, keys, strict=False))
        if not all(self._of_the_day.test(each, key, cost=size) for each, key in shares):
            return PlainTextResponse(self._too_many_uploads(), 413)
        self._charge(keys, size)
        self._folder.expect(size)
        return None

    async def _take_upload(
        self, keys: tuple[str, ...], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer as the app does; each file of an upload is charged the room that it takes at
        least, so that many tiny ones are not free.
        """
        size, files = int(Headers(scope=scope)["content-length"]), _FileCount()

        async def counted() -> Message:
            message = await receive()
            if found := files.count(message.get("body", b"")):
                self._charge(keys, found * LEAST_FILE)
                self._folder.add(found * LEAST_FILE)
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self._folder.came(size)

    def take_room(self, size: int) -> str:
        """Charge a file that the page writes to who asks now, as an upload; return why it may not
        be written, empty where it may.
        """
        if self._folder.last() + size > self._all:
            return NO_ROOM
        if self._is_too_much(self._each[0], size):
            return self._too_many_uploads()
        self._folder.add(size)
        return ""

    def take_rating(self) -> str:
        """Charge a rating to who asks now; return why it is not stored, empty where it is."""
        if self._is_too_much(RATINGS, 1):
            return f"A visitor rates {RATINGS.amount:,} answers a day at most."
        return ""

    def _is_too_much(self, rate: RateLimitItem, cost: int) -> bool:
        """Charge who asks now, unless it is too much; curators and owners are not bounded."""
        request = current_request()
        if request is None or request.role != "visitor":
            return False
        fits = self._of_the_day.test(rate, request.visitor, cost=cost)
        return not (fits and self._of_the_day.hit(rate, request.visitor, cost=cost))

    def _too_many_uploads(self) -> str:
        most = self._each[0].amount // MEGABYTE
        return f"A visitor uploads {most:,} MB a day at most: come back tomorrow."

    def _charge(self, keys: tuple[str, ...], size: int) -> None:
        for each, key in zip(self._each, keys, strict=False):
            self._of_the_day.hit(each, key, cost=size)


class _FileCount:
    """Counts the files of a form in the pieces of its body: each has a header with this word."""

    WORD = b"filename"

    def __init__(self) -> None:
        self._end = b""

    def count(self, piece: bytes) -> int:
        """Return how many more there are; a word may begin in one piece and end in the next."""
        text = (self._end + piece).lower()
        self._end = text[1 - len(self.WORD) :]
        return text.count(self.WORD)


class _FolderSize:
    """The bytes of all uploads: measured now and then, what has come since, and what is coming."""

    def __init__(self) -> None:
        self._measured, self._when = 0, -math.inf
        self._since, self._coming = 0, 0
        self._measuring = asyncio.Lock()

    async def size(self) -> int:
        async with self._measuring:
            if time.monotonic() - self._when > MEASURED_SECONDS:
                before = self._since
                self._measured = await run_in_threadpool(size_of_folder, upload_folder())
                self._when = time.monotonic()
                self._since -= before
        return self.last()

    def last(self) -> int:
        """Return the size as it was measured last, with what has come since."""
        return self._measured + self._since + self._coming

    def expect(self, size: int) -> None:
        """Count an upload that begins."""
        self._coming += size

    def came(self, size: int) -> None:
        """Count an upload that has ended as one of the files."""
        self._coming -= size
        self.add(size)

    def add(self, size: int) -> None:
        self._since += size
