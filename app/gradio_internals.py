"""The parts of Gradio without a public interface that the app needs, each behind one function.

tests/app/test_gradio_internals.py says which one a new version of Gradio has changed.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
from gradio import processing_utils, queueing, route_utils, routes, utils
from gradio.exceptions import InvalidPathError
from gradio.state_holder import StateHolder
from gradio.utils import get_upload_folder
from starlette.types import ASGIApp, Receive, Scope, Send

LONGEST_SESSION = 100
"""Characters of the name that a page, or a program, gives its session."""


def event_values(event: gr.EventData) -> dict[str, Any]:
    """Return what a component's JavaScript sent with an event; hostile, and perhaps empty.

    Gradio offers the values as attributes, which suits no values that may be missing.
    """
    values = event._data
    return values if isinstance(values, dict) else {}


def check_requested_files(page: gr.Blocks) -> None:
    """Let Gradio check every path that a request names, before it opens or copies anything.

    It does so by itself on a page that it launches, and leaves it out on one that is mounted in
    another app. There is no public switch: `has_launched` is the flag that the check looks at
    (`gradio.processing_utils._check_allowed`, Gradio 6.31), and nothing else does.
    """
    page.has_launched = True


def allow_fetching(allowed: bool) -> None:
    """Say whether Gradio may fetch an address that a request names in place of a file.

    It does so for any component that takes files. There is no public switch: all its ways lead
    through one function (`gradio.processing_utils.async_ssrf_protected_get`, Gradio 6.31).
    """
    processing_utils.async_ssrf_protected_get = _fetch if allowed else _refuse_to_fetch


_fetch = processing_utils.async_ssrf_protected_get


async def _refuse_to_fetch(url: str) -> httpx.Response:
    raise InvalidPathError("Addresses are not fetched here (BLIP2_DOWNLOADS).")


def leave_out_cors() -> None:
    """Let Gradio's server allow no page of another origin to read its answers.

    It would allow any origin with credentials, on this machine any other port, and answer their
    preflight requests in front of everything else where it launches the page. There is no switch:
    `gradio.routes.App.create_app` adds the class by its name in that module (Gradio 6.31).
    """
    routes.CustomCORSMiddleware = _NoCors  # type: ignore[attr-defined,assignment]


class _NoCors:
    """ASGI middleware that does nothing, with the parameters of Gradio's."""

    def __init__(self, app: ASGIApp, **_: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def leave_out_space_header(page: gr.Blocks) -> None:
    """Let the page not know that it is on a Space of Hugging Face.

    It would ask that site for who made the Space, and Google for fonts, to draw a header.
    """
    page.space_id = None


def tell_own_address(page: gr.Blocks, address: str) -> None:
    """Let the tools of a mounted page ask the server at its own address.

    `launch` does so; a page that is mounted would take the Host of the first request for it, and
    send there what later ones carry, their logins too (`gradio.mcp._get_or_create_client`).
    """
    tools = getattr(page, "mcp_server_obj", None)
    if tools is not None:
        tools._local_url = address


def limit_sessions(page: gr.Blocks, sessions: int) -> None:
    """Keep the state of so many visitors; the longest absent is forgotten first.

    `launch` has a parameter for it, `mount_gradio_app` has none.
    """
    page.state_session_capacity = sessions


def share_sessions(visitor: Callable[[], str]) -> None:
    """Let no visitor push out the sessions of others: where there are too many, one is forgotten of
    the visitor who has most. `visitor` returns whom the present request counts for.

    Sessions have names that who asks has chosen, as many as they like. Call it before the page is
    served: `gradio.routes.App` makes its holder by its name in that module (Gradio 6.31).
    """
    routes.StateHolder = partial(_SharedSessions, visitor)  # type: ignore[attr-defined,assignment]


class _SharedSessions(StateHolder):
    """Sessions, the longest unused first, and whose each is."""

    def __init__(self, visitor: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._visitor = visitor
        self._owners: dict[str, str] = {}

    def update(self, session_id: str) -> None:
        """Note that a session is used; forget others, where there are more than there may be."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
                self._owners.setdefault(session_id, self._visitor())
            while len(self.session_data) > self.capacity:
                sessions = Counter(self._owners.get(one, "") for one in self.session_data)
                most = max(sessions.values())
                evicted = next(
                    one for one in self.session_data if sessions[self._owners.get(one, "")] == most
                )
                del self.session_data[evicted]
                self.time_last_used.pop(evicted, None)
                self._owners.pop(evicted, None)


def watch_queue(page: gr.Blocks, began: Callable[[Mapping[str, Any], float], None]) -> None:
    """Call `began` before each event of the page, in the task that works on it, with the scope of
    the request that asked for it and the seconds that it has waited.

    The queue works on events in tasks of its own, so nothing else leads from one to its request.
    Call it after `page.queue`, which makes the queue anew.
    """
    process = page._queue.process_events

    async def watched(events: list[queueing.Event], *rest: Any) -> None:
        began(events[0].request.scope, time.monotonic() - events[0].enqueue_time)
        await process(events, *rest)

    page._queue.process_events = watched  # type: ignore[method-assign,assignment]


def waiting_seconds(page: gr.Blocks) -> list[float]:
    """Return how long each event that waits in the queue of the page has waited so far."""
    queues = list(page._queue.event_queue_per_concurrency_id.values())
    now = time.monotonic()
    return [now - event.enqueue_time for queue in queues for event in list(queue.queue)]


def refuse_waiting(page: gr.Blocks, refusal: Callable[[Scope, Sequence[Scope]], str]) -> None:
    """Let an event wait only where `refusal` returns nothing; what it returns is told to who asks.

    It is given the scope of the request, and those of the requests whose events wait now. Gradio
    bounds the queue, and not what one visitor may fill of it. Call it after `page.queue`.
    """
    push = page._queue.push

    async def push_unless_refused(body: Any, request: Any, username: str | None) -> Any:
        if body.session_hash is not None and not 0 < len(body.session_hash) <= LONGEST_SESSION:
            return False, "A session has a name, and a short one.", "error"
        queues = list(page._queue.event_queue_per_concurrency_id.values())
        waiting = [event.request.scope for queue in queues for event in list(queue.queue)]
        if told := refusal(request.scope, waiting):
            return False, told, "queue_full"
        return await push(body=body, request=request, username=username)

    page._queue.push = push_unless_refused  # type: ignore[method-assign]


def ignore_lost_sessions(page: gr.Blocks) -> None:
    """Let the queue drop a message for a session that it has forgotten, or never had.

    It would end, for everybody and until the next start: `gradio.queueing.Queue.start_processing`
    has no other answer to an error (Gradio 6.31). Call it after `page.queue`.
    """
    send = page._queue.send_message

    def send_to_known(event: queueing.Event, message: Any) -> None:
        if event.session_hash in page._queue.pending_messages_per_session:
            send(event, message)

    page._queue.send_message = send_to_known  # type: ignore[method-assign,assignment]


def queue_has_ended(page: gr.Blocks) -> bool:
    """Return whether the queue will work on nothing any more, as after an error of its own; before
    its first request it has not begun.
    """
    return bool(page._queue.stopped)


def log_tracebacks() -> None:
    """Let Gradio log errors of events instead of printing them, which it has no switch for."""
    for module in (queueing, route_utils, routes, utils):
        module.traceback = _LoggedTracebacks()  # type: ignore[attr-defined]


class _LoggedTracebacks:
    """The module `traceback` but for one function."""

    def print_exc(self) -> None:
        logging.getLogger("gradio").error("An event of the page failed.", exc_info=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)


def is_port_taken(error: OSError) -> bool:
    """Return whether `launch` failed as no port was free; Gradio says so in words alone."""
    return error.errno is None and "Cannot find empty port" in str(error)


def upload_folder() -> Path:
    """Return the folder in which Gradio keeps uploaded files, all links followed."""
    return Path(get_upload_folder()).resolve()


def page_files(page: gr.Blocks) -> frozenset[str]:
    """Return the files in the folder of uploads that the page itself shows, as its first image."""
    return frozenset(str(path) for block in page.blocks.values() for path in block.keep_in_cache)


def forget_files(page: gr.Blocks, paths: Iterable[str]) -> None:
    """Let Gradio forget files that were deleted; it would remember their paths for good."""
    for remembered in page.temp_file_sets:
        remembered.difference_update(paths)
