"""Where images with texts come in, and what becomes of them: jobs with progress."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from app.curator.context import PageContext, page_context
from app.escaping import escape_markdown
from app.jobs import Import, keep_upload
from app.plurals import count_of
from app.settings import is_allowed, may_read_folders
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.errors import StorageError
from blip2core.storage.datasets import dataset_names, get_or_create_dataset
from blip2core.storage.runs import (
    count_problems,
    list_problems,
    list_runs,
    request_cancel,
    request_pause,
    resume_run,
)
from blip2core.storage.schema import Run

SAMPLES = Path(__file__).parents[3] / "data" / "samples" / "web"
TYPES = [
    "zip", "tar", "gz", "tgz", "csv", "tsv", "jsonl", "parquet", "txt",
    "jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif",
]  # fmt: skip
"""Ends of file names that the browser offers; what a file is, its bytes tell."""
SHOWN = 5
"""Problems of a job that stand in the inbox."""
EVERY = 2.0
"""Seconds between two looks at the jobs."""


def render(context: PageContext) -> None:
    """The page."""
    if message := st.session_state.pop("inbox-message", ""):
        st.info(escape_markdown(message))
    left, right = st.columns([5, 6], gap="large")
    with left:
        draw_import(context)
    with right:
        draw_jobs(context)


def draw_import(context: PageContext) -> None:
    """What to import, into which dataset, and what to do with it."""
    st.subheader("Import images and their texts")
    name = st.text_input(
        "Into the dataset", context.dataset or "my images", max_chars=120, key="into"
    )
    files = st.file_uploader(
        "Images; zip or tar archives; CSV, JSONL or Parquet tables with a text for each image",
        type=TYPES,
        accept_multiple_files=True,
        key=f"files-{st.session_state.setdefault('uploads', 0)}",
    )
    path = ""
    if may_read_folders(context.services.settings):
        path = st.text_input("Or a folder or file on this machine", key="path")
    captions = draw_captioning()
    downloads = False
    if context.services.settings.downloads:
        downloads = st.checkbox(
            "Fetch images from the addresses in tables",
            help="From public addresses only, 20 MB each at most.",
        )
    go, sample = st.columns([2, 3])
    go.button(
        "Import",
        type="primary",
        disabled=not (name.strip() and (files or path.strip())),
        on_click=partial(start, context, name, files, path, downloads, captions),
    )
    sample.button(
        "Load the sample set",
        on_click=partial(load_samples, context, captions),
        disabled=not SAMPLES.is_dir(),
    )
    st.caption("The sample set: 200 images of the sticker world with noisy texts, as a dataset.")


def draw_captioning() -> CaptionConfig | None:
    """How captions are written after the import; None where they are not."""
    if not st.checkbox("Then caption and filter them (CapFilt)", value=True):
        return None
    with st.expander("How captions are written"):
        mode = st.segmented_control(
            "Decoding", ["sample", "greedy", "beam"], default="sample", required=True
        )
        several = mode != "greedy"
        num = st.slider("Captions of each image", 1, 8, 3) if several else 1
        top_p = st.slider("Top-p", 0.1, 1.0, 0.9) if mode == "sample" else 0.9
        seed = st.number_input("Seed", 0, 2**31, 0) if mode == "sample" else 0
        beams = st.slider("Beams", num, 10, max(num, 5)) if mode == "beam" else 5
    return CaptionConfig(
        num=num, decode=DecodeConfig(mode=mode, top_p=top_p, beams=beams, seed=int(seed))
    )


def start(
    context: PageContext,
    name: str,
    files: list[object],
    path: str,
    downloads: bool,
    captions: CaptionConfig | None,
) -> None:
    """Copies the uploads to disk and hands the import to the jobs."""
    folder = Path(path.strip()).expanduser() if path.strip() else None
    if folder is not None and not is_allowed(folder, context.services.settings):
        st.session_state["inbox-message"] = "That folder may not be read from here."
        return
    if folder is not None and not folder.exists():
        st.session_state["inbox-message"] = "There is no such folder or file on this machine."
        return
    try:
        dataset = lay_on_desk(context, name)
    except StorageError as error:
        st.session_state["inbox-message"] = str(error)
        return
    common = {
        "dataset": dataset,
        "annotator_id": context.annotator_id,
        "downloads": downloads,
        "then": captions,
    }
    if files:
        context.services.jobs.add(uploaded(context, files, common))
        st.session_state["uploads"] += 1  # an empty uploader
    if folder is not None:
        context.services.jobs.add(Import(sources=[folder], label=folder.name, **common))
        st.session_state["path"] = ""
    st.session_state["inbox-message"] = "It is being imported; the jobs show how far it is."


def uploaded(context: PageContext, files: list[object], common: dict[str, object]) -> Import:
    """The import of uploaded files, which lie on disk when this returns."""
    folder = context.services.jobs.new_folder()
    sources = [keep_upload(folder, number, file.name, file) for number, file in enumerate(files)]
    label = ", ".join(source.name for source in sources[:3])
    label += f" and {len(sources) - 3} more" if len(sources) > 3 else ""
    return Import(sources=sources, label=label, clean_up=folder, **common)


def lay_on_desk(context: PageContext, name: str) -> str:
    """The dataset of this name is chosen from now on -> its name as it is stored.

    It is made at once: the sidebar offers only what there is, and would choose another.
    """
    stored = context.database.run_write(
        lambda session: get_or_create_dataset(session, name=name).name
    )
    st.session_state["dataset"] = stored
    return stored


def load_samples(context: PageContext, captions: CaptionConfig | None) -> None:
    """The web set that comes with the project."""
    context.services.jobs.add(
        Import(
            dataset=lay_on_desk(context, "samples"),
            sources=[SAMPLES / "web.csv"],
            label="sample web set",
            annotator_id=context.annotator_id,
            then=captions,
        )
    )


@st.fragment(run_every=EVERY)
def draw_jobs(context: PageContext) -> None:
    """The newest jobs, drawn anew by themselves."""
    st.subheader("Jobs")
    with context.database.read() as session:
        runs = [run for run in list_runs(session, limit=20) if run.kind in KINDS]
        problems = {run.id: count_problems(session, run_id=run.id) for run in runs}
        names = dataset_names(session)
    finished = sum(run.finished_at is not None for run in runs)
    if st.session_state.setdefault("finished", finished) != finished:
        st.session_state["finished"] = finished
        st.rerun()  # the sidebar counts anew
    if not runs:
        st.info("Nothing has been imported yet. The sample set is a good start.")
    for run in runs[:8]:
        draw_job(context, run, names.get(run.dataset_id, "no dataset"), problems[run.id])
    if context.dataset_id is not None:
        st.button(
            f"Score every text of {escape_markdown(context.dataset)} again",
            on_click=partial(
                context.services.jobs.capfilt, context.dataset, None, context.annotator_id
            ),
            help="With the matcher that is loaded now. What it scored before is not scored again.",
        )


KINDS = {
    "import": "Import {what} into {dataset}",
    "capfilt": "Caption and filter {dataset} with {what}",
    "score": "Score {dataset} with {what}",
}
"""What a job does, by its kind."""


def title_of(run: Run, dataset: str) -> str:
    """A job in one line."""
    what = run.parameters.get("input", run.model or "")
    return f"{KINDS[run.kind].format(what=what, dataset=dataset)}: {run.request or run.status}"


def draw_job(context: PageContext, run: Run, dataset: str, problems: int) -> None:
    """One job: how far, what can be done, what went wrong."""
    with st.container(border=True):
        st.text(title_of(run, dataset))
        of = f"{run.done:,} of " if run.total else ""
        counted = of + count_of(run.total or run.done, "image")
        if run.status == "running":
            st.progress(min(run.done / run.total, 1.0) if run.total else 0.0, text=counted)
        else:
            st.caption(counted)
        if run.error:
            st.error(escape_markdown(run.error))
        acts = {
            "Pause": (request_pause, run.kind != "import" and run.status == "running"),
            "Cancel": (request_cancel, run.status in ("running", "queued", "paused")),
            "Go on": (resume_run, run.kind != "import" and run.status in RESUMABLE),
        }
        with st.container(horizontal=True):
            for label, (act, offered) in acts.items():
                if offered:
                    st.button(
                        label, key=f"{label}-{run.id}", on_click=partial(ask, context, act, run.id)
                    )
        if problems:
            draw_problems(context, run, problems)


def draw_problems(context: PageContext, run: Run, count: int) -> None:
    """The first things that could not be used; open where nothing else came in."""
    with context.database.read() as session:
        found = list_problems(session, run_id=run.id, limit=SHOWN)
    with st.expander(count_of(count, "problem"), expanded=not run.done):
        for one in found:
            st.text(f"{one.name}: {one.reason}")
        if count > len(found):
            st.caption("All of them: under Runs, with this dataset chosen.")


RESUMABLE = ("paused", "failed", "cancelled")


def ask(context: PageContext, act: object, run_id: int) -> None:
    """Pause, cancel or go on."""
    try:
        context.database.run_write(lambda session: act(session, run_id=run_id))
    except StorageError as error:
        st.session_state["inbox-message"] = str(error)


render(page_context())
