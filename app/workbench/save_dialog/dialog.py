"""The dialog "Save to dataset": one for the whole page, opened by a button of any tab.

dialog.js shows what this module writes as a modal dialog and remembers the dataset that was chosen
last; dialog.css is part of the page's style sheet. Who may not save sees no button of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from gradio.components import Component

from app.gradio_internals import event_values
from app.inference.failures import error_message
from app.roles import visitor_of
from app.services import Services
from app.settings import has_login
from app.workbench.address.items import review_address
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
from app.workbench.save_dialog.offers import SaveOffer, TextOffer
from app.workbench.scripts import bundle
from app.workbench.widgets import tables
from blip2core.errors import Blip2Error
from blip2core.records import DOUBT_WARNING
from blip2core.texts import clean_text, count_of

if TYPE_CHECKING:
    from app.workbench.save_dialog.saving import Saved
    from blip2core.curation.pairs import StoredImage

_HERE = Path(__file__).parent
LONGEST_NAME = 200
"""Characters of the name of a dataset."""
MOST_LINKS = 12
"""Images that are linked by name after they were saved."""
NOT_ALLOWED = "Saving to a dataset is for curators: log in as one, or save a file instead."
GONE = "This dialog is out of date: close it, and press the button again."


class SaveUpdate(NamedTuple):
    """New values of the two components."""

    offer: Update
    dialog: Update


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveDialog:
    """The components of the dialog."""

    offer: gr.State
    """The visitor's `SaveOffer`, None before the first one."""
    dialog: gr.HTML
    """Its `submit` event tells what was chosen: offer, dataset, texts."""

    @property
    def outputs(self) -> list[Component]:
        """The components that a `SaveUpdate` fills."""
        return [self.offer, self.dialog]


def build_save_dialog(services: Services, page: gr.Blocks) -> SaveDialog | None:
    """Draw and wire the dialog inside the page that is being built; None without a database."""
    if services.database is None:
        return None
    logs_in = has_login(services.settings)
    saving = SaveDialog(
        offer=gr.State(None),
        dialog=gr.HTML(
            visible=not logs_in,
            js_on_load=bundle([_HERE / "dialog.js"], "listenToSaving(element, trigger, watch);"),
            apply_default_css=False,
            container=False,
            elem_id="save-dialog",
            elem_classes="listener",
        ),
    )
    saving.dialog.submit(_submit_of(services), saving.offer, saving.outputs, **MODEL_EVENT)
    if logs_in:
        page.load(show_to_curators, None, saving.dialog, queue=False, **PRIVATE_EVENT)
    return saving


def show_to_curators(request: gr.Request) -> Update:
    """Draw the dialog, and with it the buttons that open it, for those who may save."""
    return gr.update(visible=visitor_of(request.headers).may("keep"))


def show_offer(
    services: Services, request: gr.Request, find: Callable[[], SaveOffer]
) -> SaveUpdate:
    """Open the dialog with what `find` returns; what that raises is told in the dialog."""
    if not visitor_of(request.headers).may("keep"):
        return SaveUpdate(None, message_html(NOT_ALLOWED))
    try:
        offer = find()
        return SaveUpdate(offer, offer_html(offer, _datasets(services)))
    except Exception as error:
        return SaveUpdate(None, message_html(error_message(error, "Nothing to save")))


def _submit_of(services: Services) -> Any:
    """Return the listener that saves; Gradio finds event and request by their annotations."""

    def submit(offer: SaveOffer | None, event: gr.EventData, request: gr.Request) -> SaveUpdate:
        return on_submit(services, offer, event_values(event), request)

    return submit


def on_submit(
    services: Services, offer: SaveOffer | None, sent: dict[str, Any], request: gr.Request
) -> SaveUpdate:
    """Save what was chosen in the dialog, and say what is in the dataset now."""
    visitor = visitor_of(request.headers)
    if not visitor.may("keep"):
        return SaveUpdate(None, message_html(NOT_ALLOWED))
    if offer is None or sent.get("offer") != offer.uid:
        return SaveUpdate(None, message_html(GONE))
    dataset = clean_text(str(sent.get("dataset") or ""))
    places = sent.get("texts")
    places = places if isinstance(places, list) else []
    chosen = [text for place, text in enumerate(offer.texts) if place in places]
    try:
        if len(dataset) > LONGEST_NAME:
            raise Blip2Error(f"The name of a dataset has at most {LONGEST_NAME} characters.")
        from app.workbench.save_dialog.saving import save_offer  # the database; not everywhere

        saved = save_offer(
            services, offer, chosen, dataset=dataset, annotator=visitor.name or "workbench"
        )
    except Exception as error:
        told = tables.status_html(error_message(error, "Not saved"), problem=True)
        return SaveUpdate(offer, offer_html(offer, _datasets(services), told))
    return SaveUpdate(None, saved_html(saved, dataset))


def _datasets(services: Services) -> list[str]:
    from blip2core.storage.datasets import dataset_names

    if services.database is None:
        return []
    with services.database.read() as session:
        return sorted(dataset_names(session).values(), key=str.casefold)


def message_html(told: str) -> str:
    """Return HTML of a dialog that only tells something."""
    return _dialog(tables.status_html(told, problem=True) + _buttons(""))


def offer_html(offer: SaveOffer, datasets: Sequence[str], told: str = "") -> str:
    """Return HTML of the dialog: what is saved, and the dataset; `told` is HTML above the buttons.

    Without datasets the name of a new one is asked for.
    """
    names = "".join(f"<option>{escape(name)}</option>" for name in datasets)
    new = '<option value="" data-new>A new dataset …</option>'
    return _dialog(
        f'<form data-offer="{offer.uid}">{_what(offer)}'
        f"<label>Dataset <select name=dataset>{names}{new}</select></label>"
        '<label class="new">Its name <input name="new" value="workbench" '
        f'maxlength="{LONGEST_NAME}" autocomplete="off"></label>{told}{_buttons("Save")}</form>'
    )


def _what(offer: SaveOffer) -> str:
    if offer.pairs is not None:
        verdicts = [text.verdict for card in offer.cards for text in card.texts]
        images = sum(any(text.verdict for text in card.texts) for card in offer.cards)
        accepted = count_of(verdicts.count("accepted"), "accepted text")
        rejected = count_of(verdicts.count("rejected"), "rejected text")
        return f"<p>{accepted} and {rejected} of {count_of(images, 'image')}.</p>"
    name = escape(offer.image.name if offer.image else "")
    ticks = "".join(_tick(place, text) for place, text in enumerate(offer.texts))
    texts = f"<fieldset><legend>With these texts</legend>{ticks}</fieldset>" if ticks else ""
    warning = f'<p class="doubted">{DOUBT_WARNING}</p>' if offer.doubted else ""
    return f"<p>The image <b>{name}</b>.</p>{warning}{texts}"


def _tick(place: int, text: TextOffer) -> str:
    ticked = " checked" if text.chosen else ""
    return (
        f'<label class="tick"><input type="checkbox" name="text" value="{place}"{ticked}>'
        f"<span>{escape(text.words)} <small>{escape(text.label)}</small></span></label>"
    )


def saved_html(saved: Saved, dataset: str) -> str:
    """Return HTML that says what is in the dataset, and what had been there before."""
    texts = [count_of(saved.accepted, "accepted text")] if saved.accepted else []
    texts += [count_of(saved.rejected, "rejected text")] if saved.rejected else []
    what = f" with {' and '.join(texts)}" if texts else ""
    told = f"Saved to {dataset}: {count_of(len(saved.images), 'image')}{what}."
    old_images = sum(not one.is_new for one in saved.images)
    old_texts = sum(one.known for one in saved.images)
    known = [count_of(old_images, "image")] if old_images else []
    known += [count_of(old_texts, "text")] if old_texts else []
    if known:
        verb = "was" if old_images + old_texts == 1 else "were"
        told += f" Of these {' and '.join(known)} {verb} there before."
    links = "".join(_link(dataset, one) for one in saved.images[:MOST_LINKS])
    more = len(saved.images) - MOST_LINKS
    links += f"<li>and {more} more</li>" if more > 0 else ""
    return _dialog(
        f"{tables.status_html(told)}<p>In the curator:</p><ul>{links}</ul>{_buttons('')}"
    )


def _link(dataset: str, image: StoredImage) -> str:
    """Return HTML of a link to an image on the curator's review page."""
    address = review_address(dataset, image.item_id)
    return f'<li><a href="{escape(address)}" target="_blank">{escape(image.name)}</a></li>'


def _buttons(save: str) -> str:
    first = f'<button type="submit" class="first">{save}</button>' if save else ""
    label = "Cancel" if save else "Close"
    return f'<p class="dialog-buttons">{first}<button type="button" data-close>{label}</button></p>'


def _dialog(body: str) -> str:
    return f'<div class="save-content" hidden><h2>Save to dataset</h2>{body}</div>'
