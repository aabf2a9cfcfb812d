"""The context of every page: the database, the chosen dataset, and who curates."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import streamlit
from streamlit.delta_generator import DeltaGenerator

from app.escaping import escape_markdown
from app.jobs import Jobs
from app.roles import Visitor, visitor_of
from app.services import Services
from blip2core.curation import rules_of
from blip2core.errors import StorageError
from blip2core.storage.database import Database
from blip2core.storage.datasets import DatasetSummary, list_datasets, status_counts
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.review import UNDONE
from blip2core.storage.schema import ITEM_STATUS

_ANONYMOUS = "curator"
"""Handle of people who give no name."""
CHOSEN = "chosen-dataset"
"""Where a page leaves the name of the dataset that the sidebar is to choose when it is drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """The values that every page of the curator works with."""

    services: Services
    database: Database
    jobs: Jobs
    visitor: Visitor
    """Who asks, and what they may do."""
    slot: DeltaGenerator
    """Place of the progress in the sidebar."""
    dataset_id: int | None = None
    """None until there is a dataset."""
    dataset: str = ""
    """Name of the dataset; empty until there is one."""

    @property
    def handle(self) -> str:
        """Name of who curates: of the login, or what stands in the sidebar at this moment.

        A press of a button that takes the focus from a changed name comes with that name: the act
        is by who is named there, not by who the page was drawn for.
        """
        return _handle(self.visitor)

    @property
    def annotator_id(self) -> int:
        """Number of who curates."""
        return _annotator_number(self.database, self.handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContext(PageContext):
    """The context of a page that works on one dataset."""

    dataset_id: int
    threshold: float
    """ITM probability around which a text of this dataset is doubtful."""
    own_caption_itc: float | None = None
    """Mean cosine of an image's written captions below which the image is in doubt, see
    `FilterConfig`.
    """


def build_context(services: Services) -> PageContext:
    """Draw the sidebar (name, dataset, progress) and return the context of the page.

    Stops the page with a message where there is no database, or the visitor is no curator.
    """
    visitor = visitor_of(streamlit.context.headers)
    if not visitor.may("judge"):
        streamlit.error("Only curators and owners may see this. Log in as one.")
        streamlit.stop()
    database, jobs = services.database, services.jobs
    if database is None or jobs is None:
        streamlit.error("There is no database: start the studio with `python -m app`.")
        streamlit.stop()
    with streamlit.sidebar:
        _draw_name(database, visitor)
        _annotator_number(database, _handle(visitor))  # tells what is wrong with a name
        summary = _draw_dataset_choice(database)
        slot = streamlit.empty()
        if database.note:
            streamlit.caption(database.note)
    found = PageContext(
        services=services,
        database=database,
        jobs=jobs,
        visitor=visitor,
        slot=slot,
    )
    if summary is None:
        return found
    chosen = _with_dataset(found, summary)
    draw_progress(chosen)
    return chosen


def _with_dataset(context: PageContext, summary: DatasetSummary) -> DatasetContext:
    return DatasetContext(
        services=context.services,
        database=context.database,
        jobs=context.jobs,
        visitor=context.visitor,
        slot=context.slot,
        dataset_id=summary.dataset.id,
        dataset=summary.dataset.name,
        threshold=summary.dataset.threshold,
        own_caption_itc=rules_of(summary.dataset).own_caption_itc,
    )


def draw_progress(context: DatasetContext) -> None:
    """Show in the sidebar how many images are decided; the review page does so after each key.

    No timer does: beside a fragment with `run_every`, Streamlit 1.67 leaves buttons of earlier
    items on the page when a key and the timer meet.
    """
    with context.database.read() as session:
        counts = status_counts(session, dataset_id=context.dataset_id)
    left = sum(counts.get(status, 0) for status in UNDONE)
    decided = counts.get("decided", 0)
    share = decided / max(decided + left, 1)
    context.slot.progress(share, text=_progress_in_words(counts, decided, left))


def _progress_in_words(counts: dict[str, int], decided: int, left: int) -> str:
    """Return how many are decided and left, and the counts of statuses that are neither."""
    named = [status for status in ITEM_STATUS if status not in (*UNDONE, "decided")]
    apart = [f"{counts[status]:,} {status}" for status in named if status in counts]
    return ", ".join([f"{decided:,} decided", f"{left:,} left", *apart])


def _annotator_number(database: Database, handle: str) -> int:
    """Return the annotator's number, which is looked up once in a browser session."""
    known: dict[str, int] = streamlit.session_state.setdefault("annotators", {})
    if handle not in known:
        try:
            annotator = database.run_write(
                lambda session: get_or_create_annotator(session, handle=handle)
            )
        except StorageError as error:
            streamlit.error(escape_markdown(str(error)))
            streamlit.stop()
        known[handle] = annotator.id
    return known[handle]


def page_context() -> PageContext:
    """Return the context of the page that is being drawn; `app/curator/main.py` stores it."""
    found: PageContext = streamlit.session_state["context"]
    return found


def context_with_dataset() -> DatasetContext:
    """Return the context of the page; stop it with a message where there is no dataset."""
    found = page_context()
    if not isinstance(found, DatasetContext):
        streamlit.info("There is no dataset yet. Import images first.", icon=None)
        streamlit.page_link("views/inbox.py", label="Open the inbox")
        streamlit.stop()
    return found


def _draw_dataset_choice(database: Database) -> DatasetSummary | None:
    """Draw the choice of the dataset and return what is chosen; None where there is none."""
    if named := streamlit.session_state.pop(CHOSEN, ""):
        streamlit.session_state["dataset"] = named
    with database.read() as session:
        summaries = list_datasets(session)
    names = [summary.dataset.name for summary in summaries]
    chosen = streamlit.selectbox(
        "Dataset",
        names,
        key="dataset",
        bind="query-params",
        persist_state="session",
        placeholder="none yet",
        disabled=not names,
    )
    return next((one for one in summaries if one.dataset.name == chosen), None)


def _draw_name(database: Database, visitor: Visitor) -> None:
    """Draw the field of the name: of the login, where there is one."""
    if visitor.name:
        streamlit.text_input("Your name", visitor.name, disabled=True)
        streamlit.html(
            f'<p class="facts">{escape(visitor.role)} · <a href="../logout" target="_top">Log out'
            "</a></p>"
        )
        return

    def lookup() -> None:
        _annotator_number(database, _handle(visitor))

    streamlit.text_input(
        "Your name",
        _ANONYMOUS,
        key="who",
        max_chars=80,
        bind="query-params",
        persist_state="session",
        help="Written beside everything you decide.",
        # Before any other callback, which would look it up inside of a transaction.
        on_change=lookup,
    )


def _handle(visitor: Visitor) -> str:
    """Return the name of who curates: of the login, or what stands in the field."""
    typed: str = streamlit.session_state.get("who", "")
    return visitor.name or typed.strip() or _ANONYMOUS
