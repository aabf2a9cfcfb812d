"""The "Why?" below an answer, which opens the tab that looks inside with what it rests on."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import gradio as gr

from app.chat.session import ChatSession
from app.workbench.chat_tab.handlers import turn_of
from app.workbench.events import SKIP, Update
from app.workbench.messages import alert_html

_pressed = itertools.count()


class WhyUpdate(NamedTuple):
    """New values when somebody asks why an answer was given."""

    inspected_text: Update = SKIP
    """Names this press, so that the tab that looks inside hears each of them."""
    tabs: Update = SKIP
    trouble: str = ""


def on_why(session: ChatSession, event: gr.EventData) -> WhyUpdate:
    """Open the tab that looks inside with an answer, whatever was said after it."""
    turn = turn_of(session, event)
    if session.obstacle:
        return WhyUpdate(trouble=alert_html(session.obstacle))
    if turn is None or not turn.has_answer:
        return WhyUpdate(trouble=alert_html("There is no answer here to look into."))
    session.questioned, session.inspected_text = turn.number, turn.answer
    return WhyUpdate(f"why {next(_pressed)}", gr.Tabs(selected="inside"))
