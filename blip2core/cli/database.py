"""Commands of the curator's database: db upgrade, backup, check, adopt, takedown, sweep."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from blip2core.cli.adopt import adopt
from blip2core.cli.options import AsJson, Url
from blip2core.cli.output import BAD_CALL, write_row
from blip2core.cli.takedown import sweep, takedown
from blip2core.texts import count_of

db = typer.Typer(help="The curator's database.", no_args_is_help=True)
db.command()(adopt)
db.command()(takedown)
db.command()(sweep)


@db.command(name="upgrade")
def upgrade_database(url: Url = None, as_json: AsJson = False) -> None:
    """Make the database where there is none, and bring its tables up to date."""
    from blip2core.storage import open_database

    database = open_database(url)
    shown, note = database.url.render_as_string(), database.note
    database.close()
    words = f"{shown} is up to date. {note}".strip()
    write_row({"database": shown, "note": note}, as_json, words)


@db.command(name="backup")
def backup_database(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; a new file.")],
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Copy an SQLite database, also while it is in use, and check the copy."""
    from blip2core.storage import open_database
    from blip2core.storage.maintenance import backup as back_up

    database = open_database(url, owner=False)
    try:
        health = back_up(database.url, target)
    finally:
        database.close()
    row = {"file": str(target), "revision": health.revision, "rows": health.rows}
    write_row(row, as_json, f"{target}: {count_of(sum(health.rows.values()), 'row')}, checked.")


@db.command(name="check")
def check_database(url: Url = None, as_json: AsJson = False) -> None:
    """Read all of the database; exit code 2 where it is not sound, and a line for each problem."""
    from blip2core.storage import open_database
    from blip2core.storage.maintenance import check as check_all

    database = open_database(url, owner=False)
    try:
        health = check_all(database.engine)
    finally:
        database.close()
    for problem in () if as_json else health.problems:
        print(f"blip2: {problem}", file=sys.stderr)
    rows, problems = sum(health.rows.values()), len(health.problems)
    words = f"{count_of(rows, 'row')}, {count_of(problems, 'problem')}."
    write_row(asdict(health), as_json, words)
    if health.problems:
        raise typer.Exit(BAD_CALL)
