"""Commands that keep a studio from being lost: db backup, verify, restore, copy."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from blip2core.cli.options import AsJson, Url
from blip2core.cli.output import BAD_CALL, write_row
from blip2core.cli.studio import opened
from blip2core.texts import count_of

FILE_ENDINGS = (".db", ".sqlite", ".sqlite3")
"""Endings of a backup that is one file, as the first versions wrote it."""
Backup = Annotated[
    Path,
    typer.Argument(metavar="BACKUP", help="A backup, or a backup folder: the newest in it."),
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", help="Folder for the images; else BLIP2_DATA, else as a studio has it."),
]


def backup(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="BACKUPS",
            help="A folder of backups. Where it ends in .db or .sqlite: a new file, no images.",
        ),
    ],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Back up tables and images, also while the studio is in use; only new images are copied."""
    from blip2core.storage.backups import back_up

    if target.suffix in FILE_ENDINGS and not target.is_dir():
        _back_up_to_file(target, url, as_json)
        return
    with opened(url, owner=False) as database:
        made = back_up(database, target)
    manifest = made.manifest
    write_problems(made.problems, as_json)
    row = asdict(made) | {"backup": str(made.backup)}
    images = count_of(manifest.images, "image")
    words = f"{count_of(sum(manifest.rows.values()), 'row')}, {images}"
    new = f"{made.copied:,} copied ({count_of(made.copied_bytes, 'byte')})"
    write_row(row, as_json, f"{made.backup}: {words}, {new}.")
    end_with(made.problems)


def verify(backup: Backup, as_json: AsJson = False) -> None:
    """Read all of a backup; exit code 2 where it is not sound, and a line for each problem."""
    from blip2core.storage.backup_check import verify_backup

    found = verify_backup(backup)
    write_problems(found.problems, as_json)
    words = f"{count_of(found.rows, 'row')}, {count_of(found.images, 'image')}"
    problems = count_of(len(found.problems), "problem")
    row = asdict(found) | {"backup": str(found.backup)}
    write_row(row, as_json, f"{found.backup}: {words}, {problems}.")
    end_with(found.problems)


def restore(
    backup: Backup,
    images: Annotated[
        bool,
        typer.Option("--images", help="Only the images that the studio misses or has damaged."),
    ] = False,
    url: Url = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into an empty place; nothing is overwritten."""
    from blip2core.storage import open_database
    from blip2core.storage.restoring import restore_backup, restore_images

    if images:
        database = open_database(url, data=data, owner=False)
        try:
            found = restore_images(database, backup)
        finally:
            database.close()
    else:
        found = restore_backup(backup, url, data=data)
    write_problems(found.problems, as_json)
    row = asdict(found) | {"backup": str(found.backup), "images_folder": str(found.images_folder)}
    rows = "" if images else f"{count_of(found.rows, 'row')}, "
    place = found.images_folder if images else found.database
    words = f"{place}: {rows}{count_of(found.images, 'image')} from {found.backup}."
    write_row(row, as_json, words)
    end_with(found.problems)


def copy(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="URL or SQLite file of an empty database.")
    ],
    url: Url = None,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Copy the studio to another database, SQLite or PostgreSQL, and prove it by hashes."""
    from blip2core.storage.studio_copy import copy_studio

    with opened(url, owner=False) as database:
        copied = copy_studio(database, target, data=data)
    if copied.others:
        others = count_of(copied.others, "other connection")
        print(
            f"blip2: {others} to the source: what they store from now on is not in the copy.",
            file=sys.stderr,
        )
    write_problems(copied.problems, as_json)
    row = asdict(copied) | {"images_folder": str(copied.images_folder)}
    if as_json:
        write_row(row, as_json)
    else:
        for name, table in copied.tables.items():
            write_row({}, False, name, f"{table.rows:,}", table.sha256)
        rows = count_of(sum(table.rows for table in copied.tables.values()), "row")
        images = f"{count_of(copied.images, 'image')} copied to {copied.images_folder}"
        write_row({}, False, f"{copied.database}: {rows}, the same in both; {images}.")
    end_with(copied.problems)


def write_problems(problems: Sequence[str], as_json: bool) -> None:
    """Print a line for each problem on standard error; as JSON they are part of the result."""
    for problem in () if as_json else problems:
        print(f"blip2: {problem}", file=sys.stderr)


def end_with(problems: Sequence[str]) -> None:
    """End the command with exit code 2 where there are problems."""
    if problems:
        raise typer.Exit(BAD_CALL)


def _back_up_to_file(target: Path, url: str | None, as_json: bool) -> None:
    from blip2core.storage.maintenance import backup as back_up_tables

    with opened(url, owner=False) as database:
        health = back_up_tables(database.url, target)
    row = {"file": str(target), "revision": health.revision, "rows": health.rows}
    write_row(row, as_json, f"{target}: {count_of(sum(health.rows.values()), 'row')}, checked.")
