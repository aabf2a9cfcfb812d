"""New values of the components of the chat tab, made from the visitor's session."""

from __future__ import annotations

from html import escape
from typing import Any, NamedTuple

import gradio as gr

from app.chat.session import ChatSession
from app.workbench.chat_tab.transcript import thumbs, transcript
from app.workbench.events import SKIP, Update


class ChatUpdate(NamedTuple):
    """New values of the conversation and of what stands around it."""

    chat: Update = SKIP
    question: Update = SKIP
    origin: Update = SKIP
    replay: Update = SKIP
    replay_message: Update = SKIP
    reason: Update = SKIP


def show_chat(session: ChatSession) -> ChatUpdate:
    """Return the conversation, the question box, and what stands around them."""
    return ChatUpdate(
        chat=chat_of(session),
        question=question_box(session),
        origin=origin_html(session),
        replay=gr.update(visible=session.stored is not None),
        replay_message=SKIP if session.stored is not None else "",
        reason=gr.update(visible=False),
    )


def chat_of(session: ChatSession) -> Update:
    """Return the messages with the ratings of the answers."""
    return gr.update(value=transcript(session), feedback_value=thumbs(session))


def question_box(session: ChatSession, **changes: Any) -> Update:
    """Return the question box with the button that applies: Ask or Stop."""
    if not session.is_busy:
        return gr.update(submit_btn="Ask", stop_btn=False, **changes)
    return gr.update(submit_btn=False, stop_btn="Stop", **changes)


def origin_html(session: ChatSession) -> str:
    """Return HTML of where the conversation came from; empty where it began here."""
    if session.stored is None:
        return ""
    models = sorted({turn.model for turn in session.stored.turns if turn.model})
    by = f", answered by {escape(' and '.join(models))}" if models else ""
    if session.stored.kind == "example":
        return f"<p><b>An example</b>{by}. Go on asking, or bring an image of your own.</p>"
    return f"<p><b>Imported</b>{by}. Replay asks again and says which answers differ.</p>"
