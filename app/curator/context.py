"""Where a curator sits: the database, the dataset on the desk, and who they are."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit
from streamlit.delta_generator import DeltaGenerator

from app.basic_auth import credentials
from app.escaping import escape_markdown
from app.services import Services
from blip2core.errors import StorageError
from blip2core.storage.database import Database
from blip2core.storage.datasets import list_datasets, status_counts
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.review import UNDONE
from blip2core.storage.schema import ITEM_STATUS

NOBODY = "curator"
"""Name of who gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """What every page of the curator works with."""

    services: Services
    database: Database
    annotator_id: int
    handle: str
    dataset_id: int | None
    """None until there is a dataset."""
    dataset: str
    threshold: float
    """ITM probability around which a text of this dataset is doubtful."""
    overlap: int
    """People who must judge an item before it is decided."""
    slot: DeltaGenerator
    """Place of the progress in the sidebar."""


def build_context(services: Services) -> PageContext:
    """Draws the sidebar: dataset, name, progress. Stops the page where something is missing."""
    database = services.database
    if database is None:
        streamlit.error("There is no database: start the studio with `python -m app`.")
        streamlit.stop()
    with streamlit.sidebar:
        handle = _who()
        with database.read() as session:
            summaries = list_datasets(session)
        names = [summary.dataset.name for summary in summaries]
        chosen = streamlit.selectbox(
            "Dataset",
            names,
            key="dataset",
            bind="query-params",
            persist_state="session",
            placeholder="none yet: import one in the inbox",
            disabled=not names,
        )
        summary = next((one for one in summaries if one.dataset.name == chosen), None)
        slot = streamlit.empty()
        if database.note:
            streamlit.caption(database.note)
    found = PageContext(
        services=services,
        database=database,
        annotator_id=_number_of(database, handle),
        handle=handle,
        dataset_id=summary.dataset.id if summary else None,
        dataset=summary.dataset.name if summary else "",
        threshold=summary.dataset.threshold if summary else 0.5,
        overlap=summary.dataset.overlap if summary else 1,
        slot=slot,
    )
    draw_progress(found)
    return found


def draw_progress(context: PageContext) -> None:
    """How far the dataset is, in the sidebar; the review page calls it after each key, too.

    No clock does: beside a fragment with `run_every`, Streamlit 1.67 leaves buttons of earlier
    items on the page when a key and the clock meet.
    """
    if context.dataset_id is None:
        return
    with context.database.read() as session:
        counts = status_counts(session, dataset_id=context.dataset_id)
    left = sum(counts.get(status, 0) for status in UNDONE)
    decided = counts.get("decided", 0)
    context.slot.progress(decided / max(decided + left, 1), text=in_words(counts, decided, left))


def in_words(counts: dict[str, int], decided: int, left: int) -> str:
    """Every image is somewhere: what was skipped, say, is neither decided nor left."""
    named = [status for status in ITEM_STATUS if status not in (*UNDONE, "decided")]
    apart = [f"{counts[status]:,} {status}" for status in named if status in counts]
    return ", ".join([f"{decided:,} decided", f"{left:,} left", *apart])


def _number_of(database: Database, handle: str) -> int:
    """The annotator's number; looked up once in a visit, as it never changes."""
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
    """The desk of the page that is being drawn; see `app/curator/main.py`."""
    found: PageContext = streamlit.session_state["context"]
    return found


def context_with_dataset() -> PageContext:
    """The desk; a page that needs a dataset says so, and stops, where there is none."""
    found = page_context()
    if found.dataset_id is None:
        streamlit.info("There is no dataset yet. Import images first.", icon=None)
        streamlit.page_link("views/inbox.py", label="Open the inbox")
        streamlit.stop()
    return found


def _who() -> str:
    """The name of the login, where there is one, else what the curator says."""
    header = streamlit.context.headers.get("authorization", "")
    name, _ = credentials([(b"authorization", header.encode("latin-1", "replace"))])
    if name:
        streamlit.text_input("Your name", name, disabled=True)
        return name
    typed: str = streamlit.text_input(
        "Your name",
        NOBODY,
        key="who",
        max_chars=80,
        bind="query-params",
        persist_state="session",
        help="Written beside everything you decide.",
    )
    return typed.strip() or NOBODY
