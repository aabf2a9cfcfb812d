"""In front of both apps: who asks is found out, told to the apps, and refused what is not theirs.

Browsers log in on a page and carry a cookie; programs may send name and password with each request
(HTTP basic authentication). Put a proxy that speaks TLS in front: both travel in the clear without.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.login.access import Access
from app.login.basic_auth import credentials
from app.login.cookies import set_cookie, token_in
from app.login.errors import LoginRefusedError
from app.login.open_answers import OpenAnswer
from app.login.pages import LOGIN, PASSWORD, forbidden_page, html_page
from app.login.requests import is_below, refuse, route_path
from app.login.routes import LoginRoutes
from app.login.sessions import LoginSession
from app.metrics import note_refusal
from app.request_info import note_role
from app.roles import VISITOR_HEADER, Permission, Visitor, header_of

STARTUP = "/gradio_api/startup-events"
"""What Gradio asks of its own server when it launches a page, without a login: the queue begins to
work, once, and nothing is told.
"""
Holds = Callable[[], bool]
PATHS: dict[str, Permission] = {"/curator": "judge"}
"""Where a path begins -> what somebody must be allowed to do to come in; what is done there is
looked at where it is done.
"""


class Login:
    """ASGI middleware. Raises nothing: what is wrong is an answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access
        self._routes = LoginRoutes(access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let a request in."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0].lower() != VISITOR_HEADER.encode()]
        scope = dict(scope, headers=headers)
        connection, path = HTTPConnection(scope), route_path(scope)
        session = self._session(connection)
        if self._routes.has(scope, path):
            with suppress(LoginRefusedError):  # also who cannot be known now may log out
                session = self._held(session)
            await self._routes.answer(scope, receive, send, session)
            return
        try:
            session = self._held(session)
            visitor, holds = await self._visitor(connection, session)
            refusal = self._refusal(visitor, session, connection, path)
        except LoginRefusedError as error:
            note_refusal("login")
            await refuse(refusal_of(error, scope), scope, receive, send)
            return
        if refusal is not None:
            note_refusal("login" if visitor is None else "role")
            await refuse(refusal, scope, receive, send)
            return
        assert visitor is not None  # else it was refused
        note_role(visitor.role)
        scope["headers"] = [*headers, (VISITOR_HEADER.encode(), header_of(visitor))]
        if session is not None and wants_page(scope):
            send = self._with_new_cookie(session, connection, send)
        if holds is None:
            await self.app(scope, receive, send)
            return
        touch = self.access.sessions.touch
        use = partial(touch, session) if session is not None else _do_nothing
        await OpenAnswer(receive, send, holds=holds, use=use).serve(self.app, scope)

    def _session(self, connection: HTTPConnection) -> LoginSession | None:
        token = token_in(connection, self.access.cookie)
        return self.access.sessions.find(token) if token else None

    def _held(self, session: LoginSession | None) -> LoginSession | None:
        """Return a session, None where what it rests on has changed. Raises LoginRefusedError."""
        if session is not None and not self.access.still_holds(session):
            self.access.sessions.end(session)
            return None
        return session

    async def _visitor(
        self, connection: HTTPConnection, session: LoginSession | None
    ) -> tuple[Visitor | None, Holds | None]:
        """Return who asks, None where they have to log in, and how to see later whether their login
        still holds. Raises LoginRefusedError.
        """
        if session is not None:
            return session.visitor, partial(self.access.is_valid, session)
        name, password = credentials(connection.scope["headers"])
        # Not for a websocket: it would stay open after the password, or the person, is gone.
        if name and self.access.passwords is not None and connection.scope["type"] == "http":
            address = connection.client.host if connection.client else ""
            person = await self.access.passwords.check(name, password, address)
            if person.once:
                raise LoginRefusedError(f"Log in at {LOGIN} and choose a password first.")
            visitor = Visitor(role=person.role, name=person.name)
            return visitor, partial(self.access.is_unchanged, person)
        if route_path(connection.scope) == STARTUP and connection.scope["type"] == "http":
            return self.access.anonymous or Visitor(role="visitor"), None
        return self.access.anonymous, None

    def _refusal(
        self,
        visitor: Visitor | None,
        session: LoginSession | None,
        connection: HTTPConnection,
        path: str,
    ) -> Response | None:
        """Return why somebody may not come in, None where they may."""
        root = connection.scope.get("root_path", "")
        person = self.access.person_of(session) if session is not None else None
        if person is not None and person.once:
            return self._elsewhere(connection, f"{root}{PASSWORD}", "Choose a password first.")
        needed = next((PATHS[start] for start in PATHS if is_below(path, start)), None)
        if visitor is not None and (needed is None or visitor.may(needed)):
            return None
        if visitor is None or (not visitor.name and self.access.asks):
            query = connection.url.query
            onward = quote(f"{path}?{query}" if query else path)
            return self._elsewhere(connection, f"{root}{LOGIN}?next={onward}", "Log in first.")
        if wants_page(connection.scope):
            return forbidden_page(root, visitor.name, visitor.role)
        return PlainTextResponse(f"A {visitor.role} may not do this.", 403)

    def _elsewhere(self, connection: HTTPConnection, address: str, words: str) -> Response:
        if wants_page(connection.scope):
            return RedirectResponse(address, 303, headers={"cache-control": "no-store"})
        return refusal_of(LoginRefusedError(words), connection.scope)

    def _with_new_cookie(
        self, session: LoginSession, connection: HTTPConnection, send: Send
    ) -> Send:
        """Return a `send` that gives the browser a new token where the present one is old."""
        token = self.access.sessions.rotate(session)
        if token is None:
            return send

        async def rotating(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_cookie(MutableHeaders(scope=message), self.access.cookie, connection, token)
            await send(message)

        return rotating


def _do_nothing() -> None:
    """Note no use: a password that comes with each request does not end unused."""


def refusal_of(error: LoginRefusedError, scope: Scope) -> Response:
    """Return the answer to who is not let in. Browsers are asked on a page instead, but where
    nobody can be let in they are told on one.
    """
    headers = {"retry-after": str(error.retry_after)} if error.retry_after else {}
    if error.status == 503 and wants_page(scope):
        shown = html_page("Not at this moment", status=error.status, problem=str(error))
        shown.headers.update(headers)
        return shown
    if error.status == 401 and "sec-fetch-mode" not in Headers(scope=scope):
        headers["www-authenticate"] = 'Basic realm="BLIP-2 Studio", charset="UTF-8"'
    return PlainTextResponse(str(error), error.status, headers=headers)


def wants_page(scope: Scope) -> bool:
    """Return whether a browser opens a page, rather than a script or a program asking something."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")
