"""What the chat tab shows of a visit; each function gives values of components."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from app.chat.session import ChatSession
from app.chat.transcript import thumbs, transcript
from app.workbench.events import Update
from blip2core.models.specs import find_spec

SUGGESTIONS = 3
"""Buttons with a question each."""


def suggestions(model: str) -> list[dict[str, Any]]:
    """What the buttons below the box say, or that they say nothing."""
    questions = find_spec(model).questions[:SUGGESTIONS]
    blank = [""] * (SUGGESTIONS - len(questions))
    return [{"value": text, "visible": bool(text)} for text in (*questions, *blank)]


def show_talk(session: ChatSession) -> tuple[Update, ...]:
    """The conversation, the question box, and what stands around them."""
    return (
        chat_of(session),
        question_box(session),
        origin_html(session),
        gr.update(visible=session.opening is not None),
        gr.skip() if session.opening is not None else "",
        gr.update(visible=False),
    )


def chat_of(session: ChatSession) -> Update:
    return gr.update(value=transcript(session), feedback_value=thumbs(session))


def question_box(session: ChatSession, **changes: Any) -> Update:
    """The box with the button that applies: Ask or Stop."""
    if not session.is_busy:
        return gr.update(submit_btn="Ask", stop_btn=False, **changes)
    return gr.update(submit_btn=False, stop_btn="Stop", **changes)


def origin_html(session: ChatSession) -> str:
    """Where the conversation began, unless it began here."""
    if session.opening is None:
        return ""
    models = sorted({entry.model for entry in session.opening.entries if entry.model})
    by = f", answered by {escape(' and '.join(models))}" if models else ""
    if session.opening.kind == "example":
        return f"<p><b>An example</b>{by}. Go on asking, or bring an image of your own.</p>"
    return f"<p><b>Imported</b>{by}. Replay asks again and says which answers differ.</p>"
