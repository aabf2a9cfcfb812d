"""What a visitor does with pairs: move the threshold, accept, reject, edit, ask why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from app.chat.image import image_from
from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.inference.capfilt_tasks import (
    CapFiltSession,
    score_edited,
    text_of,
    with_text,
)
from app.inference.failures import error_message
from app.inference.features import encode_for_matcher
from app.services import Services
from app.workbench.capfilt_tab.cards import cards_html, summary_html
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.image.panel import PanelUpdate, caption_image, show_panel
from app.workbench.save_dialog.rows import build_pair_saving
from app.workbench.shared_components import SharedComponents
from app.workbench.widgets import tables
from blip2core.errors import Blip2Error
from blip2core.images import open_image
from blip2core.records import ReviewedText
from blip2core.texts import clean_text, count_of

LONGEST_EDIT = 1000
"""Characters of an edited text."""
AT_ONCE: dict[str, Any] = PRIVATE_EVENT | {"queue": False}
"""Options of an event that needs no model: it is handled at once, also while the model works."""


class PairsUpdate(NamedTuple):
    """New values after something was done with a pair."""

    pairs: Update
    message: Update
    cards: Update = SKIP
    undo: Update = SKIP
    """Shown while there is something that was accepted together."""


class WhyUpdate(NamedTuple):
    """New values of the tab that looks inside, and a message."""

    inspected_text: Update = SKIP
    tabs: Update = SKIP
    why_message: Update = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairActions:
    """The components for all pairs at once, above the cards."""

    threshold: gr.Slider
    """The ITM from which on a text is kept."""
    accept_kept: gr.Button
    """Accepts what the filter keeps."""
    undo: gr.Button
    """Takes that back."""
    why_message: gr.HTML
    """Why there is no look inside."""


def build_actions(shared: SharedComponents, services: Services, pairs: gr.State) -> PairActions:
    """Draw the components for all pairs at once inside the tab that is being built."""
    with gr.Row(elem_classes="buttons"):
        threshold = gr.Slider(
            0,
            1,
            0.5,
            step=0.01,
            label="Keep texts with an ITM of at least",
            buttons=[],
            min_width=320,
            elem_id="pair-threshold",
        )
        accept_kept = gr.Button(
            "Accept all kept", size="sm", scale=0, min_width=150, elem_id="accept-kept"
        )
        undo = gr.Button(
            "Undo", size="sm", scale=0, min_width=150, visible=False, elem_id="accept-undo"
        )
        build_pair_saving(shared, services, pairs)
    return PairActions(
        threshold=threshold,
        accept_kept=accept_kept,
        undo=undo,
        why_message=gr.HTML(container=False, elem_classes="status-area"),
    )


def wire_actions(
    actions: PairActions,
    services: Services,
    shared: SharedComponents,
    *,
    pairs: gr.State,
    message: gr.HTML,
    cards: gr.HTML,
) -> None:
    """Wire the threshold, the components for all pairs, and the buttons on the cards."""
    shown = [pairs, message, cards, actions.undo]
    actions.threshold.input(
        on_threshold, [pairs, actions.threshold], shown, trigger_mode="always_last", **AT_ONCE
    )
    cards.decide(on_decide, pairs, shown, **AT_ONCE)
    actions.accept_kept.click(on_accept_kept, pairs, shown, **AT_ONCE)
    actions.undo.click(on_undo_accept, pairs, shown, **AT_ONCE)
    cards.edit(edit_of(services), pairs, shown, **MODEL_EVENT)
    inside = components_named(WhyUpdate._fields, shared.panel, shared, actions)

    def ask_why(
        session: ChatSession, pairs: CapFiltSession, event: gr.EventData
    ) -> tuple[Update, ...]:
        panel, more = on_why(session, pairs, event)
        return *panel, *more

    why = cards.why(
        ask_why, [shared.session, pairs], [*shared.panel.outputs, *inside], **PRIVATE_EVENT
    )
    why.success(
        partial(caption_image, services),
        shared.session,
        shared.panel.caption_outputs,
        **MODEL_EVENT,
    )


def on_threshold(pairs: CapFiltSession, value: Any) -> PairsUpdate:
    """Filter again by another threshold; the scores stay the same."""
    if isinstance(value, int | float) and 0 <= value <= 1:
        pairs.rules = replace(pairs.rules, threshold=float(value))
    return _show(pairs)


def on_decide(pairs: CapFiltSession, event: gr.EventData) -> PairsUpdate:
    """Accept or reject a text, or take that back: a page says what is to be, and not what is to
    change, as another page of the same visitor may have changed it meanwhile.
    """
    sent = event_values(event)
    verdict = sent.get("verdict")
    try:
        if verdict in ("accepted", "rejected", ""):
            card = pairs.card(sent.get("run"), sent.get("card"))
            pairs.set_verdict(card, sent.get("text"), verdict)
    except Blip2Error as error:
        return _show(pairs, str(error))
    return _show(pairs)


def on_accept_kept(pairs: CapFiltSession) -> PairsUpdate:
    """Accept everything that the filter keeps and nobody decided about yet."""
    pairs.accept_kept()
    return _show(pairs)


def on_undo_accept(pairs: CapFiltSession) -> PairsUpdate:
    """Take back what was accepted together last."""
    pairs.undo_accept()
    return _show(pairs)


def edit_of(services: Services) -> Any:
    """Return the listener of an edit; Gradio finds the event by its annotation."""

    def edit(pairs: CapFiltSession, event: gr.EventData) -> Iterator[PairsUpdate]:
        yield PairsUpdate(pairs, tables.status_html("The edited text is being scored."))
        yield on_edit_text(services, pairs, event_values(event))

    return edit


def on_edit_text(services: Services, pairs: CapFiltSession, sent: Any) -> PairsUpdate:
    """Add an edited text as a text of its own, scored like the others."""
    run = sent.get("run")
    try:
        card = pairs.card(run, sent.get("card"))
        parent = text_of(card, sent.get("text"))
        words = clean_text(str(sent.get("words") or ""))[:LONGEST_EDIT]
        if not words or words == parent.words:
            return _show(pairs)
        model, features = pairs.batch.request.model, card.features
        if features is None:
            image = open_image(card.data)
            features = services.engine.call(encode_for_matcher, model, image)
        scored = services.engine.call(score_edited, model, features, words)
        card = pairs.card(run, card.number)  # changed meanwhile, perhaps
        card = replace(card, features=features)
        number = 1 + max(text.number for text in card.texts)
        pairs.replace_card(
            with_text(card, ReviewedText(number=number, scored=scored, parent=parent.number))
        )
    except Exception as error:
        return _show(pairs, error_message(error, "Not scored"))
    return _show(pairs)


def on_why(
    session: ChatSession, pairs: CapFiltSession, event: gr.EventData
) -> tuple[PanelUpdate, WhyUpdate]:
    """Make the image of a card the visitor's, and open the tab that looks inside with a text."""
    try:
        sent = event_values(event)
        card = pairs.card(sent.get("run"), sent.get("card"))
        text = text_of(card, sent.get("text"))
        image = image_from(card.data, card.name)
    except Blip2Error as error:
        told = tables.status_html(str(error), problem=True)
        return PanelUpdate(), WhyUpdate(why_message=told)
    session.receive(image)
    panel = show_panel(session)
    if not session.is_about(image):  # it is offered, and the panel asks the visitor about it
        return panel, WhyUpdate()
    session.inspected_text = text.words
    return panel, WhyUpdate(inspected_text=text.words, tabs=gr.Tabs(selected="inside"))


def _show(pairs: CapFiltSession, problem: str = "") -> PairsUpdate:
    """Return the pairs, a message about them, and the cards."""
    message = tables.status_html(problem, problem=True) if problem else ""
    if pairs.batch.is_running:
        done, total = pairs.batch.done, len(pairs.batch.items)
        message += tables.progress_html(done, total, f"{done} of {total}")
    message += summary_html(pairs) + tables.problems_html(pairs.problems)
    return PairsUpdate(pairs, message, cards_html(pairs), undo_button(pairs))


def undo_button(pairs: CapFiltSession) -> Update:
    """Return the state of the button that takes back what was accepted together last."""
    together = pairs.accepted_at_once
    label = f"Undo: accept {count_of(len(together[-1]), 'text')}" if together else "Undo"
    return gr.update(value=label, visible=bool(together))
