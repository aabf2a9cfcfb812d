"""Which of several images a text fits best: ITC makes a shortlist, ITM puts it in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr

from app.chat.session import ChatSession
from app.inference.batches import ImageBatch, process_turn
from app.inference.failures import error_message
from app.inference.features import encode_for_matcher
from app.inference.pool import ModelPair, wait_until_loaded
from app.services import Services
from app.workbench.events import MODEL_EVENT, PRIVATE_EVENT, Update
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
LONGEST_TEXT = 1000
"""Characters of what is looked for."""
COLUMNS = (
    tables.Column(label="Image", kind="image"),
    ITM,
    ITC,
)
LOADING = "The model is loading; the search will begin by itself."
ABOUT = f"""<h2>Which image fits a text?</h2>
<p>ITC compares the text with all your images, and ITM reads the {SHORTLIST} nearest again.</p>"""


class ImageGallery(ImageBatch[str, tuple[str, str]]):
    """The images that one visitor searches in; each is encoded once."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, Match]] | None = None
        """Index of a job and how it fits, best first; None before."""
        self.kept: dict[tuple[str, str], ImageFeatures] = {}
        """Key of an image and fingerprint of an encoder -> features."""

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageGallery:
        return ImageGallery()


def build_search(services: Services, panel: SimpleNamespace) -> None:
    """Draws and wires the part of the page inside the tab that is being built."""
    ui = SimpleNamespace(session=panel.session, shelf=gr.State(ImageGallery()), turn=gr.State(0))
    gr.HTML(ABOUT, elem_classes="about", container=False)
    ui.files = build_drop_area(label="Images to search in", elem_id="search-files")
    ui.text = gr.Textbox(
        label="Text to find",
        placeholder="a whale on the beach",
        max_length=LONGEST_TEXT,
        elem_id="search-text",
    )
    ui.begin, ui.stop = build_buttons("Find the image", "search", ready=True)
    ui.said = gr.HTML(container=False, elem_classes="status-area")
    ui.table = tables.build_table(elem_id="found")
    screen = [ui.said, ui.table, ui.begin, ui.stop]
    begun = [ui.shelf, ui.turn, *screen]
    given = [ui.shelf, ui.turn, ui.text, ui.files]
    gr.on(
        [ui.begin.click, ui.text.submit], on_search, given, begun, preprocess=False, **PRIVATE_EVENT
    )
    searching = ui.turn.change(
        partial(search, services),
        [ui.session, ui.shelf, ui.turn],
        [ui.turn, *screen],
        **MODEL_EVENT,
    )
    searching.failure(on_stop, ui.shelf, begun, **PRIVATE_EVENT)
    ui.stop.click(on_stop, ui.shelf, [ui.shelf, *screen], **PRIVATE_EVENT)


def on_search(
    shelf: ImageGallery, turn: int, text: str, files: Sequence[dict[str, Any]] | None
) -> tuple[Update, ...]:
    """Begins a search, or says why it cannot."""
    uploads = uploads_from(files)
    problem = too_many(uploads)
    if not uploads:
        problem = "Add some images first."
    elif not text.strip():
        problem = "Type what to look for first."
    if problem:
        said = tables.status(problem, problem=True)
        return shelf, turn, said, gr.skip(), *buttons(running=False)
    shelf.start(uploads, text.strip())
    shelf.found = None
    return shelf, turn + 1, *show_search(shelf)


def search(
    services: Services, session: ChatSession, shelf: ImageGallery, turn: int
) -> Iterator[tuple[Update, ...]]:
    """One turn of encoding the images; after the last of them, the search itself."""
    run = shelf.run
    try:
        pair = services.engine.pair(session.model)
        for _ in wait_until_loaded(pair.loading, pair.loading_matcher()):
            yield gr.skip(), tables.status(LOADING), gr.skip(), gr.skip(), gr.skip()
        for _ in process_turn(shelf, partial(_encode, services, session, shelf)):
            yield gr.skip(), *show_search(shelf)
        if not (shelf.is_left or run.is_set()):
            shelf.found = _found(services, session, shelf)
    except Exception as error:
        shelf.give_up()
        said = tables.status(error_message(error, "Nothing found"), problem=True)
        yield gr.skip(), said, "", *buttons(running=False)
        return
    yield turn + 1 if shelf.is_left else gr.skip(), *show_search(shelf)


def _encode(
    services: Services, session: ChatSession, shelf: ImageGallery, run: Event, index: int
) -> Generator[None, None, None]:
    """One image of the search, opened and encoded, once however often it is searched."""
    shelf.change(run, index, state="working")
    yield
    try:
        image = open_upload(shelf.items[index].upload)
        key = (image.key, services.engine.pair(session.model).matcher.vision.fingerprint)
        if key not in shelf.kept:
            opened = open_image(image.data)
            shelf.kept[key] = services.engine.call(encode_for_matcher, session.model, opened)
        shown = tables.thumbnail(image.shown)
        shelf.change(run, index, state="done", thumbnail=shown, result=key)
    except Exception as error:
        shelf.change(run, index, state="failed", problem=error_message(error, "Left out"))
    yield


def _found(
    services: Services, session: ChatSession, shelf: ImageGallery
) -> list[tuple[int, Match]]:
    encoded = [(index, job.result) for index, job in enumerate(shelf.items) if job.result]
    shelf.kept = {key: shelf.kept[key] for _, key in encoded}
    if not encoded:
        return []
    features = [shelf.kept[key] for _, key in encoded]
    ranked = services.engine.call(rank_images, session.model, features, shelf.request)
    return [(encoded[place][0], match) for place, match in ranked]


def rank_images(
    pair: ModelPair, features: Sequence[ImageFeatures], text: str
) -> list[tuple[int, Match]]:
    """Done by the engine: the images that fit a text best, as (index, match), best first."""
    return pair.matcher.rank(text, features[0].join(features), shortlist=SHORTLIST)


def on_stop(shelf: ImageGallery) -> tuple[Update, ...]:
    """Nobody waits for the search any more."""
    shelf.give_up()
    return shelf, *show_search(shelf)


def show_search(shelf: ImageGallery) -> tuple[Update, ...]:
    """What is said, the table, and the two buttons."""
    bad = [job for job in shelf.items if job.state == "failed"]
    problems = tables.problems([(job.upload.name, job.problem) for job in bad])
    if shelf.is_running:
        said = tables.progress(
            shelf.done, len(shelf.items), f"{shelf.done} of {len(shelf.items)} images encoded"
        )
        return said + problems, "", *buttons(running=True)
    if shelf.found is None:
        return tables.status("Stopped.") + problems, "", *buttons(running=False)
    rows = [_row(shelf, index, match) for index, match in shelf.found]
    title = f"The {len(rows)} best of {len(shelf.items) - len(bad)} for “{shelf.request}”"
    return problems, tables.table(COLUMNS, rows, title=title, sorted_by=1), *buttons(running=False)


def _row(shelf: ImageGallery, index: int, match: Match) -> list[tables.Cell]:
    job = shelf.items[index]
    image = tables.image_cell(job.thumbnail, job.upload.name)
    return [image, tables.score_cell(match.itm), tables.score_cell(match.itc)]
