"""An item of the curator's database, opened in the workbench."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from urllib.parse import quote, urlencode

from app.chat.image import ChatImage, image_from
from app.roles import Visitor
from app.services import Services
from blip2core.errors import ImageError
from blip2core.storage.cards import card
from blip2core.storage.datasets import get_dataset
from blip2core.texts import count_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedItem:
    """An item as the workbench shows it."""

    image: ChatImage
    texts: list[str]
    """All texts of the item, oldest first."""
    chosen: str
    """The text that was chosen in the review; empty where none was."""
    notice: str
    """HTML that leads back."""


def open_item(services: Services, visitor: Visitor, item_id: int, text: int | None) -> OpenedItem:
    """Return an item by its number, with the text of the caption number `text` as the chosen one.

    Raises ImageError where there is no database here, the visitor may not judge, or the image was
    taken down; StorageError where there is no such item, or its file cannot be read.
    """
    database = services.database
    if database is None:
        raise ImageError("There is no database here, so no item can be opened.")
    if not visitor.may("judge"):
        raise ImageError("Only curators and owners may open items of a dataset. Log in as one.")
    with database.read() as session:
        found = card(session, item_id=item_id)
        dataset = get_dataset(session, dataset_id=found.dataset_id).name
    if found.state == "purged":
        raise ImageError(f"Image {item_id} was taken down.")
    data = database.images.read(found.image_sha256, format=found.format)
    image = replace(image_from(data, f"{dataset}, image {item_id}"), item=item_id)
    texts = [one.text for one in found.texts]
    chosen = next((one.text for one in found.texts if one.caption_id == text), "")
    return OpenedItem(
        image=image, texts=texts, chosen=chosen, notice=_notice(dataset, item_id, len(texts))
    )


def _notice(dataset: str, item_id: int, texts: int) -> str:
    back = escape(review_address(dataset, item_id))
    return (
        f'<p role="status">Image {item_id} of the dataset {escape(dataset)}; '
        f"its {count_of(texts, 'text')} stand in Match. "
        f'<a href="{back}" target="_top">Back to its review</a></p>'
    )


def review_address(dataset: str, item_id: int) -> str:
    """Return the address of an item in the curator's review, seen from the workbench; relative, as
    a proxy may add a path.
    """
    return f"curator/review?{urlencode({'dataset': dataset, 'item': item_id}, quote_via=quote)}"
