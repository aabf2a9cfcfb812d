"""Talk about one picture: answers stream in, and know what was said before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.lane import MODEL_LANE, QUIET, Update, explain, notice, until_done
from app.looking import encoded
from app.models import Pair
from app.services import Services
from app.transcript import Message, transcript
from app.visit import Entry, Visit
from blip2core.chat import prompt_for, reply
from blip2core.config import DecodeConfig
from blip2core.records import Conversation

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures


def build_chat_tab(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the tab inside the page that is being built."""
    ui = SimpleNamespace(visit=panel.visit, notice=panel.notice)
    _draw(ui)
    _wire(ui, services)
    # The conversation of another picture is another one, mostly empty.
    panel.topic.change(show_talk, ui.visit, [ui.chat, ui.question], **QUIET)


def _draw(ui: SimpleNamespace) -> None:
    ui.chat = gr.Chatbot(
        label="Conversation",
        placeholder="Ask about the picture; the answers know what was said before.",
        buttons=[],
        height=420,
        layout="bubble",
        render_markdown=False,
        group_consecutive_messages=False,
        allow_tags=False,
        feedback_options=None,
        elem_id="chat",
    )
    ui.question = gr.Textbox(
        label="Your question",
        placeholder="What animal is there?",
        submit_btn="Ask",
        max_length=2000,
        elem_id="question",
    )
    with gr.Row(elem_id="talk-bar"):
        gr.HTML("<kbd>/</kbd> to type, <kbd>Esc</kbd> to stop", elem_id="keys", container=False)
        ui.fresh = gr.Button("New conversation", size="sm", elem_id="fresh", scale=0)
    with gr.Accordion("What the model reads", open=False):
        ui.prompt = gr.Textbox(
            label="Prompt of the latest question, after the picture",
            interactive=False,
            lines=3,
            elem_id="prompt",
        )


def _wire(ui: SimpleNamespace, services: Services) -> None:
    talk = [ui.chat, ui.question]
    asked = ui.question.submit(on_ask, [ui.visit, ui.question], [*talk, ui.notice], **QUIET)
    answered = asked.success(
        partial(respond, services), ui.visit, [ui.chat, ui.prompt], **MODEL_LANE
    )
    # Never .then(): after a failed event the browser runs .failure() listeners only.
    answered.success(show_talk, ui.visit, talk, **QUIET)
    answered.failure(on_stop, ui.visit, talk, **QUIET)
    ui.question.stop(on_stop, ui.visit, talk, **QUIET)
    gr.on([ui.fresh.click, ui.chat.clear], on_fresh, ui.visit, talk, **QUIET)


def on_ask(visit: Visit, question: str) -> tuple[Update, ...]:
    """A question was sent: it appears at once, `respond` answers it."""
    if visit.offered is not None:
        problem = "First say whether the new picture may start a new conversation."
    elif visit.picture is None:
        problem = "Choose a picture first."
    elif not question.strip():
        problem = "Type a question first."
    else:
        problem = "Wait for the answer, or stop it." if visit.open_entry else ""
    if problem:
        return (*show_talk(visit), notice(problem))
    visit.ask(question.strip())
    return transcript(visit), _question_box(visit, value=""), notice("")


def respond(services: Services, visit: Visit) -> Iterator[tuple[list[Message], Update]]:
    """Answer the open question; yields the conversation and the prompt that was read."""
    entry, prompt = visit.open_entry, gr.skip()
    if entry is not None:
        try:
            for prompt in _answer(services, visit, entry):
                yield transcript(visit), prompt
        except Exception as error:
            visit.change(entry.number, state="failed", answer=explain(error, "No answer"))
    yield transcript(visit), prompt


def _answer(services: Services, visit: Visit, entry: Entry) -> Iterator[str]:
    """Lets the entry grow until it is answered or nobody waits for it; yields the prompt."""
    pair = services.engine.pair(visit.model)
    for _ in until_done(pair.loading):
        if not visit.change(entry.number, state="loading"):
            return
        yield ""
    decode = DecodeConfig(max_new_tokens=services.settings.max_new_tokens)
    picture = encoded(services, visit, visit.picture)
    talk = visit.conversation
    prompt = prompt_for(pair.generator, talk, entry.question, decode)
    visit.change(entry.number, state="answering", dropped=prompt.dropped)
    yield prompt.text
    asked = (picture.features, talk, entry.question, decode)
    words = services.engine.each(write_answer, visit.model, *asked, stop=entry.stop)
    with closing(words):
        for answer in words:
            if not visit.change(entry.number, answer=answer):
                return
            yield prompt.text
    visit.change(entry.number, state="answered")


def write_answer(
    pair: Pair,
    features: ImageFeatures,
    talk: Conversation,
    question: str,
    decode: DecodeConfig,
    *,
    stop: threading.Event | None,
) -> Iterator[str]:
    """Done by the engine: the answer as it grows."""
    answers = reply(pair.generator, features, talk, question, decode=decode, stop=stop)
    with closing(answers):
        yield from answers


def on_stop(visit: Visit) -> tuple[Update, ...]:
    """Nobody waits for the answer any more: what there is of it stays."""
    visit.stop()
    return show_talk(visit)


def on_fresh(visit: Visit) -> tuple[Update, ...]:
    """Start again with the same picture."""
    visit.clear()
    return show_talk(visit)


def show_talk(visit: Visit) -> tuple[list[Message], Update]:
    """The conversation, and the question box."""
    return transcript(visit), _question_box(visit)


def _question_box(visit: Visit, **changes: Any) -> Update:
    """The box with the button that applies: Ask or Stop."""
    if visit.open_entry is None:
        return gr.update(submit_btn="Ask", stop_btn=False, **changes)
    return gr.update(submit_btn=False, stop_btn="Stop", **changes)
