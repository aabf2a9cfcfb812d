"""What is about to be imported: the first rows of its tables, and which column is what."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Hashable, Sequence
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.escaping import escape_markdown
from app.settings import AppSettings, is_allowed
from blip2core.errors import IntakeError
from blip2core.intake import (
    Cell,
    Columns,
    NamedFile,
    Preview,
    TableKind,
    one_of_each_kind,
    preview,
    safe_name,
)
from blip2core.intake.preview_values import Role
from blip2core.texts import count_of

log = logging.getLogger(__name__)

COLUMNS_SHOWN = 12
"""Columns of which the first rows are shown: those that are used first."""
NAME_SHOWN = 60
"""Characters of a column's name."""
NO_COLUMN = "no column"
IMAGES_ARE_IN, TEXTS_ARE_IN, IDS_ARE_IN = "Images are in", "Texts are in", "Ids are in"
NO_IMAGES = (
    f"Choose under “{IMAGES_ARE_IN}” the column that names the images, holds them, or has their "
    "addresses: no name of a column tells."
)


def draw_previews(
    files: Sequence[UploadedFile], path: str, settings: AppSettings
) -> dict[TableKind, Columns]:
    """Draw the tables among what was chosen; return the columns of those where somebody chose
    others than the guessed ones, for all tables of the kind.
    """
    uploads = [NamedFile(safe_name(one.name), one.getvalue()) for one in files]
    key = (*(one.file_id for one in files), *_state_of(path))
    if not key:
        return {}
    previews = _looked_at(key, uploads, _folder(path, settings))
    chosen: dict[TableKind, Columns] = {}
    for number, one in enumerate(previews):
        with st.container(border=True):
            columns = draw_preview(one, f"{hash(key)}-{number}")
        if columns is not None and one.kind is not None:
            chosen[one.kind] = columns
    return chosen


def _state_of(path: str) -> tuple[Hashable, ...]:
    """Return what changes where a file or folder does."""
    if not path.strip():
        return ()
    try:
        return path, Path(path.strip()).expanduser().stat().st_mtime_ns
    except (OSError, ValueError, RuntimeError):  # RuntimeError: of nobody's home
        return path, None


def _folder(path: str, settings: AppSettings) -> Path | None:
    """Return a file or folder of this machine, where it is there and may be read."""
    try:
        found = Path(path.strip()).expanduser()
        may_be_read = bool(path.strip()) and is_allowed(found, settings) and found.exists()
    except (OSError, ValueError, RuntimeError):
        return None
    return found if may_be_read else None


def _looked_at(
    key: Hashable, uploads: Sequence[NamedFile], folder: Path | None
) -> tuple[Preview, ...]:
    """Return the previews, which are made once for the same files, and draw why there are none."""
    known = st.session_state.get("preview")
    if known is None or known[0] != key:
        with st.spinner("Looking at the tables…"):
            known = key, *_look(uploads, folder)
        st.session_state["preview"] = known
    for problem in known[2]:
        st.warning(escape_markdown(problem))
    previews: tuple[Preview, ...] = known[1]
    return previews


def _look(
    uploads: Sequence[NamedFile], folder: Path | None
) -> tuple[tuple[Preview, ...], tuple[str, ...]]:
    found: list[Preview] = []
    problems: list[str] = []
    sources = [uploads[0] if len(uploads) == 1 else uploads] if uploads else []
    for source in (*sources, *([folder] if folder is not None else ())):
        try:
            found += preview(source)
        except IntakeError as error:
            problems.append(str(error))
        except Exception:  # the import tells what is wrong with it, and reads the rest
            log.warning("A table cannot be looked at", exc_info=True)
            problems.append("What is in it cannot be shown before the import.")
    return one_of_each_kind(found), tuple(problems)


def draw_preview(found: Preview, key: str) -> Columns | None:
    """Draw one table or annotation file; return the columns that were chosen instead of the
    guessed ones, None where none were.
    """
    st.html(_title(found))
    chosen = _draw_choice(found, key) if found.is_table else None
    problem = found.problem_with(chosen) if chosen else found.problem
    columns = chosen or found.columns
    if found.is_table and not columns.path and not columns.url:
        problem = NO_IMAGES
    if problem:
        st.warning(escape_markdown(problem))
    if found.rows:
        st.html(rows_html(found, chosen))
    if found.images:
        st.html(images_html(found))
    for note in found.notes:
        st.caption(escape_markdown(note))
    return chosen


def _draw_choice(found: Preview, key: str) -> Columns | None:
    """Draw which column is what -> the choice, None where it is the guess."""
    names = [name for name in found.header if name]
    guessed = found.columns
    image_column = guessed.path or guessed.url
    left, right = st.columns([3, 2])
    image = left.selectbox(
        IMAGES_ARE_IN,
        ["", *names],
        index=names.index(image_column) + 1 if image_column in names else 0,
        format_func=_shown_name,
        key=f"image-column-{key}",
    )
    ident = right.selectbox(
        IDS_ARE_IN,
        ["", *names],
        index=names.index(guessed.id) + 1 if guessed.id in names else 0,
        format_func=_shown_name,
        key=f"id-column-{key}",
        help="Kept with the texts, as columns of numbers are.",
    )
    texts = st.multiselect(
        TEXTS_ARE_IN,
        names,
        default=[name for name in guessed.texts if name in names],
        format_func=_shown_name,
        key=f"text-columns-{key}",
        placeholder="no column: the images come without texts of this table",
        help="Several columns are several texts of each image.",
    )
    return chosen_columns(found, image or None, texts, ident or None)


def chosen_columns(
    found: Preview, image: str | None, texts: Sequence[str], ident: str | None
) -> Columns | None:
    """Return what was chosen as all that is read of a table; None where it is the guess."""
    guessed = found.columns
    is_guessed_image = image == (guessed.path or guessed.url)
    if is_guessed_image and {*texts} == {*guessed.texts} and ident == guessed.id:
        return None
    taken = {image, ident, *texts}
    return Columns(
        path=guessed.path if is_guessed_image else image,
        url=guessed.url if is_guessed_image and guessed.url not in {ident, *texts} else None,
        texts=tuple(texts),
        page_url=None if guessed.page_url in taken else guessed.page_url,
        license=None if guessed.license in taken else guessed.license,
        id=ident,
        complete=True,
    )


def rows_html(found: Preview, chosen: Columns | None) -> str:
    """Return the first rows as a table: the columns that are used first, each with its role."""
    roles = {name: found.role(name, chosen) for name in found.header}
    last = {"not used": 2, "data": 1}
    names = sorted(found.header, key=lambda name: last.get(roles[name], 0))
    shown, more = names[:COLUMNS_SHOWN], len(names) - COLUMNS_SHOWN
    heads = (_head_html(name, roles[name]) for name in shown)
    rows = ("".join(_cell_html(row[name]) for name in shown) for row in found.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    label = escape(f"First rows of {safe_name(found.table)}", quote=True)
    rest = f'<p class="facts">and {count_of(more, "column")} more</p>' if more > 0 else ""
    return (
        f'<div class="rows" role="region" aria-label="{label}" tabindex="0"><table><thead><tr>'
        f"{''.join(heads)}</tr></thead><tbody>{body}</tbody></table></div>{rest}"
    )


def images_html(found: Preview) -> str:
    """Return the first images of an annotation file with their texts."""
    items = (
        f"<li>{_image_html(one.name)}<div><b>{escape(one.name.text)}</b>"
        f"{''.join(f'<p>{escape(text)}</p>' for text in one.texts)}</div></li>"
        for one in found.images
    )
    return f'<ul class="first-images">{"".join(items)}</ul>'


def _title(found: Preview) -> str:
    others = f", and {count_of(len(found.others), 'table')} like it" if found.others else ""
    return (
        f'<p class="table-name"><b>{escape(safe_name(found.table))}</b> '
        f"{escape(found.format)}{others}</p>"
    )


def _head_html(name: str, role: Role) -> str:
    kind = "unused" if role == "not used" else "used"
    return (
        f'<th scope="col"><span class="role {kind}">{role}</span>'
        f"{escape(safe_name(name, limit=NAME_SHOWN))}</th>"
    )


def _cell_html(cell: Cell) -> str:
    image = _image_html(cell)
    text = "" if image and cell.text.endswith("bytes") else escape(cell.text)
    return f"<td>{image}<div>{text}</div></td>"


def _image_html(cell: Cell) -> str:
    """Return a small image, which was made here; nothing where the cell has none."""
    if cell.image is None:
        return ""
    return f'<img src="data:image/jpeg;base64,{b64encode(cell.image).decode()}" alt="">'


def _shown_name(name: str) -> str:
    return safe_name(name, limit=NAME_SHOWN) if name else NO_COLUMN
