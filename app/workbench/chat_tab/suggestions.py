"""The buttons below the question box: what the model can be asked, each one press away."""

from __future__ import annotations

from html import escape
from pathlib import Path

import gradio as gr

from app.chat.session import ChatSession
from app.workbench.scripts import bundle
from blip2core.models.specs import find_spec
from blip2core.models.suggestions import Suggestions
from blip2core.stickers.taught import questions_about

_CODE = Path(__file__).with_name("suggestions.js")
_ANYWAY = '<button type="button" data-anyway>Ask it anyway</button>'


def build_suggestions(arrival: ChatSession) -> gr.HTML:
    """Draw the buttons; their events are `ask`, with the words of a button, and `ask_anyway`."""
    start = 'listenToSuggestions(element, trigger); // Python listens to "ask" and "ask_anyway".'
    return gr.HTML(
        suggestions_html(arrival),
        js_on_load=bundle([_CODE], start),
        apply_default_css=False,
        container=False,
        elem_id="suggestions",
    )


def suggestions_of(session: ChatSession) -> tuple[Suggestions, ...]:
    """Return what the model can be asked, by kind.

    After a question that it was never taught these are questions about this image.
    """
    if not is_untaught(session) or session.image is None:
        return find_spec(session.model).suggestions
    doubt = session.image.doubts.get(session.model)
    caption = "" if doubt is not None and doubt.is_doubted else session.image.caption
    return (Suggestions(kind="", words=questions_about(caption)),)


def is_untaught(session: ChatSession) -> bool:
    """Return whether the latest question is one that the model was never taught."""
    return bool(session.turns) and session.turns[-1].is_untaught


def suggestions_html(session: ChatSession) -> str:
    """Return HTML of the buttons, by kind; of one more where a question can be asked anyway."""
    groups = "".join(_group_html(one) for one in suggestions_of(session))
    return groups + (f"<div>{_ANYWAY}</div>" if is_untaught(session) else "")


def _group_html(group: Suggestions) -> str:
    buttons = "".join(f'<button type="button">{escape(words)}</button>' for words in group.words)
    if not group.kind:
        return f"<div>{buttons}</div>"
    kind = escape(group.kind)
    return f'<div role="group" aria-label="{kind}"><span>{kind}</span>{buttons}</div>'


def find_suggestion(session: ChatSession, words: str) -> Suggestions | None:
    """Return the kind of which a button with these words is shown; None where there is none."""
    return next((group for group in suggestions_of(session) if words in group.words), None)
