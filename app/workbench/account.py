"""The header's name and links, and the line that says as whom a visitor is logged in."""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr

from app.header import KEYS_BUTTON, account_html, title_html
from app.roles import Visitor, visitor_of
from app.services import Services
from app.settings import has_login
from app.workbench.events import PRIVATE_EVENT


class Arrival(NamedTuple):
    """What the header tells a visitor who has come, as HTML."""

    title: str
    account: str


def build_title() -> gr.HTML:
    """Draw the name; `greet` adds what only the request tells."""
    name = title_html("workbench", Visitor(role="visitor"), has_both=False)
    return gr.HTML(name, elem_id="header", elem_classes="studio-header", container=False, scale=0)


def build_account() -> gr.HTML:
    """Draw the button for the keys, and the place for who is logged in."""
    return gr.HTML(KEYS_BUTTON, elem_id="account", container=False, scale=0, min_width=0)


def greet(page: gr.Blocks, services: Services, title: gr.HTML, account: gr.HTML) -> None:
    """Wire both to the visitor's arrival, inside the page that is being built."""

    def on_arrival(request: gr.Request) -> Arrival:
        return arrival(services, visitor_of(request.headers))

    page.load(on_arrival, None, [title, account], queue=False, **PRIVATE_EVENT)


def arrival(services: Services, visitor: Visitor) -> Arrival:
    """Return what the header tells a visitor."""
    has_both = services.database is not None
    account = account_html("workbench", visitor) if has_login(services.settings) else ""
    return Arrival(
        title=title_html("workbench", visitor, has_both=has_both),
        account=KEYS_BUTTON + account,
    )
