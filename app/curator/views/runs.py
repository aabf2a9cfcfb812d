"""The runs page: which runs there were, their problems, and two of them side by side."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import streamlit as st

from app.curator.context import DatasetContext, context_with_dataset
from app.curator.import_report import about, draw_download
from app.curator.pager import draw_pager
from app.curator.thumbnails import shown_image
from app.escaping import escape_markdown
from blip2core.errors import StorageError
from blip2core.storage.items import image_of_item
from blip2core.storage.retries import retry_run, retryable_items
from blip2core.storage.run_problems import count_problems, list_problems
from blip2core.storage.runs import (
    ComparedItem,
    compare_runs,
    done_again,
    list_runs,
    run_scores,
    was_interrupted,
)
from blip2core.storage.schema import Run
from blip2core.texts import count_of

_ITEMS_SHOWN = 10
"""Images on one page of a comparison."""
_PROBLEMS_SHOWN = 100
"""Problems that are listed; a download has all."""


def render(context: DatasetContext) -> None:
    """Draw the page."""
    with context.database.read() as session:
        runs = list_runs(session, dataset_id=context.dataset_id, limit=200)
        problems = {run.id: count_problems(session, run_id=run.id) for run in runs}
        again = done_again(session, runs)
    if not runs:
        st.info("Nothing has run over this dataset yet.")
        return
    rows = [as_row(run, problems[run.id], again.get(run.id)) for run in runs]
    st.dataframe(rows, hide_index=True)
    troubled = [run for run in runs if problems[run.id]]
    if not troubled and (message := st.session_state.pop("retry-message", "")):
        st.info(escape_markdown(message))
    if troubled:
        run = st.selectbox("Problems of", troubled, format_func=run_name)
        draw_problems(context, run)
    wrote = [run for run in runs if run.kind in ("caption", "capfilt")]
    st.subheader("Compare two runs on the same images")
    if len(wrote) < 2:
        st.info("There are not yet two runs that wrote texts.")
        return
    left, right = st.columns(2)
    first = left.selectbox("First", wrote, format_func=run_name, index=1)
    second = right.selectbox("Second", wrote, format_func=run_name, index=0)
    if first.id == second.id:
        st.info("Choose two different runs.")
        return
    draw_comparison(context, first, second)


def run_name(run: Run) -> str:
    """Return number, kind, model and time of a run."""
    return f"{run.id}: {run.kind} {run.model or ''} {run.created_at:%d %b %H:%M}"


def as_row(run: Run, problems: int, done_by: int | None = None) -> dict[str, object]:
    """Return a run as a row of the table; `done_by` is the later run that did its work."""
    status = "interrupted" if was_interrupted(run) else run.status
    return {
        "run": run.id,
        "kind": run.kind,
        "status": f"done again by run {done_by}" if done_by else status,
        "model": run.model or "",
        "done": run.done,
        "failed": run.failed,
        "problems": problems,
        "started": run.created_at,
        "seed": run.seed,
        "settings": ", ".join(f"{key}={value}" for key, value in leaf_settings(run.parameters)),
        "revision": (run.revision or "")[:12],
        "code": run.code_version,
    }


def leaf_settings(settings: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every setting by its own name, without the groups it is in."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from leaf_settings(value)
        else:
            yield key, value


def draw_problems(context: DatasetContext, run: Run) -> None:
    """Draw what could not be used, and why, with a button that saves all of it as CSV."""
    with context.database.read() as session:
        found = list_problems(session, run_id=run.id, limit=_PROBLEMS_SHOWN)
    rows = [{"name": one.name, "about": about(one), "reason": one.reason} for one in found]
    st.dataframe(rows, hide_index=True)
    draw_download(context, run)
    draw_retry(context, run)


def draw_retry(context: DatasetContext, run: Run) -> None:
    """Draw the button that does again what failed in a run."""
    if message := st.session_state.pop("retry-message", ""):
        st.info(escape_markdown(message))
    if run.kind == "import":
        st.caption("Import the same again: what is there stays, and what failed is tried again.")
        return
    with context.database.read() as session:
        failed = len(retryable_items(session, run_id=run.id))
    if failed:
        st.button(
            f"Try {count_of(failed, 'failed image')} again",
            disabled=run.status == "running" and not was_interrupted(run),
            on_click=partial(try_again, context, run.id),
            help="For causes that pass, such as a disk that was away. What succeeded stays.",
        )


def try_again(context: DatasetContext, run_id: int) -> None:
    """Put what failed in a run back into the queue of the background jobs."""
    try:
        failed = context.database.run_write(lambda session: retry_run(session, run_id=run_id))
        message = f"{count_of(failed, 'image')} of run {run_id} will be tried again."
    except StorageError as error:
        message = str(error)
    st.session_state["retry-message"] = message


def draw_comparison(context: DatasetContext, first: Run, second: Run) -> None:
    """Draw the figures of two runs, then their texts side by side."""
    key = f"compared-{first.id}-{second.id}"
    pages: list[int] = st.session_state.setdefault(key, [0])
    with context.database.read() as session:
        items = compare_runs(
            session, first_id=first.id, second_id=second.id, after=pages[-1], limit=_ITEMS_SHOWN + 1
        )
        scores = [
            run_scores(session, run_id=run.id, item_ids_of=other.id)
            for run, other in ((first, second), (second, first))
        ]
    if not items:
        st.info("No image has texts of both.")
        return
    for column, run, values in zip(st.columns(2), (first, second), scores, strict=True):
        kept = sum(value >= context.threshold for value in values) / max(len(values), 1)
        mean = sum(values) / max(len(values), 1)
        with column.container(border=True):
            label = escape_markdown(f"{run_name(run)}: kept at {context.threshold:.2f}")
            st.metric(label, f"{kept:.0%}")
            st.caption(f"of {count_of(len(values), 'text')}; mean ITM {mean:.2f}")
    more, items = len(items) > _ITEMS_SHOWN, items[:_ITEMS_SHOWN]
    for item in items:
        draw_item(context, item)
    draw_pager(pages, items[-1].item_id if more else None, label="More", key=key)


def draw_item(context: DatasetContext, item: ComparedItem) -> None:
    """Draw an image with the texts of both runs."""
    with context.database.read() as session:
        stored = image_of_item(session, item_id=item.item_id)
    image, left, right = st.columns([1, 3, 3])
    shown = shown_image(context.database.images, stored.sha256, stored.format, 200)
    if isinstance(shown, bytes):
        image.image(shown, alt=f"Image {item.item_id}")
    else:
        image.text(shown)
    for column, texts in ((left, item.first), (right, item.second)):
        for text, score in texts:
            column.text(text if score is None else f"{score:.2f}  {text}")


render(context_with_dataset())
