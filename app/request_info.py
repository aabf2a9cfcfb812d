"""The request that work is done for: its id is in every log line, and in the answer.

It follows the work through `contextvars`: into the threads of Gradio and Starlette by themselves,
into a thread of our own by `contextvars.copy_context`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

ID_HEADER = "x-request-id"
SCOPE_KEY = "blip2_request"
"""Where the scope of an ASGI request holds its RequestInfo."""
_HARMLESS = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(slots=True, kw_only=True)
class RequestInfo:
    """A request, while it is answered and while the queue works on what it asked for."""

    id: str
    role: str = ""
    """What who asks is here, see `app.roles`; empty where the request was not let in."""
    visitor: str = ""
    """Whom it counts for: a name, or the network of an address. It is never logged."""
    refused: str = ""
    """Why what it brought was refused, in a word; empty where it was not."""


_current: ContextVar[RequestInfo | None] = ContextVar("request", default=None)
_finders: list[Callable[[], RequestInfo | None]] = []


def new_id() -> str:
    """Return an id that no other request has."""
    return secrets.token_hex(6)


def harmless_id(given: str | None) -> str | None:
    """Return an id that came from outside; None where it is none, or could do harm in a log."""
    return given if given is not None and _HARMLESS.fullmatch(given) else None


def set_request(request: RequestInfo | None) -> None:
    """Say which request the present task or thread works for; None: for no request."""
    _current.set(request)


def current_request() -> RequestInfo | None:
    """Return the request that the present task or thread works for; None: for no request."""
    found = _current.get()
    return found or next((found for finder in _finders if (found := finder())), None)


def find_requests_by(finder: Callable[[], RequestInfo | None]) -> None:
    """Ask `finder`, too, which request a thread works for; for threads of a framework that come
    without a context.
    """
    _finders[:] = [finder]


def note_role(role: str) -> None:
    """Note what who asks is here."""
    request = current_request()
    if request is not None:
        request.role = role


def note_visitor(visitor: str) -> None:
    """Note whom what is asked counts for."""
    request = current_request()
    if request is not None:
        request.visitor = visitor


def current_visitor() -> str:
    """Return whom the present work counts for; empty where that is not known."""
    request = current_request()
    return "" if request is None else request.visitor


def reference() -> str:
    """Return the id under which the log tells of an error: of the request, else a new one."""
    request = current_request()
    return new_id() if request is None else request.id
