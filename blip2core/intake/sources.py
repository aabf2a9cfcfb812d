"""What somebody gives to be read: paths, files by name, texts beside them; checked and opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType

from blip2core.arguments import ADDRESS, check_kind, described
from blip2core.errors import IntakeError
from blip2core.file_names import MAX_NAME, safe_name
from blip2core.formats.files import NamedFile
from blip2core.intake.downloads import Downloads
from blip2core.intake.limits import Limits
from blip2core.remote.addresses import shown_address

ReadableSource = str | Path | NamedFile
Texts = Mapping[str, Sequence[str]] | ReadableSource
SETTINGS: dict[str, tuple[tuple[type, ...], str]] = {
    "download": ((Downloads, NoneType), "Downloads(), or None"),
    "limits": ((Limits, NoneType), "Limits(), or None"),
    "root": ((str, Path, NoneType), "the path of a folder, or None"),
    "metadata_texts": ((bool,), "True or False"),
}
SOURCES = "read takes the path of a file or folder, a NamedFile, or a list of these"


def checked_list(sources: object) -> list[ReadableSource]:
    """Return several sources as a list. Raises IntakeError where some are none."""
    expected = SOURCES
    hint = ": NamedFile('images.zip', data) names bytes" if isinstance(sources, bytes) else ""
    if hint or not isinstance(sources, Iterable):
        raise IntakeError(f"{expected}; got {described(sources)}{hint}.")
    listed = list(sources)
    for number, source in enumerate(listed, start=1):
        check_kind(
            source, (str, Path, NamedFile), f"{expected}; so must number {number} be", IntakeError
        )
    return listed


def check_settings(**settings: object) -> None:
    """Raise IntakeError where a setting of `read` or `preview` is of another kind than it takes."""
    for name, value in settings.items():
        kinds, expected = SETTINGS[name]
        check_kind(value, kinds, f"{name} of read is {expected}", IntakeError)


def check_texts(texts: object) -> None:
    """Raise IntakeError where `texts` of `read` are nothing that it takes."""
    expected = "texts of read are a table, or a list of texts by the name of each image"
    check_kind(texts, (str, Path, NamedFile, Mapping, NoneType), expected, IntakeError)
    for name, several in texts.items() if isinstance(texts, Mapping) else ():
        shown = safe_name(str(name))
        if isinstance(several, str):
            raise IntakeError(f"{expected}; {shown} has a str: put it into a list, [text].")
        check_kind(several, Sequence, f"{expected}; not so for {shown}", IntakeError)
        for text in several:
            check_kind(text, str, f"{expected}; not so for {shown}", IntakeError)


def folders_and_files(
    source: ReadableSource | Sequence[ReadableSource],
) -> list[Path | NamedFile]:
    """Return what `read` would read, the folders as paths. IntakeError where the only one is not
    there; of several, `read` tells of those that are not.
    """
    is_one = isinstance(source, str | Path | NamedFile)
    found: list[Path | NamedFile] = []
    for one in [source] if isinstance(source, str | Path | NamedFile) else checked_list(source):
        try:
            if isinstance(one, NamedFile) or not is_folder(one):
                found.append(named(one))
            else:
                found.append(Path(one).expanduser())
        except IntakeError:
            if is_one:
                raise
    return found


def is_folder(source: ReadableSource) -> bool:
    """Return whether a source is a folder that is there. Raises IntakeError where it has no name,
    which pathlib takes for the current folder.
    """
    if source == "":
        raise IntakeError("The path of a source is empty; the current folder is '.'.")
    return not isinstance(source, NamedFile) and os.path.isdir(Path(source).expanduser())


def named(source: ReadableSource) -> NamedFile:
    """Return a source as a named file. Raises IntakeError with the whole path, as it was given."""
    if isinstance(source, NamedFile):
        return source
    path = Path(source).expanduser()
    if isinstance(source, str) and ADDRESS.match(source):
        way = "download it, then give the file"
        if source.partition("://")[0].lower() not in ("http", "https", "ftp"):
            way = "storages=Storages() of blip2core.intake reads it"
        raise IntakeError(f"{shown_address(source)} is an address: {way}.")
    if not os.path.exists(path):  # pathlib's own raises where a name is too long
        raise IntakeError(f"There is no file or folder {safe_name(str(path), limit=MAX_NAME)}.")
    return NamedFile(path.name, path)


def name_of(source: ReadableSource) -> str:
    """Return the name of a source, for its suffix."""
    return source.name if isinstance(source, NamedFile) else str(source)


def no_source(name: str) -> IntakeError:
    """Return that a file is nothing that an import reads."""
    return IntakeError(
        f"{safe_name(name)} is neither an image, nor a zip or tar archive, nor a table (CSV, TSV, "
        "JSON, JSON Lines, Parquet, Arrow)."
    )
