"""File names from outside, made safe to show and to compare; no file is written under one."""

import posixpath
import re
from unicodedata import normalize

from blip2core.errors import IntakeError
from blip2core.texts import clean_text, visible

MAX_NAME = 1_000
"""Characters of a path inside an archive or folder."""
HIDDEN = re.compile(r"\.(?!\.?$)")
"""The beginning of the name of a hidden file or folder, which . and .. are not."""
SPLIT = re.compile(r"(train|val|dev|test)(ing|idation|id)?[-_]?\d*", re.IGNORECASE)
DRIVE = re.compile(r"^[A-Za-z]:")


def safe_name(name: str, *, limit: int = 120) -> str:
    r"""Return a name for a line of a log or a page.

    Invisible characters are spelled out as \u202e, and a long name keeps its beginning and end. It
    is still text: markup in it has to be escaped.
    """
    if len(name) > 4 * limit:  # before the work, not after
        name = name[: 2 * limit] + name[-2 * limit :]
    shown = visible(name) or "(no name)"
    if len(shown) <= limit:
        return shown
    end = limit // 3
    return f"{shown[: limit - end - 1]}…{shown[-end:]}"


def split_of(word: str) -> str | None:
    """Return which split a folder or a word of a file's name means: train, val or test, as in
    train2014, validation, dev; None where it means none.
    """
    if (found := SPLIT.fullmatch(word)) is None:
        return None
    split = found[1].lower()
    return "val" if split == "dev" else split


def clean_path(path: str) -> str:
    """Return a path as `clean_text` does, but in the Unicode form that it has: two files may differ
    in that alone.
    """
    cleaned = clean_text(path)
    return path if normalize("NFC", path) == cleaned else cleaned


def inner_path(name: str, *, folder: str = "", depth: int = 32) -> str:
    """Return the path of a file inside an archive or folder, in one form: a/b.jpg.

    `folder` is where a relative name starts. IntakeError for a name that leads outside.
    """
    if not name.strip() or "\0" in name:
        raise IntakeError("The name is empty or contains NUL; give the file a name.")
    if len(name) > MAX_NAME:
        raise IntakeError(f"The name has {len(name)} characters; at most {MAX_NAME} are read.")
    slashed = name.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(folder, slashed))
    # In the path too: a/../C:/b.jpg
    if slashed.startswith("/") or DRIVE.match(slashed) or DRIVE.match(path):
        raise IntakeError("The name is an absolute path; give it relative to its table or archive.")
    if path == ".." or path.startswith("../"):
        raise IntakeError("The name leads outside the folder or archive; nothing there is read.")
    shown = clean_text(path)  # what is kept of the name: " /b.jpg" would become absolute there
    leads_out = shown == ".." or shown.startswith(("/", "../")) or DRIVE.match(shown)
    if leads_out or posixpath.normpath(shown) != shown:
        raise IntakeError("The name hides a path behind what cannot be seen; rename the file.")
    if path.count("/") > depth:
        raise IntakeError(f"The file lies deeper than {depth} folders; move it further up.")
    return path


def table_path(name: str, *, folder: str = "", depth: int = 32) -> str:
    """Return the path of a file as the table in `folder` names it, in the form of `inner_path`.

    An absolute path starts at the top: it may be meant so, or come from another machine, where its
    end tells the file. IntakeError as for `inner_path`.
    """
    slashed = name.replace("\\", "/")
    relative = DRIVE.sub("", slashed).lstrip("/")
    is_absolute = relative != slashed
    return inner_path(relative, folder="" if is_absolute else folder, depth=depth)


def base_name(path: str) -> str:
    """Return the last part of a path: a/b.jpg -> b.jpg, also with backslashes."""
    return path.replace("\\", "/").rpartition("/")[2]


def stem(path: str) -> str:
    """Return a path without its suffix: a/b.c.jpg -> a/b.c."""
    return path[: len(path) - len(suffix(path))]


def suffix(path: str) -> str:
    """Return the suffix in lower case: a/b.c.JPG -> .jpg; empty where there is none."""
    return posixpath.splitext(path)[1].lower()
