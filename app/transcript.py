"""The conversation of a visit as chat messages, in the words a visitor reads."""

from typing import Any

from app.visit import Entry, Visit

Message = dict[str, Any]
"""role, content and perhaps metadata, as Gradio's Chatbot takes them."""


def transcript(visit: Visit) -> list[Message]:
    """The conversation as chat messages."""
    messages: list[Message] = []
    for entry in visit.entries:
        messages.append({"role": "user", "content": entry.question})
        if entry.dropped:
            messages.append(_left_out(entry))
        messages.append({"role": "assistant", "content": _wording(entry)})
    return messages


def _wording(entry: Entry) -> str:
    if entry.state == "loading":
        return "The model is loading; your question waits."
    if entry.state == "stopped":
        return f"{entry.answer} … (stopped)".lstrip()
    if entry.state == "answered":
        return entry.answer or "(The model has no answer.)"
    return entry.answer or "…"


def _left_out(entry: Entry) -> Message:
    number = len(entry.dropped)
    turns = "the earliest question" if number == 1 else f"the {number} earliest questions"
    return {
        "role": "assistant",
        "content": "\n".join(f"{turn.question} {turn.answer}" for turn in entry.dropped),
        "metadata": {"title": f"For lack of room the model no longer knows {turns}"},
    }
