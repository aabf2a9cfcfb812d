"""The command that does again what failed in a run: capfilt retry."""

from contextlib import closing
from typing import Annotated

import typer

from blip2core.cli.options import AsJson, DatabaseUrl, Device
from blip2core.cli.output import write_row
from blip2core.cli.studio import opened
from blip2core.errors import StorageError
from blip2core.texts import count_of


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
    from blip2core.storage.runs import get_run, retry_run, retryable_items

    with opened(database) as studio:
        with studio.read() as session:
            found = get_run(session, run_id=run)
            failed = len(retryable_items(session, run_id=run))
        if queue or not failed:  # without one, it says so
            failed = studio.run_write(lambda session: retry_run(session, run_id=run))
            row = {"run": run, "queued": failed}
            write_row(row, as_json, f"run {run} waits to do {count_of(failed, 'image')} again")
            return
        from blip2core.cli.capfilt import (
            filter_of_dataset,
            load_models,
            settings_of_run,
            write_end,
            write_step,
        )
        from blip2core.curation import rules_of, work
        from blip2core.storage.datasets import get_dataset

        if found.dataset_id is None:
            raise StorageError(f"Run {run} is over no dataset.")
        with studio.read() as session:
            dataset = get_dataset(session, dataset_id=found.dataset_id)
        rules = rules_of(dataset)
        if found.kind == "capfilt":
            name, captions = settings_of_run(found, captioner)
            scorer = matcher or filter_of_dataset(studio, dataset.id)
            models = load_models(name, scorer, captions, batch, device)
        else:
            models = load_models(None, matcher or found.model, None, batch, device)
        studio.run_write(lambda session: retry_run(session, run_id=run, claim=True))
        with closing(work(studio, run, models, claimed=True)) as steps:
            for step in steps:
                write_step(step, rules, as_json)
        write_end(studio, dataset.id, run, rules, as_json)
