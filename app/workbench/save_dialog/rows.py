"""The "Save to dataset" button of a table row, and of a tab."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.inference.capfilt_tasks import CapFiltSession
from app.services import Services
from app.workbench.events import PRIVATE_EVENT
from app.workbench.save_dialog.dialog import SaveUpdate, show_offer
from app.workbench.save_dialog.offers import SaveOffer, offer_of_chat, offer_of_row
from app.workbench.shared_components import SharedComponents
from blip2core.errors import StorageError

_AT_ONCE: dict[str, Any] = PRIVATE_EVENT | {"queue": False}


def connect_save_rows(table: gr.HTML, shared: SharedComponents, services: Services) -> None:
    """Let the rows of a table about the visitor's image open the dialog with their text."""

    def on_row(session: ChatSession, event: gr.EventData, request: gr.Request) -> SaveUpdate:
        text = event_values(event).get("text")
        return show_offer(services, request, lambda: offer_of_row(session, text))

    if shared.saving is not None:
        table.save(on_row, shared.session, shared.saving.outputs, **_AT_ONCE)


def build_chat_saving(shared: SharedComponents, services: Services) -> None:
    """Draw the button that opens the dialog with the image, its caption and the answers."""

    def on_press(session: ChatSession, request: gr.Request) -> SaveUpdate:
        return show_offer(services, request, lambda: offer_of_chat(session))

    if shared.saving is not None:
        button = _button("chat-save")
        button.click(on_press, shared.session, shared.saving.outputs, **_AT_ONCE)


def build_pair_saving(shared: SharedComponents, services: Services, pairs: gr.State) -> None:
    """Draw the button that opens the dialog with the pairs that were decided about."""

    def on_press(pairs: CapFiltSession, request: gr.Request) -> SaveUpdate:
        return show_offer(services, request, lambda: _offer_of_pairs(pairs))

    if shared.saving is not None:
        _button("pair-save").click(on_press, pairs, shared.saving.outputs, **_AT_ONCE)


def _offer_of_pairs(pairs: CapFiltSession) -> SaveOffer:
    if not any(text.verdict for card in pairs.cards for text in card.texts):
        raise StorageError("Accept or reject a text first.")
    return SaveOffer(pairs=pairs, cards=tuple(pairs.cards))


def _button(elem_id: str) -> gr.Button:
    return gr.Button(
        "Save to dataset",
        size="sm",
        scale=0,
        min_width=140,
        elem_id=elem_id,
        elem_classes="save-button",
    )
