"""The command that does again what failed in a run: capfilt retry."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from blip2core.cli.capfilt_work import (
    filter_of_dataset,
    load_models,
    settings_of_run,
    write_end,
    write_step,
)
from blip2core.cli.options import AsJson, DatabaseUrl, Device
from blip2core.cli.output import write_row
from blip2core.cli.studio import opened
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.capfilt import CapFilt
    from blip2core.storage import Database
    from blip2core.storage.schema import Run


def retry(
    run: Annotated[int, typer.Argument(metavar="RUN", help="Its number: `blip2 capfilt status`.")],
    queue: Annotated[
        bool, typer.Option("--queue", help="Leave the work to a studio that runs.")
    ] = False,
    captioner: Annotated[
        str | None, typer.Option(help="Path of the captioner, where it came from a folder.")
    ] = None,
    matcher: Annotated[
        str | None, typer.Option("--filter", help="Scores; without it the one that scored last.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images that are worked on together.")] = 32,
    device: Device = "auto",
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Do again what failed in a run, and nothing that succeeded.

    For causes that pass: images that were away, a model that had no memory. On SQLite a running
    studio owns the database; its page Runs has a button for this.
    """
    from blip2core.storage.retries import retry_run, retryable_items
    from blip2core.storage.runs import get_run

    with opened(database) as studio:
        with studio.read() as session:
            found = get_run(session, run_id=run)
            failed = len(retryable_items(session, run_id=run))
        if queue or not failed:  # without one, it says so
            failed = studio.run_write(lambda session: retry_run(session, run_id=run))
            row = {"run": run, "queued": failed}
            write_row(row, as_json, f"run {run} waits to do {count_of(failed, 'image')} again")
            return
        models = _models(studio, found, captioner, matcher, batch, device)
        studio.run_write(lambda session: retry_run(session, run_id=run, claim=True))
        _work(studio, found, models, as_json)


def _models(
    database: "Database",
    run: "Run",
    captioner: str | None,
    matcher: str | None,
    batch: int,
    device: str,
) -> "CapFilt":
    """Load what the run was done with."""
    if run.kind != "capfilt":
        return load_models(None, matcher or run.model, None, batch, device)
    name, captions = settings_of_run(run, captioner)
    matcher = matcher or filter_of_dataset(database, run.dataset_id or 0)
    return load_models(name, matcher, captions, batch, device)


def _work(database: "Database", run: "Run", models: "CapFilt", as_json: bool) -> None:
    from blip2core.curation import rules_of, work
    from blip2core.storage.datasets import get_dataset

    with database.read() as session:
        dataset = get_dataset(session, dataset_id=run.dataset_id or 0)
    rules = rules_of(dataset)
    with closing(work(database, run.id, models, claimed=True)) as steps:
        for step in steps:
            write_step(step, rules, as_json)
    write_end(database, dataset.id, run.id, rules, as_json)
