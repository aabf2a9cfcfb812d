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
    amber = bool(usage.dropped) or usage.used >= AMBER * usage.total
    return (
        f'<div class="context-bar{" amber" if amber else ""}">'
        f'<div class="bar" aria-hidden="true">{bar}</div>'
        f"<p>Room: {usage.used} of {usage.total} tokens ({words}).{_warning(usage, amber)}</p>"
        "</div>"
    )


def _warning(usage: ContextUsage, amber: bool) -> str:
    if usage.dropped:
        questions = ", ".join(f"“{escape(turn.question)}”" for turn in usage.dropped)
        return (
            f" <strong>The model will no longer know: {questions}. "
            "A new conversation has all the room again.</strong>"
        )
    if amber:
        return (
            " <strong>Nearly full: the earliest questions are left out next. "
            "A new conversation has all the room again.</strong>"
        )
    return ""


def usage_problem_html(words: str) -> str:
    """Return HTML in place of the bar, where a question cannot be asked as it stands."""
    return f'<div class="context-bar amber"><p><strong>{escape(words)}</strong></p></div>'
