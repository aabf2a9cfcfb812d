"""The line that says as whom a visitor is logged in, with the way to log in or out."""

from __future__ import annotations

from html import escape

import gradio as gr

from app.roles import Visitor, visitor_of
from app.workbench.events import PRIVATE_EVENT


def build_account(page: gr.Blocks) -> None:
    """Draw and wire the line inside the page that is being built."""
    account = gr.HTML(container=False, elem_id="account", scale=0, min_width=240)
    page.load(on_arrival, None, account, queue=False, **PRIVATE_EVENT)


def on_arrival(request: gr.Request) -> str:
    """Return the line for who has come."""
    return account_html(visitor_of(request.headers))


def account_html(visitor: Visitor) -> str:
    """Return HTML that names a visitor; addresses are relative, as a proxy may add a path."""
    if not visitor.name:
        return '<a href="login" target="_top">Log in</a>'
    who = f"<b>{escape(visitor.name)}</b>, {visitor.role}"
    return f'{who} · <a href="logout" target="_top">Log out</a>'
