"""What became of all that an import read: sums, what was not used, problems by their reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from html import escape
from typing import Any

import pandas
import streamlit as st

from app.curator.context import PageContext
from app.escaping import escape_markdown
from blip2core.intake import Sums, safe_name, sums_of
from blip2core.storage.run_problems import ProblemGroup, group_problems, list_problems
from blip2core.storage.schema import Run, RunProblem
from blip2core.texts import count_of, spreadsheet_safe

PLACE = re.compile(r"(?P<file>.*), (?P<unit>row|line|entry) (?P<number>[\d,]+)(?:: (?P<image>.*))?")
"""A name of a problem that tells a row of a file, and the image that it means."""
GROUPS_SHOWN = 12
GROUPED_AT_ONCE = 2_000
"""Problems that are grouped again and again while a run goes on."""
PROBLEMS_SAVED = 1_000_000
"""Most problems that one download holds."""
PAGE = 10_000
LOST = ("refused", "without an image")
"""What became of images and texts that are not stored."""
ABOUT = {
    "image": "image",
    "text": "text",
    "text without image": "text without an image",
    "source": "file or row",
    "note": "note",
}
"""What a problem is about -> the same in words."""


def draw_sums(stored: dict[str, Any]) -> None:
    """Draw what became of all that an import read, and what it did not use."""
    sums = sums_of(stored)
    st.html(sums_html(sums))
    if told := sums.alike():
        st.caption(told)
    if html := unused_html(sums):
        st.html(html)


def sums_html(sums: Sums) -> str:
    """Return images and texts as a table of what became of them."""
    rows = {
        "Images": (
            sums.images_read,
            sums.images_new,
            sums.images_known,
            sums.images_refused,
            None,
        ),
        "Texts": (
            sums.texts_read,
            sums.texts_new,
            sums.texts_known,
            sums.texts_refused,
            sums.texts_without_image,
        ),
    }
    heads = ("read", "new", "there already", "refused", "without an image")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = ""
    for name, counts in rows.items():
        cells = "".join(
            f'<td class="{"lost" if count and column in LOST else ""}">'
            f"{'' if count is None else f'{count:,}'}</td>"
            for column, count in zip(heads, counts, strict=True)
        )
        body += f'<tr><th scope="row">{name}</th>{cells}</tr>'
    return (
        '<table class="sums"><caption>What became of all that was read</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def unused_html(sums: Sums) -> str:
    """Return what was not used: how much of each kind, what to do, and the first of them by name;
    and how many files and rows could not be read.
    """
    items = ""
    if sums.sources_refused:
        items += f"<li><b>{_sources(sums.sources_refused)}</b> of which nothing was read</li>"
    examples = sums.unused_examples()
    for kind, count in sums.unused.items():
        items += f"<li><b>{count_of(count, kind)} not used</b>"
        of_kind = [one for one in examples if one.kind == kind]
        for advice in dict.fromkeys(one.in_words(page=True) for one in of_kind):
            names = [one.name for one in of_kind if one.in_words(page=True) == advice]
            items += f" {escape(advice)}{_list_html(names)}"
        items += "</li>"
    return f'<ul class="reasons">{items}</ul>' if items else ""


def draw_told(context: PageContext, run: Run, problems: int) -> None:
    """Draw what could not be used by its reasons, opened where nothing else came in; notes apart;
    and a button that saves all of it as CSV.
    """
    if run.finished_at is None and problems > GROUPED_AT_ONCE:
        st.caption(f"{count_of(problems, 'problem')} so far; their reasons follow at the end.")
        return
    groups = _groups(context, run, problems)
    refused = [one for one in groups if one.about != "note"]
    notes = [one for one in groups if one.about == "note"]
    if refused:
        with st.expander(count_of(problems, "problem"), expanded=not run.done):
            st.html(groups_html(refused[:GROUPS_SHOWN]))
            if len(refused) > GROUPS_SHOWN:
                more = count_of(len(refused) - GROUPS_SHOWN, "reason")
                st.caption(f"and {more} more, in the CSV")
    if notes:
        with st.expander(count_of(sum(one.problems for one in notes), "note")):
            for one in notes:
                for name in one.names:
                    st.caption(escape_markdown(f"{safe_name(name)}: {one.reason}"))
    if groups:
        draw_download(context, run)


def draw_download(context: PageContext, run: Run) -> None:
    """Draw the button that saves all problems and notes of a run as CSV."""
    st.download_button(
        "All of it as CSV",
        partial(problems_csv, context, run.id),
        f"problems-of-run-{run.id}.csv",
        "text/csv",
        key=f"csv-{run.id}",
        on_click="ignore",
        help="What could not be used, with file, row and reason; and the notes.",
    )


def _groups(context: PageContext, run: Run, problems: int) -> list[ProblemGroup]:
    """Return the problems by reason; they are grouped once where the run has ended."""
    kept: dict[object, list[ProblemGroup]] = st.session_state.setdefault("problem-groups", {})
    key = run.id, run.finished_at, problems
    if run.finished_at is not None and key in kept:
        return kept[key]
    with context.database.read() as session:
        found = group_problems(session, run_id=run.id)
    kept[key] = found
    return found


def groups_html(groups: list[ProblemGroup]) -> str:
    """Return reasons, how many images and texts each is about, and the first of them by name."""
    items = ""
    for one in groups:
        names = _list_html(one.names, one.problems - len(one.names))
        items += f"<li><b>{escape(counted(one))}</b> {escape(one.reason)}{names}</li>"
    return f'<ul class="reasons">{items}</ul>'


def _list_html(names: Iterable[str], more: int = 0) -> str:
    items = "".join(f"<li>{escape(safe_name(name))}</li>" for name in names)
    return f"<ul>{items}{f'<li>and {more:,} more</li>' if more > 0 else ''}</ul>"


def _sources(count: int) -> str:
    return "1 file or row" if count == 1 else f"{count:,} files or rows"


def counted(group: ProblemGroup) -> str:
    """Return how many images, files or texts a group is about."""
    texts = count_of(group.texts, "text")
    if group.about in ("text", "text without image"):
        return texts
    several = count_of(group.inputs, "image")
    if group.about == "source":
        several = _sources(group.inputs)
    return f"{several}, {texts}" if group.texts else several


def problems_csv(context: PageContext, run_id: int) -> bytes:
    """Return all problems and notes of a run as CSV that is safe to open in a spreadsheet."""
    rows: list[dict[str, object]] = []
    last = 0
    while len(rows) < PROBLEMS_SAVED:
        with context.database.read() as session:
            found = list_problems(session, run_id=run_id, after=last, limit=PAGE)
        rows += map(_csv_row, found)
        if len(found) < PAGE:
            break
        last = found[-1].id
    columns = ["file", "row", "image", "about", "count", "texts", "reason"]
    frame = pandas.DataFrame(rows, columns=columns)
    text: str = frame.map(spreadsheet_safe).to_csv(index=False)
    return text.encode()


def about(one: RunProblem) -> str:
    """Return what a problem is about, in words."""
    return ABOUT.get(one.about, one.about)


def _csv_row(one: RunProblem) -> dict[str, object]:
    counts: dict[str, object] = {"about": about(one), "count": one.inputs, "texts": one.texts}
    return place_of(one.name) | counts | {"reason": one.reason}


def place_of(name: str) -> dict[str, object]:
    """Return file, row and image that the name of a problem tells."""
    found = PLACE.fullmatch(name)
    if found is None:
        return {"file": name, "row": "", "image": ""}
    row = found["number"].replace(",", "")
    return {"file": found["file"], "row": row, "image": found["image"] or ""}
