"""The inbox page: import images with their texts, and follow the jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.curator.context import CHOSEN, PageContext, page_context
from app.curator.import_preview import draw_previews
from app.curator.import_report import draw_sums, draw_told
from app.curator.outages import tells_outages
from app.escaping import escape_markdown
from app.jobs import Import, keep_upload
from app.settings import is_allowed, may_read_folders
from blip2core.bundled import SAMPLES
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.errors import StorageError, way_out
from blip2core.formats.files import TABLE_SUFFIXES
from blip2core.intake import SaidColumns, reading_of
from blip2core.storage.datasets import dataset_names, get_or_create_dataset
from blip2core.storage.run_problems import count_problems
from blip2core.storage.runs import done_again, list_runs, request_cancel, request_pause, resume_run
from blip2core.storage.schema import Run
from blip2core.texts import count_of

RunRequest = Callable[..., Run]
"""`request_pause`, `request_cancel` or `resume_run` of storage."""
_SAMPLE_SET = SAMPLES / "web"
DecodeMode = Literal["sample", "greedy", "beam"]
_DECODE_MODES: tuple[DecodeMode, ...] = ("sample", "greedy", "beam")
_UPLOAD_TYPES = [
    "zip", "tar", "gz", "tgz", *sorted(end.removeprefix(".") for end in TABLE_SUFFIXES), "txt",
    "json", "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif",
]  # fmt: skip
"""Ends of file names that the browser offers; the import goes by the bytes of a file."""
_REFRESH_SECONDS = 2.0
"""How often the jobs are drawn again."""


def render(context: PageContext) -> None:
    """Draw the page."""
    if message := st.session_state.pop("inbox-message", ""):
        st.info(escape_markdown(message))
    left, right = st.columns([5, 6], gap="large")
    with left:
        draw_import(context)
    with right:
        draw_jobs(context)


def draw_import(context: PageContext) -> None:
    """Draw what to import, into which dataset, and what to do then."""
    st.subheader("Import images and their texts")
    if not context.visitor.may("import"):
        st.info(f"You are a {context.visitor.role} here: curators of the studio import images.")
        return
    name = st.text_input(
        "Into the dataset", context.dataset or "my images", max_chars=120, key="into"
    )
    uploads = st.session_state.setdefault("uploads", 0)
    files = st.file_uploader(
        "Images; zip or tar archives; tables (CSV, TSV, JSON Lines, Parquet, Arrow); annotation "
        "files (JSON, .token)",
        type=_UPLOAD_TYPES,
        accept_multiple_files=True,
        key=f"files-{uploads}",
    )
    path = ""
    if may_read_folders(context.services.settings):
        path = st.text_input("Or a folder or file on this machine", key=f"path-{uploads}")
    columns = draw_previews(files, path, context.services.settings)
    captions = draw_captioning()
    downloads = False
    if context.services.settings.downloads:
        downloads = st.checkbox(
            "Fetch images from the addresses in tables",
            help="From public addresses only, 20 MB each at most.",
        )
    go, sample = st.columns([2, 3])
    # Not by `on_click`: what is given to a callback is what the fields said when the button was
    # drawn, and a press takes the focus from a field that has just been changed.
    if go.button("Import", type="primary", disabled=not (name.strip() and (files or path.strip()))):
        start_import(context, name, files, path, downloads, captions, columns)
        st.rerun()
    if sample.button("Load the sample set", disabled=not _SAMPLE_SET.is_dir()):
        load_samples(context, captions)
        st.rerun()
    st.caption("The sample set: 200 images of the sticker world with noisy texts, as a dataset.")


def draw_captioning() -> CaptionConfig | None:
    """Draw how captions are written after the import -> the settings, None for no captions."""
    if not st.checkbox("Then caption and filter them (CapFilt)", value=True):
        return None
    with st.expander("How captions are written"):
        mode: DecodeMode = st.segmented_control(
            "Decoding", _DECODE_MODES, default="sample", required=True
        )
        several = mode != "greedy"
        num = st.slider("Captions of each image", 1, 8, 3) if several else 1
        top_p = st.slider("Top-p", 0.1, 1.0, 0.9) if mode == "sample" else 0.9
        seed = st.number_input("Seed", 0, 2**31, 0) if mode == "sample" else 0
        beams = st.slider("Beams", num, 10, max(num, 5)) if mode == "beam" else 5
    return CaptionConfig(
        num=num, decode=DecodeConfig(mode=mode, top_p=top_p, beams=beams, seed=int(seed))
    )


def start_import(
    context: PageContext,
    name: str,
    files: Sequence[UploadedFile],
    path: str,
    downloads: bool,
    captions: CaptionConfig | None,
    columns: SaidColumns,
) -> None:
    """Copy the uploads to disk and hand the import to the background jobs."""
    folder = Path(path.strip()).expanduser() if path.strip() else None
    if folder is not None and not is_allowed(folder, context.services.settings):
        st.session_state["inbox-message"] = "That folder may not be read from here."
        return
    if folder is not None and not folder.exists():
        st.session_state["inbox-message"] = "There is no such folder or file on this machine."
        return
    try:
        dataset = choose_dataset(context, name)
    except StorageError as error:
        st.session_state["inbox-message"] = str(error)
        return
    new_import = partial(
        Import,
        dataset=dataset,
        annotator_id=context.annotator_id,
        downloads=downloads,
        columns=columns,
        then=captions,
    )
    try:
        if files:
            add_uploads(context, files, new_import)
        if folder is not None:
            context.jobs.add(new_import(sources=[folder], label=folder.name))
        st.session_state["uploads"] += 1  # empty fields
        message = "It is being imported; the jobs show how far it is."
    except StorageError as error:
        message = str(error)
    except OSError as error:
        said = f"{error.strerror or error}: {context.database.images.root.parent}"
        message = f"The uploads cannot be stored: {said}{way_out(error)}."
    st.session_state["inbox-message"] = message


def add_uploads(
    context: PageContext, files: Sequence[UploadedFile], new_import: Callable[..., Import]
) -> None:
    """Hand the import of uploaded files to the background jobs; they are on disk when this returns.
    Raises OSError and StorageError, and then none of them is.
    """
    folder = context.jobs.new_folder()
    try:
        sources = [keep_upload(folder, number, one.name, one) for number, one in enumerate(files)]
        label = ", ".join(source.name for source in sources[:3])
        label += f" and {len(sources) - 3} more" if len(sources) > 3 else ""
        context.jobs.add(new_import(sources=sources, label=label, clean_up=folder))
    except (OSError, StorageError):
        shutil.rmtree(folder, ignore_errors=True)
        raise


def choose_dataset(context: PageContext, name: str) -> str:
    """Choose a dataset in the sidebar, new where there is none of this name -> its stored name.

    It is made at once, as the sidebar offers only datasets that there are.
    """
    stored = context.database.run_write(
        lambda session: get_or_create_dataset(session, name=name).name
    )
    st.session_state[CHOSEN] = stored
    return stored


def load_samples(context: PageContext, captions: CaptionConfig | None) -> None:
    """Import the web images that come with the project."""
    try:
        dataset = choose_dataset(context, "samples")
        context.jobs.add(
            Import(
                dataset=dataset,
                sources=[_SAMPLE_SET / "web.csv"],
                label="sample web set",
                annotator_id=context.annotator_id,
                then=captions,
            )
        )
    except StorageError as error:
        st.session_state["inbox-message"] = str(error)


@st.fragment(run_every=_REFRESH_SECONDS)
@tells_outages
def draw_jobs(context: PageContext) -> None:
    """Draw the newest jobs, again and again."""
    st.subheader("Jobs")
    with context.database.read() as session:
        runs = [run for run in list_runs(session, limit=20) if run.kind in _JOB_TITLES]
        problems = {run.id: count_problems(session, run_id=run.id) for run in runs}
        again = done_again(session, runs)
        names = dataset_names(session)
    finished = sum(run.finished_at is not None for run in runs)
    if st.session_state.setdefault("finished", finished) != finished:
        st.session_state["finished"] = finished
        st.rerun()  # the sidebar counts again
    if not runs:
        st.info("Nothing has been imported yet. The sample set is a good start.")
    for run in [one for one in runs if one.id not in again][:8]:
        name = names.get(run.dataset_id, "no dataset") if run.dataset_id else "no dataset"
        draw_job(context, run, name, problems[run.id])
    if context.dataset_id is not None:
        st.button(
            f"Score every text of {escape_markdown(context.dataset)} again",
            on_click=partial(context.jobs.capfilt, context.dataset, None, context.annotator_id),
            help="With the matcher that is loaded now. What it scored before is not scored again.",
        )


_JOB_TITLES = {
    "import": "Import {what} into {dataset}",
    "capfilt": "Caption and filter {dataset} with {what}",
    "score": "Score {dataset} with {what}",
}
"""Kind of a job -> what it does."""
_REQUESTED = {"cancel": "being cancelled", "pause": "being paused"}
"""What was asked of a job -> its state until it does so, after what it has begun."""


def title_of(run: Run, dataset: str) -> str:
    """Return a job in one line."""
    what = run.parameters.get("input", run.model or "")
    state = _REQUESTED.get(run.request, run.status)
    return f"{_JOB_TITLES[run.kind].format(what=what, dataset=dataset)}: {state}"


def draw_job(context: PageContext, run: Run, dataset: str, problems: int) -> None:
    """Draw a job: how far it is, what can be done, and what went wrong."""
    with st.container(border=True):
        st.text(title_of(run, dataset))
        of = f"{run.done:,} of " if run.total else ""
        counted = of + count_of(run.total or run.done, "image")
        if run.status == "running" and run.reading:
            reading = reading_of(run.reading)
            st.progress(reading.share, text=reading.sentence())
        elif run.status == "running":
            st.progress(min(run.done / run.total, 1.0) if run.total else 0.0, text=counted)
        else:
            st.caption(counted)
        if run.sums:
            draw_sums(run.sums)
        if run.error:
            st.error(escape_markdown(run.error))
        acts: dict[str, tuple[RunRequest, bool]] = {
            "Pause": (request_pause, run.kind != "import" and run.status == "running"),
            "Cancel": (request_cancel, run.status in ("running", "queued", "paused")),
            "Go on": (resume_run, run.kind != "import" and run.status in _RESUMABLE),
        }
        with st.container(horizontal=True):
            for label, (act, offered) in acts.items():
                if offered:
                    st.button(
                        label,
                        key=f"{label}-{run.id}",
                        on_click=partial(request_change, context, act, run.id),
                    )
        draw_told(context, run, problems)


_RESUMABLE = ("paused", "failed", "cancelled")


def request_change(context: PageContext, request: RunRequest, run_id: int) -> None:
    """Ask a run to pause, to end or to go on."""
    try:
        context.database.run_write(lambda session: request(session, run_id=run_id))
    except StorageError as error:
        st.session_state["inbox-message"] = str(error)


render(page_context())
