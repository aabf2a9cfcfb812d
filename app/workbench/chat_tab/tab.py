"""Talk about one image: answers stream in, and know what was said before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import gradio as gr

from app.chat.answer import answer
from app.chat.context_usage import measure_context, usage_html, usage_problem_html
from app.chat.conversation import AnswerRating
from app.chat.feedback import LONGEST_REASON, feedback_on
from app.chat.generation_settings import GenerationSettings, settings_from, with_seed
from app.chat.replay import replay
from app.chat.session import ChatSession
from app.chat.transcript import as_typed, entry_at, transcript
from app.inference.failures import error_message
from app.services import Services
from app.workbench.chat_tab.saving import build_saving
from app.workbench.chat_tab.view import chat_of, origin_html, question_box, show_talk, suggestions
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, WAITING, Update
from app.workbench.messages import alert_html
from app.workbench.widgets.generation_controls import build_controls, seed_hint
from blip2core.errors import Blip2Error, ConfigError

LONGEST_QUESTION = 2000
"""Characters of a question."""
READ, TYPED = "Prompt of the latest question", "Prompt of the question you are typing"
CHAT_HEIGHT = "clamp(16rem, calc(100vh - 24.5rem), 44rem)"
"""The question box stands below it on the first screen, from 1280 x 800 on. The bounds are also
for a page in a frame that grows with what it holds."""
CROWDED = "Too many questions wait for the model. Try again in a little while."
OFFERED = "First say whether the new image may start a new conversation."


def build_chat_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(session=panel.session, notice=panel.notice)
    _draw(ui, services, panel)
    ui.screen = [ui.chat, ui.question, ui.origin, ui.replay, ui.replayed, ui.why]
    ui.reading = [ui.prompt, ui.meter]
    ui.settings = [ui.session, ui.question, *ui.controls.all]
    _wire_asking(ui, services)
    _wire_messages(ui, services)
    _wire_around(ui, services, panel)


def _draw(ui: SimpleNamespace, services: Services, panel: SimpleNamespace) -> None:
    arrival: ChatSession = panel.session.value
    with gr.Row(elem_id="origin-bar"):
        ui.origin = gr.HTML(origin_html(arrival), elem_id="origin", container=False, scale=4)
        ui.replay = gr.Button(
            "Replay", size="sm", scale=0, min_width=90, visible=arrival.opening is not None
        )
    ui.replayed = gr.HTML(elem_id="replayed", container=False, elem_classes="notice")
    ui.chat = gr.Chatbot(
        transcript(arrival),
        label="Conversation",
        placeholder="Ask about the image; the answers know what was said before.",
        buttons=["copy"],
        height=CHAT_HEIGHT,
        layout="bubble",
        render_markdown=False,
        latex_delimiters=[],
        group_consecutive_messages=False,
        allow_tags=False,
        editable="user",
        feedback_options=("Like", "Dislike"),
        elem_id="chat",
    )
    ui.why = gr.Textbox(
        label="Why? (optional)",
        placeholder="In your own words",
        submit_btn="Save",
        max_length=LONGEST_REASON,
        visible=False,
        elem_id="why",
    )
    ui.question = gr.Textbox(
        label="Your question",
        placeholder="Ask about the image",
        submit_btn="Ask",
        max_length=LONGEST_QUESTION,
        elem_id="question",
    )
    ui.trouble = gr.HTML(elem_id="trouble", container=False, elem_classes="notice")
    with gr.Row(elem_id="suggestions"):
        ui.suggestions = [
            gr.Button(size="sm", min_width=120, **state) for state in suggestions(arrival.model)
        ]
    with gr.Row(elem_id="talk-bar"):
        ui.meter = gr.HTML(elem_id="meter", container=False, scale=4)
        ui.fresh = gr.Button("New conversation", size="sm", elem_id="fresh", scale=0)
    with gr.Accordion("Settings", open=False):
        ui.controls = build_controls(services.settings.max_new_tokens)
    with gr.Accordion("What the model reads", open=False):
        ui.prompt = gr.Textbox(
            label=READ, info="After the image.", interactive=False, lines=3, elem_id="prompt"
        )
    with gr.Accordion("Save and load", open=False):
        ui.saving = build_saving(services, panel)
    gr.HTML("<kbd>/</kbd> to type, <kbd>Esc</kbd> to stop", elem_id="keys", container=False)


def _wire_asking(ui: SimpleNamespace, services: Services) -> None:
    problem = [ui.trouble, ui.notice]
    outputs = [*ui.screen, *problem]
    asked = [ui.question.submit(on_ask, ui.settings, outputs, **PRIVATE_EVENT)]
    for button in ui.suggestions:
        inputs = [ui.session, button, *ui.controls.all]
        asked.append(button.click(on_ask, inputs, outputs, **PRIVATE_EVENT))
    again = [ui.session, *ui.controls.all]
    asked.append(ui.chat.retry(on_retry, again, outputs, **PRIVATE_EVENT))
    asked.append(ui.chat.edit(on_edit, again, outputs, **PRIVATE_EVENT))
    for event in asked:
        answered = event.success(
            partial(respond, services),
            ui.session,
            [ui.chat, *ui.reading, ui.controls.seed],
            **MODEL_EVENT | WAITING,
            show_progress_on=ui.question,
        )
        # Never .then(): after a failed event the browser runs .failure() listeners only.
        answered.success(show_talk, ui.session, ui.screen, **PRIVATE_EVENT)
        answered.failure(on_refused, ui.session, ui.screen, **PRIVATE_EVENT)
    ui.question.stop(on_stop, ui.session, ui.screen, **PRIVATE_EVENT)


def _wire_messages(ui: SimpleNamespace, services: Services) -> None:
    liked = ui.chat.like(on_like, ui.session, [ui.chat, ui.why], **PRIVATE_EVENT)
    said = ui.why.submit(on_reason, [ui.session, ui.why], [ui.chat, ui.why], **PRIVATE_EVENT)
    for event in (liked, said):
        event.success(partial(keep_feedback, services), ui.session, ui.trouble, **PRIVATE_EVENT)


def _wire_around(ui: SimpleNamespace, services: Services, panel: SimpleNamespace) -> None:
    replayed = ui.replay.click(
        partial(on_replay, services), ui.session, [ui.question, ui.replayed], **MODEL_EVENT
    )
    replayed.failure(on_stop, ui.session, ui.screen, **PRIVATE_EVENT)
    measured = partial(on_type, services)
    typing = [ui.question.input, *(control.change for control in ui.controls.all)]
    gr.on(typing, measured, ui.settings, ui.reading, trigger_mode="always_last", **PRIVATE_EVENT)
    chosen = panel.model_line.change(on_model, ui.session, ui.suggestions, **PRIVATE_EVENT)
    # The conversation of another image is another one, mostly empty.
    moved = panel.topic.change(show_talk, ui.session, ui.screen, **PRIVATE_EVENT)
    fresh = gr.on([ui.fresh.click, ui.chat.clear], on_fresh, ui.session, ui.screen, **PRIVATE_EVENT)
    undone = ui.chat.undo(on_undo, [ui.session, ui.question], ui.screen, **PRIVATE_EVENT)
    decided = [panel.accept.click, panel.keep.click]
    gr.on(decided, lambda: "", None, ui.trouble, **PRIVATE_EVENT)
    for event in (chosen, moved, fresh, undone):
        event.success(measured, ui.settings, ui.reading, **PRIVATE_EVENT)


def on_ask(session: ChatSession, question: str, *values: Any) -> tuple[Update, ...]:
    """A question was sent: it appears at once, `respond` answers it."""
    problem = _obstacle(session) or ("" if question.strip() else "Type a question first.")
    return _ask(session, question, values, problem)


def on_retry(session: ChatSession, data: gr.RetryData, *values: Any) -> tuple[Update, ...]:
    """The latest question once more, with the settings of now."""
    entry = entry_at(session, data.index)
    problem = "" if entry else "There is nothing to try again."
    return _ask(session, entry.question if entry else "", values, problem, entry and entry.number)


def on_edit(session: ChatSession, data: gr.EditData, *values: Any) -> tuple[Update, ...]:
    """A past question in other words; what was said after it goes."""
    entry, question = entry_at(session, data.index), as_typed(str(data.value))
    problem = "" if entry else "There is nothing to change."
    if not question.strip():
        problem = "A question cannot be empty; this one stays as it was."
    return _ask(session, question, values, problem, entry and entry.number)


def _obstacle(session: ChatSession) -> str:
    """Why nothing can be asked now."""
    if session.offered is not None:
        return OFFERED
    if session.image is None:
        return "Choose an image first."
    return "Wait for the answer, or stop it." if session.is_busy else ""


def _ask(
    session: ChatSession,
    question: str,
    values: tuple[Any, ...],
    problem: str,
    number: int | None = None,
) -> tuple[Update, ...]:
    """Opens a question in place of entry `number`, if any, unless there is a problem."""
    settings = GenerationSettings()
    if session.offered is not None:
        problem = OFFERED
    try:
        settings = with_seed(settings_from(*values)) if values else settings
    except ConfigError as error:
        problem = problem or f"Settings: {str(error).rstrip('.')}."
    if len(question) > LONGEST_QUESTION:
        problem = problem or f"A question may have at most {LONGEST_QUESTION} characters."
    if problem:
        return (*show_talk(session), alert_html(problem), "")
    if number is not None:
        session.cut(number)
    session.ask(question.strip(), settings)
    chat, _, *rest = show_talk(session)
    box = {"value": ""} if number is None else {}
    return (chat, question_box(session, **box), *rest, "", "")


def respond(services: Services, session: ChatSession) -> Iterator[tuple[Update, ...]]:
    """Answer the open question; yields conversation, prompt, meter and seed."""
    entry = session.open_entry
    if entry is not None:
        try:
            for _ in answer(services.engine, session, entry):
                yield chat_of(session), gr.skip(), gr.skip(), gr.skip()
        except Exception as error:
            session.change(entry.number, state="failed", answer=error_message(error, "No answer"))
    seed = entry.settings.decode.seed if entry else None
    settings = entry.settings if entry else GenerationSettings()
    yield chat_of(session), *reading_of(services, session, "", settings), seed_hint(seed)


def on_type(
    services: Services, session: ChatSession, question: str, *values: Any
) -> tuple[Update, Update]:
    """What the model would read, and how much room that takes. Runs no model."""
    try:
        return reading_of(services, session, question, settings_from(*values))
    except ConfigError as error:
        return gr.skip(), usage_problem_html(f"Settings: {str(error).rstrip('.')}.")


def reading_of(
    services: Services, session: ChatSession, question: str, settings: GenerationSettings
) -> tuple[Update, Update]:
    """The prompt, of the latest question where none is typed; and the meter."""
    pair = services.engine.pair(session.model)
    latest = session.entries[-1].prompt if session.entries else ""
    prompt = gr.update(value=latest, label=READ)
    if session.image is None or not pair.loading.done() or pair.loading.exception():
        return prompt, ""
    try:
        taken = measure_context(pair.generator, session.conversation, question, settings)
    except Blip2Error as error:
        return prompt, usage_problem_html(str(error))
    if taken.prompt:
        prompt = gr.update(value=taken.prompt, label=TYPED)
    return prompt, usage_html(taken)


def on_undo(session: ChatSession, question: str, data: gr.UndoData) -> tuple[Update, ...]:
    """The latest question and its answer go; the question is in the box again, if there is room."""
    entry = entry_at(session, data.index)
    if entry is not None:
        session.cut(entry.number)
    chat, box, *rest = show_talk(session)
    if entry is not None and not question.strip():
        box = question_box(session, value=entry.question)
    return (chat, box, *rest)


def on_like(session: ChatSession, data: gr.LikeData) -> tuple[Update, Update]:
    """A thumb was pressed, or pressed again to take it back; asks for the reason."""
    entry = entry_at(session, data.index)
    verdict = AnswerRating(liked=data.liked) if isinstance(data.liked, bool) else None
    judged = session.judge(entry.number, verdict) if entry else None
    session.judged = judged.number if judged else None
    label = "What is good about it? (optional)" if data.liked else "What is wrong? (optional)"
    return chat_of(session), gr.update(value="", label=label, visible=bool(judged and verdict))


def on_reason(session: ChatSession, reason: str) -> tuple[Update, Update]:
    """The reason of the latest verdict."""
    entry = next((e for e in session.entries if e.number == session.judged and e.verdict), None)
    if entry is not None:
        verdict = AnswerRating(liked=entry.verdict.liked, reason=reason.strip()[:LONGEST_REASON])
        session.judge(entry.number, verdict)
    return chat_of(session), gr.update(visible=False)


def keep_feedback(services: Services, session: ChatSession) -> str:
    """Hands the latest verdict to where such things are kept, if there is such a place."""
    entry = next((e for e in session.entries if e.number == session.judged), None)
    if entry is None or services.feedback is None:
        return ""
    try:
        services.feedback(feedback_on(session, entry))
    except Exception as error:
        return alert_html(error_message(error, "Your feedback was not stored"))
    return ""


def on_replay(services: Services, session: ChatSession) -> Iterator[tuple[Update, Update]]:
    """The questions again as they were asked; says which answers differ."""
    if problem := _obstacle(session):
        yield gr.skip(), alert_html(problem)
        return
    words = ""
    for words in replay(services.engine, session):
        yield question_box(session), words
    yield question_box(session), words


def on_stop(session: ChatSession) -> tuple[Update, ...]:
    """Nobody waits for the answer any more: what there is of it stays."""
    session.stop()
    return show_talk(session)


def on_refused(session: ChatSession) -> tuple[Update, ...]:
    """The question never reached the model, for too many wait; or the way back broke off."""
    entry = session.open_entry
    if entry is not None and entry.state == "asked":
        session.change(entry.number, state="failed", answer=CROWDED)
    return on_stop(session)


def on_fresh(session: ChatSession) -> tuple[Update, ...]:
    """Start again with the same image."""
    session.clear()
    return show_talk(session)


def on_model(session: ChatSession) -> list[Update]:
    """Another model answers: it knows other things."""
    return [gr.update(**state) for state in suggestions(session.model)]
