"""Which of several images a text fits best: ITC makes a shortlist, ITM puts it in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from app.chat.session import ChatSession
from app.inference.batches import ImageBatch, process_turn
from app.inference.failures import error_message
from app.inference.features import encode_for_matcher
from app.inference.pool import ModelPair, wait_until_loaded
from app.plurals import count_of
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, SKIP, Update, components_named
from app.workbench.image.uploads import build_drop_area, open_upload, too_many, uploads_from
from app.workbench.widgets import tables
from app.workbench.widgets.buttons import build_buttons, buttons
from app.workbench.widgets.caption_rows import ITC, ITM
from blip2core.images import open_image
from blip2core.records import Match

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


class ImageGallery(ImageBatch[str, tuple[str, str]]):
    """The images in which one visitor searches; each is encoded once."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, Match]] | None = None
        """Index of a job and how it fits, best first; None before."""
        self.kept: dict[tuple[str, str], ImageFeatures] = {}
        """Key of an image and fingerprint of an encoder -> features."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageGallery:
        return ImageGallery()


class SearchUpdate(NamedTuple):
    """New values of the components of the search."""

    gallery: Update = SKIP
    turn: Update = SKIP
    message: Update = SKIP
    table: Update = SKIP
    begin: Update = SKIP
    stop: Update = SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchScreen:
    """The components of the search."""

    session: gr.State
    """The visitor's `ChatSession`."""
    gallery: gr.State
    """The visitor's `ImageGallery`."""
    turn: gr.State
    """Counts the turns of a search; its `.change` begins the next one."""
    files: gr.File
    text: gr.Textbox
    begin: gr.Button
    stop: gr.Button
    message: gr.HTML
    table: gr.HTML


def build_search(services: Services, session: gr.State) -> None:
    """Draw and wire the search inside the tab that is being built."""
    screen = _build(session)
    outputs = components_named(SearchUpdate._fields, screen)
    gr.on(
        [screen.begin.click, screen.text.submit],
        on_search,
        [screen.gallery, screen.turn, screen.text, screen.files],
        outputs,
        preprocess=False,
        **PRIVATE_EVENT,
    )
    searching = screen.turn.change(
        partial(continue_search, services),
        [session, screen.gallery, screen.turn],
        outputs,
        **MODEL_EVENT,
    )
    searching.failure(on_stop_search, screen.gallery, outputs, **PRIVATE_EVENT)
    screen.stop.click(on_stop_search, screen.gallery, outputs, **PRIVATE_EVENT)


def _build(session: gr.State) -> SearchScreen:
    gr.HTML(_ABOUT, elem_classes="about", container=False)
    files = build_drop_area(label="Images to search in", elem_id="search-files")
    text = gr.Textbox(
        label="Text to find",
        placeholder="a whale on the beach",
        max_length=LONGEST_QUERY,
        elem_id="search-text",
    )
    pair = build_buttons("Find the image", "search", ready=True)
    return SearchScreen(
        session=session,
        gallery=gr.State(ImageGallery()),
        turn=gr.State(0),
        files=files,
        text=text,
        begin=pair.begin,
        stop=pair.stop,
        message=gr.HTML(container=False, elem_classes="status-area"),
        table=tables.build_table(elem_id="found"),
    )


def on_search(
    gallery: ImageGallery, turn: int, text: str, files: Sequence[dict[str, Any]] | None
) -> SearchUpdate:
    """Begin a search, or say why it cannot begin."""
    uploads = uploads_from(files)
    problem = too_many(uploads)
    if not uploads:
        problem = "Add some images first."
    elif not text.strip():
        problem = "Type what to look for first."
    if problem:
        message = tables.status_html(problem, problem=True)
        return SearchUpdate(gallery, turn, message, SKIP, *buttons(running=False))
    gallery.start(uploads, text.strip())
    gallery.found = None
    return show_search(gallery)._replace(turn=turn + 1)


def continue_search(
    services: Services, session: ChatSession, gallery: ImageGallery, turn: int
) -> Iterator[SearchUpdate]:
    """Encode images for one turn; rank them after the last one."""
    run = gallery.run
    try:
        pair = services.engine.pair(session.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield SearchUpdate(message=tables.status_html(_LOADING))
        for _ in process_turn(gallery, partial(_encode, services, session, gallery)):
            yield show_search(gallery)
        if not (gallery.is_left or run.is_set()):
            gallery.found = _rank(services, session, gallery)
    except Exception as error:
        gallery.give_up()
        message = tables.status_html(error_message(error, "Nothing found"), problem=True)
        yield SearchUpdate(SKIP, SKIP, message, "", *buttons(running=False))
        return
    shown = show_search(gallery)
    yield shown._replace(turn=turn + 1) if gallery.is_left else shown


def _encode(
    services: Services, session: ChatSession, gallery: ImageGallery, run: Event, index: int
) -> Generator[None, None, None]:
    """Open one image of the search, and encode it once however often it is searched."""
    gallery.change(run, index, state="working")
    yield
    try:
        image = open_upload(gallery.items[index].upload)
        key = (image.key, services.engine.pair(session.model).matcher.vision.fingerprint)
        if key not in gallery.kept:
            opened = open_image(image.data)
            gallery.kept[key] = services.engine.call(encode_for_matcher, session.model, opened)
        thumbnail = tables.thumbnail_address(image.shown)
        gallery.change(run, index, state="done", thumbnail=thumbnail, result=key)
    except Exception as error:
        gallery.change(run, index, state="failed", problem=error_message(error, "Left out"))
    yield


def _rank(
    services: Services, session: ChatSession, gallery: ImageGallery
) -> list[tuple[int, Match]]:
    encoded = [(index, job.result) for index, job in enumerate(gallery.items) if job.result]
    gallery.kept = {key: gallery.kept[key] for _, key in encoded}
    if not encoded:
        return []
    features = [gallery.kept[key] for _, key in encoded]
    ranked = services.engine.call(rank_images, session.model, features, gallery.request)
    return [(encoded[place][0], match) for place, match in ranked]


def rank_images(
    pair: ModelPair, features: Sequence[ImageFeatures], text: str
) -> list[tuple[int, Match]]:
    """Return the images that fit a text best as (index, match), best first. The engine runs it."""
    return pair.matcher.rank(text, features[0].join(features), shortlist=SHORTLIST)


def on_stop_search(gallery: ImageGallery) -> SearchUpdate:
    """Stop the search."""
    gallery.give_up()
    return show_search(gallery)


def show_search(gallery: ImageGallery) -> SearchUpdate:
    """Return what there is to show of the search; it asks for no further turn."""
    bad = [job for job in gallery.items if job.state == "failed"]
    problems = tables.problems_html([(job.upload.name, job.problem) for job in bad])
    if gallery.is_running:
        done, total = gallery.done, len(gallery.items)
        progress = tables.progress_html(
            done, total, f"{done} of {count_of(total, 'image')} encoded"
        )
        return SearchUpdate(gallery, SKIP, progress + problems, "", *buttons(running=True))
    if gallery.found is None:
        message = tables.status_html("Stopped.") + problems
        return SearchUpdate(gallery, SKIP, message, "", *buttons(running=False))
    rows = [_row(gallery, index, match) for index, match in gallery.found]
    title = f"The {len(rows)} best of {len(gallery.items) - len(bad)} for “{gallery.request}”"
    table = tables.table_html(_COLUMNS, rows, title=title, sorted_by=1)
    return SearchUpdate(gallery, SKIP, problems, table, *buttons(running=False))


def _row(gallery: ImageGallery, index: int, match: Match) -> list[tables.Cell]:
    job = gallery.items[index]
    image = tables.image_cell(job.thumbnail, job.upload.name)
    return [image, tables.score_cell(match.itm), tables.score_cell(match.itc)]
