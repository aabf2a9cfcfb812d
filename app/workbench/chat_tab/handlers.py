"""What the events of the chat tab do: ask, answer, stop, edit, rate, replay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from app.chat.answer import answer
from app.chat.context_usage import measure_context
from app.chat.conversation import AnswerRating, ChatTurn
from app.chat.feedback import LONGEST_REASON, feedback_on
from app.chat.generation_settings import GenerationSettings, as_prompt, settings_from, with_seed
from app.chat.replay import replay
from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.inference.failures import error_message
from app.services import Services
from app.shares import shares
from app.workbench.chat_tab.context_bar import usage_html, usage_problem_html
from app.workbench.chat_tab.replay_report import replay_html
from app.workbench.chat_tab.suggestions import find_suggestion, suggestions_html
from app.workbench.chat_tab.transcript import as_typed, turn_at
from app.workbench.chat_tab.updates import (
    ChatUpdate,
    chat_of,
    question_box,
    show_chat,
)
from app.workbench.events import SKIP, Update
from app.workbench.messages import alert_html
from app.workbench.widgets.generation_controls import history_choices, seed_hint
from blip2core.errors import Blip2Error, ConfigError
from blip2core.models.specs import find_spec
from blip2core.texts import clean_text

LONGEST_QUESTION = 2000
"""Characters of a question."""
PROMPT_READ, PROMPT_TYPED = "Prompt of the latest question", "Prompt of the question you are typing"
"""Labels of the prompt."""
CROWDED = "Too many questions wait for the model. Try again in a little while."


class AskUpdate(NamedTuple):
    """New values after a question was sent: a `ChatUpdate`, then two messages."""

    chat: Update = SKIP
    question: Update = SKIP
    origin: Update = SKIP
    replay: Update = SKIP
    replay_message: Update = SKIP
    reason: Update = SKIP
    trouble: str = ""
    """Why the question was not asked."""
    notice: str = ""
    """The message of the image panel; a question clears it."""


class AnswerUpdate(NamedTuple):
    """New values while an answer grows."""

    chat: Update
    prompt: Update = SKIP
    context_bar: Update = SKIP
    seed: Update = SKIP


class ReadingUpdate(NamedTuple):
    """What the model reads, and how much of its context that takes."""

    prompt: Update
    context_bar: Update
    chat: Update = SKIP
    """With the line above the turns that are sent, where it moved."""


class RatingUpdate(NamedTuple):
    """New values after an answer was rated."""

    chat: Update
    reason: Update


class ReplayUpdate(NamedTuple):
    """New values while a conversation is replayed."""

    question: Update
    replay_message: str


def on_ask(session: ChatSession, question: str, *values: Any) -> AskUpdate:
    """Show a question at once; `respond` answers it.

    `values` are the settings in the order in which `settings_from` takes them.
    """
    problem = _obstacle(session) or ("" if clean_text(question) else "Type a question first.")
    return _ask(session, question, values, problem)


def on_suggestion(session: ChatSession, event: gr.EventData, *values: Any) -> AskUpdate:
    """Ask what a button says; the first words of a caption are sent as they stand, and alone."""
    words = str(event_values(event).get("words", ""))
    group = find_suggestion(session, words)
    if group is None:
        return _ask(session, "", values, _obstacle(session) or "This is no longer suggested.")
    if group.begin_captions:
        values = as_prompt(values)
    return on_ask(session, words, *values)


def on_retry(session: ChatSession, data: gr.RetryData, *values: Any) -> AskUpdate:
    """Ask the latest question once more, with the present settings."""
    turn = turn_at(session, data.index)
    problem = "" if turn else "There is nothing to try again."
    number = turn.number if turn else None
    return _ask(session, turn.question if turn else "", values, problem, number)


def on_ask_anyway(session: ChatSession, *values: Any) -> AskUpdate:
    """Ask the latest question although the model was never taught such questions."""
    turn = session.turns[-1] if session.turns else None
    if turn is None or not turn.is_untaught:
        return _ask(session, "", values, "There is no such question.")
    return _ask(session, turn.question, values, "", turn.number, anyway=True)


def on_edit(session: ChatSession, data: gr.EditData, *values: Any) -> AskUpdate:
    """Ask an earlier question in other words; the turns after it are removed."""
    turn, question = turn_at(session, data.index), as_typed(str(data.value))
    problem = "" if turn else "There is nothing to change."
    if not clean_text(question):
        problem = "A question cannot be empty; this one stays as it was."
    return _ask(session, question, values, problem, turn.number if turn else None)


def on_go_on(session: ChatSession, event: gr.EventData) -> AskUpdate:
    """Let the latest answer go on from what stands of it; `respond` does it."""
    turn = turn_of(session, event)
    problem = _obstacle(session)
    if turn is None or turn is not session.turns[-1] or not turn.can_go_on:
        problem = problem or "Only the latest answer goes on, where it was cut off or stopped."
    elif turn.model and turn.model != find_spec(session.model).name:
        problem = problem or f"This answer is by {turn.model}: choose that model, and it goes on."
    if problem or turn is None or not session.go_on(turn.number):
        return AskUpdate(**show_chat(session)._asdict(), trouble=alert_html(problem))
    return AskUpdate(**show_chat(session)._asdict())


def turn_of(session: ChatSession, event: gr.EventData) -> ChatTurn | None:
    """Return the turn of the message that a button stands below; None for any other index."""
    index = event_values(event).get("index")
    return turn_at(session, index) if type(index) is int else None


def _obstacle(session: ChatSession) -> str:
    """Return why nothing can be asked now; empty where something can."""
    return session.obstacle or ("Wait for the answer, or stop it." if session.is_busy else "")


def _too_long(question: str) -> str:
    """Return by how much a question is too long to be read at all; empty where it is not. A browser
    that kept to a longest length would cut off what is pasted without a word.
    """
    if len(question) <= LONGEST_QUESTION:
        return ""
    return (
        f"A question has at most {LONGEST_QUESTION:,} characters; this one has {len(question):,}."
    )


def _ask(
    session: ChatSession,
    question: str,
    values: tuple[Any, ...],
    problem: str,
    number: int | None = None,
    *,
    anyway: bool = False,
) -> AskUpdate:
    """Open a question, in place of turn `number` if there is one, unless there is a problem."""
    settings = GenerationSettings()
    question = clean_text(question)  # halves of characters cannot be sent back to the page
    problem = session.obstacle or problem
    try:
        settings = with_seed(settings_from(*values)) if values else settings
    except ConfigError as error:
        problem = problem or f"Settings: {str(error).rstrip('.')}."
    problem = problem or _too_long(question)
    if question == session.refused[0]:
        problem = problem or session.refused[1]
    if problem:
        return AskUpdate(**show_chat(session)._asdict(), trouble=alert_html(problem))
    if number is not None:
        session.cut(number)
    session.ask(question, settings, anyway=anyway)
    box = {"value": ""} if number is None else {}
    shown = show_chat(session)._replace(question=question_box(session, **box))
    return AskUpdate(**shown._asdict())


def respond(services: Services, session: ChatSession) -> Iterator[AnswerUpdate]:
    """Answer the open question; yield the conversation as the answer grows."""
    turn = session.open_turn
    if turn is not None:
        try:
            for _ in answer(services.engine, session, turn):
                yield AnswerUpdate(chat_of(session))
        except Exception as error:
            session.fail(turn.number, error_message(error, "No answer"))
    seed = turn.settings.decode.seed if turn else None
    settings = turn.settings if turn else GenerationSettings()
    reading = reading_of(services, session, "", settings)
    yield AnswerUpdate(chat_of(session), reading.prompt, reading.context_bar, seed_hint(seed))


def on_type(services: Services, session: ChatSession, question: str, *values: Any) -> ReadingUpdate:
    """Show what the model would read, and how much room that takes. Runs no model."""
    if told := _too_long(question):
        return ReadingUpdate(SKIP, usage_problem_html(told))
    try:
        return reading_of(services, session, question, settings_from(*values))
    except ConfigError as error:
        return ReadingUpdate(SKIP, usage_problem_html(f"Settings: {str(error).rstrip('.')}."))


def reading_of(
    services: Services, session: ChatSession, question: str, settings: GenerationSettings
) -> ReadingUpdate:
    """Return the prompt, of the latest question where none is typed, and the used context."""
    pair = services.engine.pair(session.model)
    latest = session.turns[-1].prompt if session.turns else ""
    prompt = gr.update(value=latest, label=PROMPT_READ)
    if session.image is None or not pair.loading.done() or pair.loading.exception():
        return ReadingUpdate(prompt, "")
    try:
        usage = measure_context(pair.generator, session.conversation, question, settings)
    except Blip2Error as error:
        session.refused = (clean_text(question), str(error))
        return ReadingUpdate(prompt, usage_problem_html(str(error)))
    session.refused = ("", "")
    if usage.prompt:
        prompt = gr.update(value=usage.prompt, label=PROMPT_TYPED)
    has_moved = session.unsent != usage.unsent
    session.unsent = usage.unsent
    return ReadingUpdate(prompt, usage_html(usage), chat_of(session) if has_moved else SKIP)


def on_undo(session: ChatSession, question: str, data: gr.UndoData) -> ChatUpdate:
    """Remove the latest turn; its question returns to the box where the box is empty."""
    turn = turn_at(session, data.index)
    if turn is not None:
        session.cut(turn.number)
    shown = show_chat(session)
    if turn is not None and not question.strip():
        shown = shown._replace(question=question_box(session, value=turn.question))
    return shown


def on_like(session: ChatSession, data: gr.LikeData) -> RatingUpdate:
    """Rate an answer, or take the rating back; ask for the reason."""
    turn = turn_at(session, data.index)
    rating = AnswerRating(liked=data.liked) if isinstance(data.liked, bool) else None
    rated = session.rate(turn.number, rating) if turn else None
    session.rated = rated.number if rated else None
    label = "What is good about it? (optional)" if data.liked else "What is wrong? (optional)"
    box = gr.update(value="", label=label, visible=bool(rated and rating))
    return RatingUpdate(chat_of(session), box)


def on_reason(session: ChatSession, reason: str) -> RatingUpdate:
    """Add the reason to the latest rating."""
    turn = session.rated_turn
    if turn is not None and turn.rating is not None:
        rating = AnswerRating(liked=turn.rating.liked, reason=clean_text(reason)[:LONGEST_REASON])
        session.rate(turn.number, rating)
    return RatingUpdate(chat_of(session), gr.update(visible=False))


def store_feedback(services: Services, session: ChatSession) -> str:
    """Store the latest rating where there is a place for it; return HTML of what went wrong."""
    turn = session.rated_turn
    if turn is None or services.feedback is None:
        return ""
    if turn.rating is not None and (told := shares().take_rating()):
        return alert_html(told)
    try:
        services.feedback(feedback_on(session, turn))
    except Exception as error:
        return alert_html(error_message(error, "Your feedback was not stored"))
    return ""


def on_replay(services: Services, session: ChatSession) -> Iterator[ReplayUpdate]:
    """Ask the questions again as they were asked, and say which answers differ."""
    if problem := _obstacle(session):
        yield ReplayUpdate(SKIP, alert_html(problem))
        return
    message = ""
    try:
        for state in replay(services.engine, session):
            message = replay_html(state)
            yield ReplayUpdate(question_box(session), message)
    except Exception as error:
        message = alert_html(error_message(error, "No replay"))
    yield ReplayUpdate(question_box(session), message)  # the session is free again by now


def on_stop_answer(session: ChatSession) -> ChatUpdate:
    """Stop the answer; the words so far stay."""
    session.stop()
    return show_chat(session)


def on_refused(session: ChatSession) -> ChatUpdate:
    """Close a question that found the queue full, or whose connection broke off."""
    turn = session.open_turn
    if turn is not None and turn.state == "asked":
        session.fail(turn.number, CROWDED)
    return on_stop_answer(session)


def on_new_conversation(session: ChatSession) -> ChatUpdate:
    """Begin a new conversation about the same image."""
    session.clear()
    return show_chat(session)


def on_model_change(session: ChatSession) -> list[Update]:
    """Return new suggestions, as another model knows others, and new labels of what it is sent of
    the earlier turns.
    """
    history = history_choices(find_spec(session.model).history)
    return [suggestions_html(session), gr.update(choices=history)]
