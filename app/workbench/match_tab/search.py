"""Which of several images a text fits best: ITC makes a shortlist, ITM puts it in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.chat.session import ChatSession
from app.inference.batches import ImageBatch, process_slice
from app.inference.failures import error_message
from app.inference.features import encode_for_matcher
from app.inference.pool import ModelPair, wait_until_loaded
from app.services import Services
from app.workbench.events import PRIVATE_EVENT
from app.workbench.image.uploads import Upload, build_drop_area, open_upload, too_many, uploads_from
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import buttons
from app.workbench.widgets.caption_rows import ITC, ITM
from app.workbench.widgets.image_batch import BatchUpdate, build_batch, wire_batch
from blip2core.images import open_image
from blip2core.records import Match
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.models.vision import ImageFeatures

SHORTLIST = 16
"""Images that ITM looks at, after ITC has compared all."""
LONGEST_QUERY = 1000
"""Characters of the text to find."""
_COLUMNS = (
    tables.Column(label="Image", kind="image"),
    ITM,
    ITC,
)
_LOADING = "The model is loading; the search will begin by itself."
_ABOUT = f"""<h2>Which image fits a text?</h2>
<p>ITC compares the text with all your images, and ITM reads the {SHORTLIST} nearest again.</p>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """The text to find, and the images to search in."""

    text: str
    uploads: tuple[Upload, ...]
    """One for each item of the gallery."""


class ImageGallery(ImageBatch[SearchRequest, tuple[str, str]]):
    """The images in which one visitor searches; each is encoded once."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, Match]] | None = None
        """Index of an image and how it fits, best first; None before."""
        self.kept: dict[tuple[str, str], ImageFeatures] = {}
        """Key of an image and fingerprint of an encoder -> features."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageGallery:
        return ImageGallery()


def build_search(services: Services, session: gr.State) -> None:
    """Draw and wire the search inside the tab that is being built."""
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    files = build_drop_area(label="Images to search in", elem_id="search-files")
    text = gr.Textbox(
        label="Text to find",
        placeholder="a whale on the beach",
        max_length=LONGEST_QUERY,
        elem_id="search-text",
    )
    components = build_batch(
        ImageGallery(), files, begin="Find the image", name="search", table_id="found"
    )
    gr.on(
        [components.begin.click, text.submit],
        on_search,
        [components.batch, components.slices, text, files],
        components.outputs,
        preprocess=False,
        **PRIVATE_EVENT,
    )
    wire_batch(
        components, session, on_slice=partial(continue_search, services), on_stop=on_stop_search
    )


def on_search(
    gallery: ImageGallery, slices: int, text: str, files: Sequence[dict[str, Any]] | None
) -> BatchUpdate:
    """Begin a search, or say why it cannot begin."""
    uploads = uploads_from(files)
    problem = too_many(uploads)
    if not uploads:
        problem = "Add some images first."
    elif not text.strip():
        problem = "Type what to look for first."
    if problem:
        message = tables.status_html(problem, problem=True)
        return BatchUpdate(
            batch=gallery, slices=slices, message=message, **buttons(running=False)._asdict()
        )
    request = SearchRequest(text=text.strip(), uploads=tuple(uploads))
    gallery.start([upload.name for upload in uploads], request)
    gallery.found = None
    return show_search(gallery)._replace(slices=slices + 1)


def continue_search(
    services: Services, session: ChatSession, gallery: ImageGallery, slices: int
) -> Iterator[BatchUpdate]:
    """Encode images for one time slice; rank them after the last one."""
    stop = gallery.stop
    try:
        pair = services.engine.pair(session.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield BatchUpdate(message=tables.status_html(_LOADING))
        for _ in process_slice(
            gallery,
            partial(_encode, services, session, gallery),
            longest=services.settings.longest_job,
        ):
            yield show_search(gallery)
        if not (gallery.is_left or stop.is_set()):
            gallery.found = _rank(services, session, gallery)
    except Exception as error:
        gallery.give_up()
        message = tables.status_html(error_message(error, "Nothing found"), problem=True)
        yield BatchUpdate(message=message, table="", **buttons(running=False)._asdict())
        return
    shown = show_search(gallery)
    yield shown._replace(slices=slices + 1) if gallery.is_left else shown


def _encode(
    services: Services, session: ChatSession, gallery: ImageGallery, stop: Event, index: int
) -> Generator[None, None, None]:
    """Open one image of the search, and encode it once however often it is searched."""
    gallery.change(stop, index, state="working")
    yield
    try:
        image = open_upload(gallery.request.uploads[index])
        key = (image.key, services.engine.pair(session.model).matcher.vision.fingerprint)
        if key not in gallery.kept:
            opened = open_image(image.data)
            gallery.kept[key] = services.engine.call(encode_for_matcher, session.model, opened)
        thumbnail = tables.thumbnail_address(image.shown)
        gallery.change(stop, index, state="done", thumbnail=thumbnail, result=key)
    except Exception as error:
        gallery.change(stop, index, state="failed", problem=error_message(error, "Left out"))
    yield


def _rank(
    services: Services, session: ChatSession, gallery: ImageGallery
) -> list[tuple[int, Match]]:
    encoded = [(index, item.result) for index, item in enumerate(gallery.items) if item.result]
    gallery.kept = {key: gallery.kept[key] for _, key in encoded}
    if not encoded:
        return []
    features = [gallery.kept[key] for _, key in encoded]
    ranked = services.engine.call(rank_images, session.model, features, gallery.request.text)
    return [(encoded[place][0], match) for place, match in ranked]


def rank_images(
    pair: ModelPair, features: Sequence[ImageFeatures], text: str
) -> list[tuple[int, Match]]:
    """Return the images that fit a text best as (index, match), best first. The engine runs it."""
    return pair.matcher.rank(text, features[0].join(features), shortlist=SHORTLIST)


def on_stop_search(gallery: ImageGallery) -> BatchUpdate:
    """Stop the search."""
    gallery.give_up()
    return show_search(gallery)


def show_search(gallery: ImageGallery) -> BatchUpdate:
    """Return what there is to show of the search; it asks for no further slice."""
    bad = [item for item in gallery.items if item.state == "failed"]
    problems = tables.problems_html([(item.name, item.problem) for item in bad])
    if gallery.is_running:
        done, total = gallery.done, len(gallery.items)
        progress = tables.progress_html(
            done, total, f"{done} of {count_of(total, 'image')} encoded"
        )
        return BatchUpdate(
            batch=gallery, message=progress + problems, table="", **buttons(running=True)._asdict()
        )
    if gallery.found is None:
        message = tables.status_html("Stopped.") + problems
        return BatchUpdate(
            batch=gallery, message=message, table="", **buttons(running=False)._asdict()
        )
    rows = [_row(gallery, index, match) for index, match in gallery.found]
    title = f"The {len(rows)} best of {len(gallery.items) - len(bad)} for “{gallery.request.text}”"
    table = tables.table_html(_COLUMNS, rows, title=title, sorted_by=1)
    return BatchUpdate(
        batch=gallery, message=problems, table=table, **buttons(running=False)._asdict()
    )


def _row(gallery: ImageGallery, index: int, match: Match) -> list[tables.Cell]:
    item = gallery.items[index]
    image = tables.image_cell(item.thumbnail, item.name)
    return [image, tables.score_cell(match.itm), tables.score_cell(match.itc)]
