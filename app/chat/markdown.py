"""A conversation as Markdown in which no text can become markup."""

from __future__ import annotations

from app.chat.archive_schema import SavedConversation, SavedTurn
from app.escaping import escape_markdown
from app.inference.decoding import describe_decoding
from blip2core.config import DecodeConfig


def as_markdown(conversation: SavedConversation, image: str = "") -> str:
    """Return the whole conversation; `image` is the name of its file, if it lies beside."""
    lines = [f"# About {escape_markdown(conversation.image.name)}", ""]
    if image:
        lines += [f"![The image]({image})", ""]
    if conversation.image.caption:
        lines += [f"Caption: {escape_markdown(conversation.image.caption)}", ""]
    for number, turn in enumerate(conversation.turns, 1):
        lines += _turn(number, turn)
    lines.append(f"Saved {conversation.saved_at:%Y-%m-%d %H:%M} by BLIP-2 Studio.")
    return "\n".join(lines) + "\n"


def _turn(number: int, turn: SavedTurn) -> list[str]:
    stopped = " … *(cut off)*" if turn.cut_off else ""
    if turn.state == "stopped":
        stopped = " … *(stopped)*"
    decode = DecodeConfig(**turn.decode.model_dump())
    model = escape_markdown(f"{turn.model} ({turn.revision[:12]})" if turn.model else "no model")
    time = f", {turn.seconds:.1f} s" if turn.seconds is not None else ""
    lines = [
        f"## {number}. {escape_markdown(turn.question)}",
        "",
        f"{escape_markdown(turn.answer) or '*(no answer)*'}{stopped}",
        "",
        f"- {model}, {describe_decoding(decode)}{time}",
    ]
    if turn.feedback:
        thumb = "liked" if turn.feedback.liked else "disliked"
        reason = f": {escape_markdown(turn.feedback.reason)}" if turn.feedback.reason else ""
        lines.append(f"- {thumb}{reason}")
    return [*lines, ""]
