"""The component that holds the address, and what is done where an address is visited."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from app.chat.archive import is_archive, unpack
from app.chat.session import ChatSession
from app.gradio_internals import event_values
from app.roles import Visitor, visitor_of
from app.services import Services
from app.workbench.address.items import open_item
from app.workbench.address.query import KEY, Place, place_from
from app.workbench.address.receipts import path_from, receipt_for
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.image.panel import (
    PanelUpdate,
    caption_image,
    on_example,
    receive_file,
    show_panel,
)
from app.workbench.image.uploaded_files import read_upload
from app.workbench.messages import alert_html
from app.workbench.model_picker import ModelPicker, on_choose
from app.workbench.scripts import bundle
from app.workbench.shared_components import SharedComponents
from blip2core.bundled import SAMPLES
from blip2core.errors import Blip2Error, ImageError
from blip2core.images import content_hash, open_image

_CODE = Path(__file__).with_name("address.js")
_READ = "() => document.dispatchEvent(new Event('address-is-read'))"
NOT_YOURS = (
    "The image of this address is not here: only who uploaded it can open it again, in the same "
    "tab of the browser and for a day. Choose an image of your own."
)
_numbers = itertools.count(time.time_ns() // 1000)
"""Grows over restarts, too, as pages stay open; JavaScript holds such numbers exactly."""


class VisitUpdate(NamedTuple):
    """New values where an address is visited, besides those of the panel."""

    tabs: Update = SKIP
    chooser: Update = SKIP
    timer: Update = SKIP
    address: Update = SKIP
    matched_texts: Update = SKIP
    item_text: Update = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What an address hands over to a tab."""

    item_text: gr.State
    """The text to look inside with, once the image is there."""


def build_address(tabs: Sequence[str]) -> gr.HTML:
    """Draw the component, of which nothing is seen; `tabs` are the names of the tabs in order.

    Its event `visit` says that an address was opened that names something.
    """
    names = json.dumps(list(tabs))
    return gr.HTML(
        "",
        state=None,
        js_on_load=bundle([_CODE], f"keepAddress(props, trigger, watch, {names});"),
        container=False,
        elem_id="address",
        elem_classes="listener",
    )


def wire_address(
    services: Services, shared: SharedComponents, picker: ModelPicker, tabs: Sequence[str]
) -> None:
    """Wire what writes the address and what reads it, once all tabs are drawn."""
    address, panel = shared.address, shared.panel
    given = _Given(item_text=gr.State(""))

    def visit(session: ChatSession, event: gr.EventData, request: gr.Request) -> tuple[Update, ...]:
        visitor = visitor_of(request.headers)
        shown, more = on_visit(services, session, event_values(event), visitor, tabs)
        return (*shown, *more)

    def tell(session: ChatSession, request: gr.Request) -> Update:
        visitor = visitor_of(request.headers)
        receipt = _receipt(session, visitor)
        return place_update(session, services, step=True, receipt=receipt)

    outputs = [*panel.outputs, *components_named(VisitUpdate._fields, shared, picker, given)]
    visited = address.visit(visit, panel.session, outputs, **PRIVATE_EVENT)
    captioned = visited.success(
        partial(caption_image, services), panel.session, panel.caption_outputs, **MODEL_EVENT
    )
    # Last, as what is shown of another image is cleared when the image changes.
    captioned.success(
        lambda text: text or SKIP, given.item_text, panel.inspected_text, **PRIVATE_EVENT
    )
    gr.on(
        [panel.topic.change, shared.model_line.change],
        tell,
        panel.session,
        address,
        **PRIVATE_EVENT,
    )
    shared.page.load(None, None, None, js=_READ)


def on_visit(
    services: Services,
    session: ChatSession,
    sent: Mapping[str, Any],
    visitor: Visitor,
    tabs: Sequence[str],
) -> tuple[PanelUpdate, VisitUpdate]:
    """Open what an address names, as far as this visitor may; say what was left out."""
    place = place_from(sent.get("query"))
    problems = []
    model = place.model or services.settings.model
    if model != session.model and (problem := on_choose(services, session, model, visitor)):
        problems.append(problem)
    texts: list[str] = []
    inspected = ""
    try:
        if place.item is not None:
            opened = open_item(services, visitor, place.item, place.text)
            session.receive(opened.image)
            texts, inspected = opened.texts, opened.chosen
            shown = show_panel(session)
            shown = shown._replace(notice=opened.notice)
        elif place.image or sent.get("arrival") is not True:
            shown = _open_image(session, place, sent.get("receipt"), visitor)
        else:  # what a visitor finds is there, or another image that was chosen meanwhile
            shown = PanelUpdate()
    except Blip2Error as error:
        shown = show_panel(session)
        problems.append(str(error))
    if problems:
        shown = shown._replace(notice=alert_html(" ".join(problems)))
    session.inspected_text = inspected or session.inspected_text
    tab = place.tab if place.tab in tabs else tabs[0]
    return shown, VisitUpdate(
        tabs=gr.Tabs(selected=tab),
        chooser=session.model,
        timer=gr.Timer(active=True),
        address=place_update(session, services, visited=True),
        matched_texts="\n".join(texts) if texts else SKIP,
        item_text=inspected,
    )


def _open_image(session: ChatSession, place: Place, receipt: Any, visitor: Visitor) -> PanelUpdate:
    """Show the image that an address names, or what a visitor finds on arrival."""
    key = place.image
    if not key:
        session.receive_arrival()
        return show_panel(session)
    if session.image is not None and session.image.key == key:
        return show_panel(session)
    if not KEY.fullmatch(key):
        raise ImageError("The address names an image in a way that no image is named.")
    if sample := _samples().get(key):
        return on_example(sample, session)
    path = path_from(receipt, visitor.name, key)
    if path is None:
        raise ImageError(NOT_YOURS)
    data = read_upload(path)
    if is_archive(data):
        session.receive_conversation(unpack(data, path))
        return show_panel(session)
    return receive_file(session, data, Path(path).name, path)


@cache
def _samples() -> dict[str, Path]:
    """Key -> file of each sample image, which everybody may see."""
    return {content_hash(open_image(path)): path for path in sorted(SAMPLES.glob("*.png"))}


def place_of(session: ChatSession, services: Services) -> dict[str, str]:
    """Return the fields of the address that a session fills; empty: as on arrival."""
    image, default = session.image, services.settings.model
    is_arrival = image is None or (session.stored is not None and session.stored.kind == "example")
    item = image.item if image is not None else None
    return {
        "model": "" if session.model == default else session.model,
        "image": "" if is_arrival or item is not None or image is None else image.key,
        "item": "" if item is None else str(item),
    }


def _receipt(session: ChatSession, visitor: Visitor) -> str:
    image = session.image
    return receipt_for(visitor.name, image.key, image.path) if image and image.path else ""


def place_update(
    session: ChatSession,
    services: Services,
    *,
    step: bool = False,
    visited: bool = False,
    receipt: str = "",
) -> Update:
    """Return what the browser writes of a session into the address; `step`: "back" undoes it;
    `visited`: it is what became of an address that was visited.
    """
    number = next(_numbers)  # before the session is read: the later number has seen no less
    told = {"place": place_of(session, services), "step": step, "visited": visited}
    return gr.update(state={**told, "receipt": receipt, "number": number})


def fields_update(fields: Mapping[str, str]) -> Update:
    """Return what the browser writes of settings into the address."""
    # with a number, as equal states would not be told
    return gr.update(state={"place": fields, "number": next(_numbers)})
