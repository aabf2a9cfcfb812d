"""The addresses to log in and out, to choose a password, and to sign in elsewhere."""

from __future__ import annotations

import os
import re
import secrets
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from app.login.access import Access
from app.login.cookies import PREFIXES, prefix_of, root_of, set_cookie
from app.login.errors import LoginRefusedError
from app.login.pages import (
    LOGIN,
    LOGOUT,
    PASSWORD,
    SIGN_IN,
    SIGNED_IN,
    html_page,
    login_page,
    logout_page,
    password_page,
)
from app.login.requests import is_utf8_form
from app.login.sessions import SIGNED_IN_SECONDS, LoginSession
from app.login.sign_in import SignedIn
from app.login.users import User
from app.metrics import note_refusal
from app.settings import is_space
from blip2core.errors import ConfigError, os_problem

_SIGN_IN_SECONDS = 600
"""How long somebody may take at the provider."""
_LARGEST_FORM = 16_384
"""Bytes of a form."""
_HALVES = re.compile(r"[\ud800-\udfff]")
"""What no text in UTF-8 holds, so that it can be neither hashed nor shown."""


class LoginRoutes:
    """Answers the requests that need no login, and those about the login itself."""

    def __init__(self, access: Access) -> None:
        self.access = access
        routes = [
            Route(LOGIN, self._login, methods=["GET", "POST"]),
            Route(LOGOUT, self._logout, methods=["GET", "POST"]),
            Route(PASSWORD, self._password, methods=["GET", "POST"]),
        ]
        if access.sign_in is not None:
            routes += [Route(SIGN_IN, self._sign_in), Route(SIGNED_IN, self._signed_in)]
        self._paths = {route.path for route in routes} if access.asks else set()
        # A method that is not allowed is an answer, and so is a file that cannot be read.
        inside = ExceptionMiddleware(Router(routes), handlers={LoginRefusedError: self._on_refusal})
        # Only for Authlib, which keeps state, nonce and verifier there until somebody comes back.
        self._apps = {
            prefix: SessionMiddleware(
                inside,
                secret_key=secrets.token_hex(),
                session_cookie=f"{prefix}{access.cookie}_state",
                max_age=_SIGN_IN_SECONDS,
                same_site="none" if is_space() else "lax",
                https_only=bool(prefix),
            )
            for prefix in PREFIXES
        }

    def has(self, scope: Scope, path: str) -> bool:
        """Return whether a request is for one of these addresses."""
        return scope["type"] == "http" and path.rstrip("/") in self._paths

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, session: LoginSession | None
    ) -> None:
        """Answer a request for one of these addresses."""
        path = scope["path"].rstrip("/")
        app = self._apps[prefix_of(HTTPConnection(scope))]
        await app(dict(scope, path=path, blip2_session=session), receive, send)

    async def _login(self, request: Request) -> Response:
        onward = safe_onward(request.query_params.get("next", "/"))
        if request.method != "POST":
            return self._login_page(request, onward=onward, **self._outage())
        form = await _form(request)
        name, password = _text(form, "username"), _text(form, "password")
        onward = safe_onward(_text(form, "next") or "/")
        program = "text/html" not in request.headers.get("accept", "")
        try:
            if self.access.passwords is None:
                raise LoginRefusedError("Nobody has a password here.")
            person = await self.access.passwords.check(name, password, _address(request))
        except LoginRefusedError as error:
            note_refusal("login")
            if program:
                response: Response = JSONResponse({"detail": str(error)}, error.status)
            else:
                response = self._login_page(
                    request, onward=onward, name=name, problem=str(error), status=error.status
                )
            return _hurry_not(response, error)
        token = self.access.begin_for(person, request.scope["blip2_session"])
        if program:  # as Gradio's own login, which its clients know
            return self._with_cookie(request, JSONResponse({"success": True}), token)
        return self._with_cookie(request, _to(request, onward), token)

    def _login_page(self, request: Request, **values: Any) -> Response:
        sign_in = self.access.sign_in
        if sign_in is not None:
            request.session["next"] = values.get("onward", "/")
        return login_page(
            root_of(request),
            has_passwords=self.access.passwords is not None,
            provider=sign_in.provider.host if sign_in else "",
            **values,
        )

    def _outage(self) -> dict[str, Any]:
        """Return problem and status of the page where nobody can log in with a password now."""
        if self.access.passwords is not None:
            try:
                self.access.passwords.users.find("")
            except LoginRefusedError as error:
                return {"problem": str(error), "status": error.status}
        return {}

    async def _logout(self, request: Request) -> Response:
        session: LoginSession | None = request.scope["blip2_session"]
        if request.method == "POST" or session is None:
            if session is not None:
                self.access.sessions.end(session)
            return self._with_cookie(request, _to(request, LOGIN), "")
        return logout_page(
            root_of(request),
            session.visitor.name,
            session.visitor.role,
            has_password=not self.access.has_signed_in(session),
        )

    async def _password(self, request: Request) -> Response:
        session: LoginSession | None = request.scope["blip2_session"]
        person = self.access.person_of(session) if session is not None else None
        if person is None or self.access.passwords is None:
            return _to(request, LOGIN)
        if request.method != "POST":
            return password_page(root_of(request), person.name)
        form = await _form(request)
        old, new = _text(form, "password"), _text(form, "new")
        try:
            await self.access.passwords.check(person.name, old, _address(request))
            if new != _text(form, "again"):
                raise ConfigError("The two new passwords are different.")
            if new == old:
                raise ConfigError("That is the password so far.")
            await run_in_threadpool(self.access.passwords.users.set_password, person.name, new)
        except LoginRefusedError as error:
            told = "The password so far is wrong." if error.status == 401 else str(error)
            return self._not_taken(request, person, told, error.status)
        except ConfigError as error:
            return self._not_taken(request, person, str(error), 400)
        except OSError as error:
            told = f"The file of users cannot be written: {os_problem(error)}."
            return self._not_taken(request, person, told, 500)
        self.access.sessions.end_all_of(person.name)  # also where somebody else got in
        self.access.passwords.forget(person.name)
        changed = self.access.passwords.users.find(person.name)
        if changed is None:
            return _to(request, LOGIN)
        token = self.access.begin_for(changed, session)
        return self._with_cookie(request, _to(request, "/"), token)

    def _not_taken(self, request: Request, person: User, told: str, status: int) -> Response:
        return password_page(root_of(request), person.name, problem=told, status=status)

    async def _sign_in(self, request: Request) -> Response:
        assert self.access.sign_in is not None  # else there is no such route
        onward = safe_onward(request.session.get("next", "/"))
        request.session.clear()  # of an attempt that was not ended
        request.session["next"] = onward
        try:
            return await self.access.sign_in.send(request, f"{_public(request)}{SIGNED_IN}")
        except LoginRefusedError as error:
            return self._told(request, error)

    async def _signed_in(self, request: Request) -> Response:
        assert self.access.sign_in is not None  # else there is no such route
        onward = safe_onward(request.session.get("next", "/"))
        try:
            person = await self.access.sign_in.receive(request)
            self._refuse_second(person)
        except LoginRefusedError as error:
            return self._told(request, error)
        request.session.clear()
        token = self.access.sessions.begin(
            person.visitor,
            person.credential,
            replaces=request.scope["blip2_session"],
            longest=SIGNED_IN_SECONDS,
        )
        return self._with_cookie(request, _to(request, onward), token)

    def _refuse_second(self, person: SignedIn) -> None:
        """Raise LoginRefusedError where somebody else is signed in under a person's name: what they
        do could not be told apart.
        """
        name = person.visitor.name
        if self.access.sessions.is_taken(name, person.credential):
            raise LoginRefusedError(f"Somebody else is signed in as {name}.", status=403)

    def _on_refusal(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, LoginRefusedError)  # the handler is for no other
        return self._told(request, error)

    def _told(self, request: Request, error: LoginRefusedError) -> Response:
        back = f"{root_of(request)}{LOGIN}"
        shown = html_page(
            "Not signed in", status=error.status, problem=str(error), back=back, back_label="Back"
        )
        return _hurry_not(shown, error)

    def _with_cookie(self, request: Request, response: Response, token: str) -> Response:
        set_cookie(response.headers, self.access.cookie, request, token)
        return response


def safe_onward(address: str) -> str:
    """Return where to go on inside the studio; its first page for anything else.

    Browsers read a backslash as a slash, and leave out tabs and line breaks.
    """
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() and "\\" not in address else "/"


def _to(request: Request, path: str) -> Response:
    return RedirectResponse(f"{root_of(request)}{path}", 303, headers={"cache-control": "no-store"})


def _hurry_not(response: Response, error: LoginRefusedError) -> Response:
    if error.retry_after:
        response.headers["retry-after"] = str(error.retry_after)
    return response


async def _form(request: Request) -> FormData:
    """Return the form of a request; an empty one where it is too large, none, or not in UTF-8."""
    length = request.headers.get("content-length", "")
    if not is_utf8_form(request.headers.get("content-type", "")):
        return FormData()
    if not length.isdecimal() or len(length) > 9 or int(length) > _LARGEST_FORM:
        return FormData()
    try:
        return await request.form(max_files=0, max_fields=10)
    except (HTTPException, MultiPartException, UnicodeError):  # of a charset that decodes nothing
        return FormData()


def _text(form: FormData, name: str) -> str:
    """Return a field; empty where it is none, or holds halves of characters, as UTF-7 can."""
    value = form.get(name)
    return value if isinstance(value, str) and not _HALVES.search(value) else ""


def _public(request: Request) -> str:
    """Return the address of the studio as the browser knows it."""
    host = os.environ.get("SPACE_HOST")
    return f"https://{host}" if host else str(request.base_url).rstrip("/")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
