"""The tab to talk about one image: its components and their events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from app.chat.feedback import LONGEST_REASON
from app.chat.session import ChatSession
from app.services import Services
from app.workbench.address.settings import QUESTION, connect_settings
from app.workbench.chat_tab.handlers import (
    PROMPT_READ,
    AnswerUpdate,
    AskUpdate,
    RatingUpdate,
    ReadingUpdate,
    ReplayUpdate,
    on_ask,
    on_ask_anyway,
    on_edit,
    on_go_on,
    on_like,
    on_model_change,
    on_new_conversation,
    on_reason,
    on_refused,
    on_replay,
    on_retry,
    on_stop_answer,
    on_suggestion,
    on_type,
    on_undo,
    respond,
    store_feedback,
)
from app.workbench.chat_tab.saving import build_saving
from app.workbench.chat_tab.suggestions import build_suggestions, suggestions_html
from app.workbench.chat_tab.transcript import transcript
from app.workbench.chat_tab.updates import ChatUpdate, origin_html, show_chat
from app.workbench.chat_tab.why import WhyUpdate, on_why
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, WAITING, components_named
from app.workbench.save_dialog.rows import build_chat_saving
from app.workbench.scripts import bundle
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets.generation_controls import QuestionControls, build_controls
from blip2core.models.specs import find_spec

_HERE = Path(__file__).parent
CHAT_HEIGHT = "clamp(16rem, calc(100vh - 24.5rem), 44rem)"
"""The question box stands below it on the first screen, from 1280 x 800 on. The bounds are also
for a page in a frame that grows with what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTab:
    """The components of the tab."""

    session: gr.State
    """The visitor's `ChatSession`."""
    origin: gr.HTML
    """Where the conversation came from."""
    replay: gr.Button
    replay_message: gr.HTML
    chat: gr.Chatbot
    answers: gr.HTML
    """Shows nothing: the buttons below the answers speak through it."""
    reason: gr.Textbox
    """Asks why an answer was liked or disliked."""
    question: gr.Textbox
    waiting: gr.HTML
    """How many are ahead in the queue, and since when."""
    trouble: gr.HTML
    """Why a question was not asked."""
    suggestions: gr.HTML
    """What the model can be asked, one press away."""
    context_bar: gr.HTML
    """How much of the context is used."""
    fresh: gr.Button
    """Begins a new conversation."""
    controls: QuestionControls
    prompt: gr.Textbox
    """What the model reads."""

    @property
    def settings(self) -> list[Component]:
        """The session and the settings of a question, as the handlers take them."""
        return [self.session, *self.controls.inputs]

    @property
    def typed(self) -> list[Component]:
        """The session, the question and its settings, as the handlers take them."""
        return [self.session, self.question, *self.controls.inputs]

    @property
    def outputs(self) -> list[Component]:
        """The components that a `ChatUpdate` fills."""
        return components_named(ChatUpdate._fields, self)

    @property
    def reading_outputs(self) -> list[Component]:
        """The components that a `ReadingUpdate` fills."""
        return components_named(ReadingUpdate._fields, self)


class _Conversation(NamedTuple):
    """The components at the top of the tab."""

    origin: gr.HTML
    replay: gr.Button
    replay_message: gr.HTML
    chat: gr.Chatbot
    answers: gr.HTML
    reason: gr.Textbox


def build_chat_tab(services: Services, shared: SharedComponents) -> None:
    """Draw and wire the tab inside the page that is being built."""
    tab = _build(services, shared)
    _wire_asking(tab, services, shared)
    _wire_messages(tab, services, shared)
    _wire_others(tab, services, shared)
    connect_settings(shared.address, QUESTION, tab.controls.inputs)


def _build(services: Services, shared: SharedComponents) -> ChatTab:
    arrival: ChatSession = shared.session.value
    top = _build_conversation(arrival)
    # Nothing else fills it: what fills a component takes away the place in the queue shown on it.
    waiting = gr.HTML(elem_id="waiting", container=False)
    question = gr.Textbox(
        label="Your question",
        placeholder="Ask about the image",
        submit_btn="Ask",
        elem_id="question",
    )
    trouble = gr.HTML(elem_id="trouble", container=False, elem_classes="notice")
    suggestions = build_suggestions(arrival)
    with gr.Row(elem_id="talk-bar"):
        context_bar = gr.HTML(elem_id="context-bar", container=False, scale=4)
        fresh = gr.Button("New conversation", size="sm", elem_id="fresh", scale=0)
        build_chat_saving(shared, services)
    with gr.Accordion("Settings", open=False):
        own = find_spec(arrival.model).history
        controls = build_controls(services.settings.max_new_tokens, own)
    with gr.Accordion("What the model reads", open=False):
        prompt = gr.Textbox(
            label=PROMPT_READ,
            info="After the image.",
            interactive=False,
            lines=3,
            elem_id="prompt",
        )
    with gr.Accordion("Save and load", open=False):
        build_saving(services, shared.panel)
    gr.HTML("<kbd>/</kbd> to type, <kbd>Esc</kbd> to stop", elem_id="keys", container=False)
    return ChatTab(
        session=shared.session,
        origin=top.origin,
        replay=top.replay,
        replay_message=top.replay_message,
        chat=top.chat,
        answers=top.answers,
        reason=top.reason,
        question=question,
        waiting=waiting,
        trouble=trouble,
        suggestions=suggestions,
        context_bar=context_bar,
        fresh=fresh,
        controls=controls,
        prompt=prompt,
    )


def _build_conversation(arrival: ChatSession) -> _Conversation:
    with gr.Row(elem_id="origin-bar"):
        origin = gr.HTML(origin_html(arrival), elem_id="origin", container=False, scale=4)
        replay = gr.Button(
            "Replay", size="sm", scale=0, min_width=90, visible=arrival.stored is not None
        )
    replay_message = gr.HTML(elem_id="replayed", container=False, elem_classes="notice")
    messages: Any = transcript(arrival)  # Gradio's MessageDict is not public
    chat = gr.Chatbot(
        messages,
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
    start = 'listenToAnswers(trigger); // Python listens to "why" and "go_on".'
    answers = gr.HTML(
        js_on_load=bundle([_HERE / "answers.js"], start),
        apply_default_css=False,
        container=False,
        elem_id="answers",
        elem_classes="listener",
    )
    reason = gr.Textbox(
        label="Why? (optional)",
        placeholder="In your own words",
        submit_btn="Save",
        max_length=LONGEST_REASON,
        visible=False,
        elem_id="why",
    )
    return _Conversation(origin, replay, replay_message, chat, answers, reason)


def _wire_asking(tab: ChatTab, services: Services, shared: SharedComponents) -> None:
    outputs = components_named(AskUpdate._fields, tab, shared.panel)
    asked = [tab.question.submit(on_ask, tab.typed, outputs, **PRIVATE_EVENT)]
    asked.append(tab.suggestions.ask(on_suggestion, tab.settings, outputs, **PRIVATE_EVENT))
    asked.append(tab.chat.retry(on_retry, tab.settings, outputs, **PRIVATE_EVENT))
    asked.append(tab.chat.edit(on_edit, tab.settings, outputs, **PRIVATE_EVENT))
    asked.append(tab.suggestions.ask_anyway(on_ask_anyway, tab.settings, outputs, **PRIVATE_EVENT))
    asked.append(tab.answers.go_on(on_go_on, tab.session, outputs, **PRIVATE_EVENT))
    for event in asked:
        answered = event.success(
            partial(respond, services),
            tab.session,
            components_named(AnswerUpdate._fields, tab, tab.controls.decoding),
            **MODEL_EVENT | WAITING,
            show_progress_on=tab.waiting,
        )
        # Never .then(): after a failed event the browser runs .failure() listeners only.
        answered.success(show_chat, tab.session, tab.outputs, **PRIVATE_EVENT)
        answered.success(suggestions_html, tab.session, tab.suggestions, **PRIVATE_EVENT)
        answered.failure(on_refused, tab.session, tab.outputs, **PRIVATE_EVENT)
    tab.question.stop(on_stop_answer, tab.session, tab.outputs, **PRIVATE_EVENT)


def _wire_messages(tab: ChatTab, services: Services, shared: SharedComponents) -> None:
    questioned = components_named(WhyUpdate._fields, shared, shared.panel, tab)
    tab.answers.why(on_why, tab.session, questioned, **PRIVATE_EVENT)
    outputs = components_named(RatingUpdate._fields, tab)
    liked = tab.chat.like(on_like, tab.session, outputs, **PRIVATE_EVENT)
    said = tab.reason.submit(on_reason, [tab.session, tab.reason], outputs, **PRIVATE_EVENT)
    for event in (liked, said):
        event.success(partial(store_feedback, services), tab.session, tab.trouble, **PRIVATE_EVENT)


def _wire_others(tab: ChatTab, services: Services, shared: SharedComponents) -> None:
    session, outputs, panel = tab.session, tab.outputs, shared.panel
    replayed = tab.replay.click(
        partial(on_replay, services),
        session,
        components_named(ReplayUpdate._fields, tab),
        **MODEL_EVENT,
    )
    replayed.failure(on_stop_answer, session, outputs, **PRIVATE_EVENT)
    measured, reading = partial(on_type, services), tab.reading_outputs
    typing = [tab.question.input, *(control.change for control in tab.controls.inputs)]
    gr.on(typing, measured, tab.typed, reading, trigger_mode="always_last", **PRIVATE_EVENT)
    chosen = shared.model_line.change(
        on_model_change, session, [tab.suggestions, tab.controls.history], **PRIVATE_EVENT
    )
    # The conversation of another image is another one, mostly empty.
    moved = panel.topic.change(show_chat, session, outputs, **PRIVATE_EVENT)
    cleared = [tab.fresh.click, tab.chat.clear]
    fresh = gr.on(cleared, on_new_conversation, session, outputs, **PRIVATE_EVENT)
    undone = tab.chat.undo(on_undo, [session, tab.question], outputs, **PRIVATE_EVENT)
    decided = [panel.accept.click, panel.keep.click]
    gr.on(decided, lambda: "", None, tab.trouble, **PRIVATE_EVENT)
    for event in (moved, fresh, undone):
        event.success(suggestions_html, session, tab.suggestions, **PRIVATE_EVENT)
    for event in (chosen, moved, fresh, undone):
        event.success(measured, tab.typed, reading, **PRIVATE_EVENT)
