"""Commands of the curator's database: db upgrade and check, and the group of all of them."""

from dataclasses import asdict
from typing import Annotated

import typer

from blip2core.cli.adopt import adopt
from blip2core.cli.backups import backup, copy, end_with, restore, verify, write_problems
from blip2core.cli.options import AsJson, Url
from blip2core.cli.output import write_row
from blip2core.cli.studio import opened
from blip2core.cli.takedown import sweep, takedown
from blip2core.texts import count_of

db = typer.Typer(help="The curator's database.", no_args_is_help=True)


@db.command(name="upgrade")
def upgrade_database(url: Url = None, as_json: AsJson = False) -> None:
    """Make the database where there is none, and bring its tables up to date."""
    from blip2core.storage import open_database

    database = open_database(url)
    shown, note = database.url.render_as_string(), database.note
    database.close()
    words = f"{shown} is up to date. {note}".strip()
    write_row({"database": shown, "note": note}, as_json, words)


@db.command(name="check")
def check_database(
    quick: Annotated[
        bool, typer.Option("--quick", help="Look whether the images are there; read none.")
    ] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Read all of the database and its images; exit code 2 where they are not sound, and a line
    for each problem.
    """
    from blip2core.storage.maintenance import check as check_all
    from blip2core.storage.missing_images import check_images

    with opened(url, owner=False) as database:
        health = check_all(database.engine)
        images = check_images(database.engine, database.images, quick=quick)
    problems = (*health.problems, *images.problems)
    write_problems(problems, as_json)
    rows, count = count_of(sum(health.rows.values()), "row"), count_of(images.images, "image")
    row = asdict(health) | {"images": images.images, "problems": problems}
    write_row(row, as_json, f"{rows}, {count}, {count_of(len(problems), 'problem')}.")
    end_with(problems)


for command in (backup, verify, restore, copy, adopt, takedown, sweep):
    db.command()(command)
