"""How far a replay is, and which answers differ, as HTML."""

from html import escape

from app.chat.replay import RepeatedAnswer, ReplayState
from blip2core.texts import count_of


def replay_html(state: ReplayState) -> str:
    """Return HTML of the progress; of the result, once there is one."""
    if state.is_loading:
        return "<p>The model is loading; the replay waits.</p>"
    done, total = len(state.answers), state.total
    if not state.is_over:
        return f"<p>Asking again: {done + 1} of {total} …</p>"
    other_weights = " The weights are not those of then." if state.has_other_weights else ""
    answers = "".join(map(_difference, state.different))
    return f"<p>{_summary(state)}{other_weights}</p>" + (f"<ul>{answers}</ul>" if answers else "")


def _summary(state: ReplayState) -> str:
    if state.is_stopped:
        return f"Stopped after {len(state.answers)} of {count_of(state.total, 'answer')}."
    if not state.answers:
        return "There is no answer to ask for again."
    if not state.different:
        if state.total == 1:
            return "Asked again: the answer is the same."
        return f"Asked again: all {state.total} answers are the same."
    if state.total == 1:
        return "Asked again: the answer differs."
    return f"Asked again: {len(state.different)} of {state.total} answers differ."


def _difference(answer: RepeatedAnswer) -> str:
    turn = answer.turn
    return (
        f"<li>{escape(turn.question)} <del>{escape(turn.answer)}</del> "
        f"<ins>{escape(answer.answer)}</ins></li>"
    )
