"""The export page: snapshots of the accepted pairs, and their exports."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from app.curator.context import DatasetContext, context_with_dataset
from app.curator.formatting import size_of
from app.curator.outages import tells_outages
from app.escaping import escape_markdown
from app.jobs import ExportJob
from blip2core.errors import StorageError
from blip2core.exports import FORMATS
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.schema import CAPTION_SOURCES
from blip2core.storage.snapshot_selection import SnapshotPolicy
from blip2core.storage.snapshots import SnapshotSummary, list_snapshots
from blip2core.texts import count_of

log = logging.getLogger("app.curator.export")
_REFRESH_SECONDS = 2.0
"""How often the exports are drawn again."""
_LARGEST_DOWNLOAD = 500_000_000
"""Bytes of an export that is offered as one file; larger ones are copied from their folder."""


def render(context: DatasetContext) -> None:
    """Draw the page."""
    draw_message()
    left, right = st.columns([5, 6], gap="large")
    with left:
        draw_new(context)
    with right:
        shown = draw_snapshots(context)
    draw_again_on_change(context, shown)


def draw_message() -> None:
    """Draw what became of the latest button."""
    if message := st.session_state.pop("export-message", ""):
        st.info(escape_markdown(message))


def draw_new(context: DatasetContext) -> None:
    """Draw the rules of a new snapshot."""
    st.subheader("Freeze what is accepted")
    st.write(
        "A snapshot holds the pairs that somebody accepted and nobody rejected. It never changes: "
        "the same decisions under the same rules have the same hash."
    )
    with context.database.read() as session:
        known = len(list_snapshots(session, dataset_id=context.dataset_id))
    name = st.text_input("Name", f"v{known + 1}", max_chars=80)
    sources = st.multiselect("Texts of", CAPTION_SOURCES, default=list(CAPTION_SOURCES))
    most = st.selectbox("Texts of one image", ["all", "1", "2", "3"])
    lowest = st.slider("Lowest ITM score (0 takes unscored texts, too)", 0.0, 1.0, 0.0, 0.01)
    validation, test = st.columns(2)
    held = validation.number_input("Share for validation", 0.0, 0.5, 0.05, 0.01)
    apart = test.number_input("Share for test", 0.0, 0.4, 0.05, 0.01)
    policy = SnapshotPolicy(
        sources=tuple(sources),
        lowest_itm=lowest or None,
        per_item=None if most == "all" else int(most),
        validation=held,
        test=apart,
    )
    # Not by `on_click`, which would be given what the fields said when the button was drawn.
    if st.button("Freeze", type="primary", disabled=not (name.strip() and sources)):
        on_freeze(context, name, policy)
        st.rerun()


def on_freeze(context: DatasetContext, name: str, policy: SnapshotPolicy) -> None:
    """Make a snapshot, which is on disk when this returns."""
    log.info("Snapshot of dataset %d begins", context.dataset_id)
    try:
        snapshot = create_snapshot(
            context.database,
            dataset_id=context.dataset_id,
            name=name,
            policy=policy,
            created_by=context.annotator_id,
        )
        message = f"{snapshot.name}: {count_of(snapshot.pairs, 'pair')}, frozen."
        log.info("Snapshot %d is done: %s", snapshot.id, count_of(snapshot.pairs, "pair"))
    except StorageError as error:
        message = str(error)
        log.warning("Snapshot of dataset %d failed: %s", context.dataset_id, error)
    st.session_state["export-message"] = message


def draw_snapshots(context: DatasetContext) -> list[SnapshotSummary]:
    """Draw the snapshots with their exports, and return them."""
    st.subheader("Snapshots")
    found = read_snapshots(context)
    if not found:
        st.info("There is none yet.")
    for one in found:
        with st.container(border=True):
            draw_snapshot(context, one)
    return found


def read_snapshots(context: DatasetContext) -> list[SnapshotSummary]:
    """Return the snapshots of the dataset, the newest first."""
    with context.database.read() as session:
        return list_snapshots(session, dataset_id=context.dataset_id)


@st.fragment(run_every=_REFRESH_SECONDS)
@tells_outages
def draw_again_on_change(context: DatasetContext, shown: list[SnapshotSummary]) -> None:
    """Draw the page again once a snapshot or an export has changed, and not before: Streamlit drops
    a download that begins as its button is drawn anew.
    """
    if state_of(read_snapshots(context)) != state_of(shown):
        st.rerun()


def state_of(snapshots: list[SnapshotSummary]) -> list[object]:
    """Return what the page shows of snapshots that can change."""
    return [
        (one.snapshot.id, [(export.id, export.status) for export in one.exports])
        for one in snapshots
    ]


def draw_snapshot(context: DatasetContext, one: SnapshotSummary) -> None:
    """Draw a snapshot, its exports, and the button that exports it."""
    snapshot = one.snapshot
    st.markdown("**Snapshot**")
    st.text(
        f"{snapshot.name}: {count_of(snapshot.pairs, 'pair')}, by {one.created_by}, "
        f"{snapshot.created_at:%d %b %Y %H:%M}"
    )
    st.code(snapshot.content_sha256, language=None)
    for export in one.exports:
        st.text(f"{label_of(export.format)}: {export.status}")
        if export.status == "complete" and export.location and export.manifest_sha256:
            draw_complete(Path(export.location), export.manifest_sha256)
    chosen, act = st.columns([3, 2], vertical_alignment="bottom")
    format = chosen.selectbox(
        "Format",
        list(FORMATS),
        format_func=label_of,
        key=f"format-{snapshot.id}",
    )
    inside = chosen.checkbox(
        "Texts inside the images too",
        key=f"embed-{snapshot.id}",
        help="Into the copies, as EXIF, XMP and PNG text, without touching a pixel. GIF and BMP "
        "hold none.",
    )
    if act.button("Export", key=f"export-{snapshot.id}"):
        start_export(context, snapshot.id, format, embed_texts=inside)
        st.rerun()


def label_of(format: str) -> str:
    """Return what a format is called; of one that this version does not have, its key."""
    return FORMATS[format].label if format in FORMATS else format


def draw_complete(folder: Path, manifest: str) -> None:
    """Draw where the export is, and a download where it is small enough."""
    st.caption(f"Manifest {manifest[:16]}…, in the folder {folder.name}")
    archive = folder.with_suffix(".zip")
    if archive.is_file() and archive.stat().st_size <= _LARGEST_DOWNLOAD:
        st.download_button(
            f"Download {size_of(archive.stat().st_size)}",
            archive.read_bytes,
            archive.name,
            "application/zip",
            key=f"download-{folder.name}",
            on_click="ignore",  # nothing to draw anew, see `draw_again_on_change`
        )


def start_export(
    context: DatasetContext, snapshot_id: int, format: str, *, embed_texts: bool
) -> None:
    """Hand the export to the background jobs."""
    context.jobs.add(
        ExportJob(
            snapshot_id=snapshot_id,
            format=format,
            annotator_id=context.annotator_id,
            embed_texts=embed_texts,
        )
    )
    st.session_state["export-message"] = "It is being exported."


render(context_with_dataset())
