"""How much of the model's context is used, as a bar with words below."""

from html import escape

from app.chat.context_usage import ContextUsage

AMBER = 0.8
"""Share of the context from which on the bar warns."""


def usage_html(usage: ContextUsage) -> str:
    """Return the HTML of a bar, and what it means in words."""
    parts = {
        "image": usage.image,
        "history": usage.history,
        "question": usage.question,
        "answer": usage.answer,
        "free": max(usage.total - usage.used, 0),
    }
    bar = "".join(
        f'<i class="{name}" style="flex-grow:{size}"></i>' for name, size in parts.items() if size
    )
    words = ", ".join(
        f'<span class="{name}">{name}{" up to" if name == "answer" else ""} {size}</span>'
        for name, size in parts.items()
        if size and name != "free"
    )
    amber = usage.is_crowded or usage.used >= AMBER * usage.total
    return (
        f'<div class="context-bar{" amber" if amber else ""}">'
        f'<div class="bar" aria-hidden="true">{bar}</div>'
        f"<p>Room: {usage.used} of {usage.total} tokens ({words}).{_sent(usage)}"
        f"{_warning(usage, amber)}</p>"
        "</div>"
    )


def _sent(usage: ContextUsage) -> str:
    """Return which earlier turns go with the question; nothing where all of them do."""
    if not usage.unsent:
        return ""
    if not usage.sent:
        return " Sent without the turns before it."
    turns = "the latest turn" if usage.sent == 1 else f"the latest {usage.sent}"
    return f" Sent with {turns} of {usage.sent + usage.unsent}."


def _warning(usage: ContextUsage, amber: bool) -> str:
    if not amber:
        return ""
    words = "There is no room for more" if usage.is_crowded else "Nearly full"
    return f" <strong>{words}: a new conversation has all the room again.</strong>"


def usage_problem_html(words: str) -> str:
    """Return HTML in place of the bar, where a question cannot be asked as it stands."""
    return f'<div class="context-bar amber"><p><strong>{escape(words)}</strong></p></div>'
