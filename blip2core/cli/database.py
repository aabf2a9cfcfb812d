"""Commands of the curator's database: db upgrade, backup, check, takedown, sweep."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from blip2core.cli.options import Json, Url
from blip2core.cli.output import BAD_CALL, write
from blip2core.cli.takedown import sweep, takedown

db = typer.Typer(help="The curator's database.", no_args_is_help=True)
db.command()(takedown)
db.command()(sweep)


@db.command()
def upgrade(url: Url = None, as_json: Json = False) -> None:
    """Make the database where there is none, and bring its tables up to date."""
    from blip2core.storage import open_database

    database = open_database(url)
    shown, note = database.url.render_as_string(), database.note
    database.close()
    write({"database": shown, "note": note}, as_json, f"{shown} is up to date.", note)


@db.command()
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy; a new file.")],
    url: Url = None,
    as_json: Json = False,
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
    write(row, as_json, f"{target}: {sum(health.rows.values())} rows, checked.")


@db.command()
def check(url: Url = None, as_json: Json = False) -> None:
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
    words = f"{sum(health.rows.values())} rows, {len(health.problems)} problems."
    write(asdict(health), as_json, words)
    if health.problems:
        raise typer.Exit(BAD_CALL)
