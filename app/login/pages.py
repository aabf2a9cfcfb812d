"""The pages to log in, to log out, and to choose a password."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from starlette.responses import HTMLResponse

from app.design_tokens import custom_properties

_HERE = Path(__file__).parent
_TEMPLATES = Environment(loader=FileSystemLoader(_HERE), autoescape=True)
_STYLE = Markup(  # noqa: S704 - a file of ours
    custom_properties(dark="@media (prefers-color-scheme: dark)")
    + (_HERE / "page.css").read_text("utf-8")
)
LOGIN, LOGOUT, PASSWORD = "/login", "/logout", "/login/password"
SIGN_IN, SIGNED_IN = "/login/provider", "/login/callback"
"""Where who signs in elsewhere is sent from, and comes back to."""


class FormField(NamedTuple):
    """A line to type in."""

    name: str
    label: str
    type: str = "password"
    autocomplete: str = "current-password"
    value: str = ""


def html_page(title: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; `values` are those of page.html, each of them escaped."""
    text = _TEMPLATES.get_template("page.html").render(title=title, style=_STYLE, **values)
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})


def login_page(
    root: str,
    *,
    has_passwords: bool,
    provider: str = "",
    onward: str = "/",
    name: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    """Return the page to log in. `onward` is where it leads, `provider` who else knows people."""
    fields: Sequence[FormField] = ()
    if has_passwords:
        fields = (
            FormField("username", "Name", "text", "username", name),
            FormField("password", "Password"),
        )
    return html_page(
        "Log in",
        status=status,
        problem=problem,
        action=f"{root}{LOGIN}",
        fields=fields,
        button="Log in",
        next=onward,
        sign_in=f"{root}{SIGN_IN}" if provider else "",
        provider=provider,
    )


def password_page(root: str, name: str, *, problem: str = "", status: int = 200) -> HTMLResponse:
    """Return the page on which somebody chooses a password."""
    return html_page(
        "Choose a password",
        status=status,
        note=f"You are {name}.",
        problem=problem,
        action=f"{root}{PASSWORD}",
        fields=(
            FormField("password", "Your password so far"),
            FormField("new", "A new one, of 8 characters or more", "password", "new-password"),
            FormField("again", "The same again", "password", "new-password"),
        ),
        button="Take it",
    )


def logout_page(root: str, name: str, role: str, *, has_password: bool) -> HTMLResponse:
    """Return the page to log out."""
    return html_page(
        "Log out",
        note=f"You are {name}, {role} here.",
        action=f"{root}{LOGOUT}",
        button="Log out",
        back=f"{root}{PASSWORD}" if has_password else f"{root}/",
        back_label="Choose another password" if has_password else "Back",
    )


def forbidden_page(root: str, name: str, role: str) -> HTMLResponse:
    """Return the page for what somebody's role does not include."""
    who = f"You are {name}, {role} here" if name else f"You are a {role} here"
    return html_page(
        "Not for you",
        status=403,
        note=f"{who}; this is for curators and owners.",
        back=f"{root}/",
        back_label="To the workbench",
    )
