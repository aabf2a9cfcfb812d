"""The header of both apps: the name, the way to the other app, the model, and who is logged in."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Literal

from app.roles import Visitor

AppName = Literal["workbench", "curator"]
STYLE_SHEET = Path(__file__).with_suffix(".css")
_ADDRESSES: dict[AppName, dict[AppName, str]] = {
    "workbench": {"workbench": "./", "curator": "curator/"},
    "curator": {"workbench": "../", "curator": "./"},
}
"""App that a page is of -> addresses of both from there; relative, as a proxy may add a path."""


def title_html(here: AppName, visitor: Visitor, *, has_both: bool) -> str:
    """Return the name of the studio, and links to both apps for a visitor who may use both.

    `has_both` says whether both are served.
    """
    title = "<h1>BLIP-2 Studio</h1>"
    if not (has_both and visitor.may("judge")):
        return title
    links = (
        f'<a href="{address}" target="_self"{_mark(name, here)}>{name.capitalize()}</a>'
        for name, address in _ADDRESSES[here].items()
    )
    return f'{title}<nav aria-label="Apps">{"".join(links)}</nav>'


def _mark(name: AppName, here: AppName) -> str:
    return ' aria-current="page"' if name == here else ""


KEYS_BUTTON = (
    '<button type="button" class="show-keys" aria-label="Keys" title="Keys (?)">?</button>'
)
"""Shows the keys of the page; the scripts of both apps listen to it, and to the key."""


def account_html(here: AppName, visitor: Visitor) -> str:
    """Return as whom a visitor is logged in, with the way to log in or out."""
    root = _ADDRESSES[here]["workbench"].removeprefix("./")
    if not visitor.name:
        return f'<a href="{root}login" target="_top">Log in</a>'
    who = f"<b>{escape(visitor.name)}</b>, {visitor.role}"
    return f'{who} · <a href="{root}logout" target="_top">Log out</a>'
