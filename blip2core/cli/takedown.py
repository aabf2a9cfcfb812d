"""Commands that delete images: db takedown, and db sweep for files that nothing refers to."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from blip2core.cli.options import AsJson, DryRun, Url, Yes
from blip2core.cli.output import write_row
from blip2core.cli.studio import opened, shown
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.storage.takedown import TakedownPlan


def takedown(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...", help="Their SHA-256 (12 digits will do), or items by number."
        ),
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Delete images and keep them from coming back, after showing all that this does."""
    from blip2core.storage.takedown import plan_takedown, take_down

    with opened(url, owner=not dry_run) as database:
        plan = plan_takedown(database, images)
        asks = not (dry_run or yes or plan.is_done)
        if asks or not as_json:
            for line in _plan_lines(plan):
                print(line, file=sys.stderr if as_json else sys.stdout, flush=True)
        if asks:
            typer.confirm("Take them down? This cannot be undone.", abort=True, err=True)
        deleted = 0 if dry_run else take_down(database, plan)
    row = asdict(plan) | {"bytes": plan.bytes, "dry_run": dry_run, "deleted": deleted}
    if as_json:
        write_row(row, as_json)
    elif not dry_run:
        write_row(
            row,
            as_json,
            f"{count_of(deleted, 'file')} deleted, {count_of(plan.bytes, 'byte')} freed.",
        )


def sweep(
    yes: Yes = False, dry_run: DryRun = False, url: Url = None, as_json: AsJson = False
) -> None:
    """Delete image files that no row of this database refers to, an hour old or more.

    Imports and takedowns that were killed leave them. Not for a folder that two databases share.
    """
    from blip2core.storage.items import stored_images
    from blip2core.storage.takedown import finish_takedowns

    with opened(url, owner=not dry_run) as database:
        with database.read() as session:
            wanted = stored_images(session)
        files = database.images.unwanted(wanted.__contains__)
        size = sum(file.stat().st_size for file in files)
        about = (
            f"{count_of(len(files), 'file')} ({count_of(size, 'byte')}) in {database.images.root}"
        )
        if files and not (dry_run or yes):
            typer.confirm(f"Delete {about}?", abort=True, err=True)
        deleted = 0
        if not dry_run:
            deleted = finish_takedowns(database) + database.images.sweep(wanted.__contains__)
    row = {"folder": str(database.images.root), "files": len(files), "bytes": size}
    told = f"{about} belong to no image." if dry_run else f"{count_of(deleted, 'file')} deleted."
    write_row(row | {"dry_run": dry_run, "deleted": deleted}, as_json, told)


def _plan_lines(plan: "TakedownPlan") -> Iterator[str]:
    """Yield the plan for a terminal, a line for each thing that it concerns."""
    for file in plan.files:
        state = "taken down already" if file.taken_down else "is taken down"
        yield f"image {file.sha256} ({file.format}): {state}, {file.bytes:,} bytes are deleted"
    for item in plan.items:
        texts, decisions = count_of(item.texts, "text"), count_of(item.decisions, "decision")
        stay = f"{texts} and {decisions} stay in the database"
        yield f"item {item.item_id} of {shown(item.dataset)} ({item.status}): excluded; {stay}"
    for snapshot in plan.snapshots:
        pairs = count_of(snapshot.pairs, "pair")
        yield f"snapshot {shown(snapshot.name)}: left out from now on: {pairs}"
        for export in snapshot.exports:
            if export.location:
                where = shown(export.location)
                yield f"  written as {export.format} to {where}: delete it or write it again"
    if plan.alike:
        numbers = ", ".join(map(str, plan.alike))
        yield f"items that look almost the same, and stay: {numbers}"
