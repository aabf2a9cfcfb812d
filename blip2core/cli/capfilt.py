"""Commands that caption and filter: capfilt run, rescore, retry, status."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blip2core.cli.capfilt_work import (
    FILTER,
    filter_of_dataset,
    load_models,
    settings_of_run,
    write_end,
    write_step,
)
from blip2core.cli.options import (
    AsJson,
    DatabaseUrl,
    DatasetName,
    DecodingOption,
    Device,
    IdColumn,
    ImageColumn,
    MetadataTexts,
    ReadRoot,
    Rules,
    TextColumns,
    Threshold,
)
from blip2core.cli.output import write_row
from blip2core.cli.retry import retry
from blip2core.cli.studio import dataset_number, doubted_in_words, opened, rules_named, shown
from blip2core.cli.transfers import storages
from blip2core.config import MOST_TEXTS, CaptionConfig, DecodeConfig, FilterConfig
from blip2core.errors import StorageError
from blip2core.texts import count_of

if TYPE_CHECKING:
    from blip2core.capfilt import CapFilt
    from blip2core.intake import Columns, Reading
    from blip2core.records import Problem, Unused, WebImage
    from blip2core.storage import Database
    from blip2core.storage.schema import Run

capfilt = typer.Typer(
    help="Caption web images and filter their texts (BLIP, section 3.3).", no_args_is_help=True
)
capfilt.command()(retry)
Captioner = Annotated[str, typer.Option(help="Writes; a name of `blip2 models`.")]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="Scores; a name of `blip2 models`. With --resume: the one that scored last.",
        show_default=FILTER,
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images that are worked on together.")]


@capfilt.command(name="run")
def run_capfilt(
    dataset: DatasetName,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Folders, images, zip and tar archives, tables (CSV, TSV, JSONL, Parquet, "
            "Arrow), annotation files (JSON), also at s3://, gs:// and hf://datasets/OWNER/NAME; "
            "none works on what is in the dataset.",
        ),
    ] = None,
    captioner: Captioner = "stickers-opt",
    matcher: Filter = None,
    num: Annotated[
        int, typer.Option(min=1, max=MOST_TEXTS, help="Texts written for each image.")
    ] = 3,
    mode: DecodingOption = "sample",
    seed: Annotated[int | None, typer.Option(help="Same seed, same texts; sample only.")] = 0,
    prompt: Annotated[str | None, typer.Option(help="How each text shall begin.")] = None,
    rules: Rules = None,
    threshold: Threshold = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the newest run that did not end, as it was."),
    ] = False,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch addresses from the public Internet.")
    ] = False,
    root: ReadRoot = None,
    text_columns: TextColumns = None,
    image_column: ImageColumn = None,
    id_column: IdColumn = None,
    metadata_texts: MetadataTexts = True,
    batch: BatchSize = 32,
    device: Device = "auto",
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Import images with their texts, write texts for each, score all of them alike.

    The same call goes on where it was interrupted, and after its end looks only at images that
    have come in since: no text is written, and none scored, twice by the same model and settings.
    Nothing is accepted or rejected: the rules are kept with the dataset, see `blip2 curate apply`.
    """
    from blip2core.curation import set_rules, start_capfilt, with_doubt
    from blip2core.intake import Columns, Reading
    from blip2core.models.specs import find_spec, of_kind

    of_kind(find_spec(captioner), "generator")
    of_kind(find_spec(matcher or FILTER), "matcher")
    decode = DecodeConfig(mode=mode, seed=seed if mode == "sample" else None, max_new_tokens=48)
    captions = CaptionConfig(num=1 if mode == "greedy" else num, decode=decode, prompt=prompt)
    with opened(database) as studio:
        if resume:
            captioner, captions = settings_of_run(_unfinished(studio, dataset), captioner)
            matcher = matcher or filter_of_dataset(studio, dataset_number(studio, dataset))
        columns = Columns(path=image_column, texts=tuple(text_columns or ()), id=id_column)
        reading = Reading()
        found = (
            _read(inputs, download, root, columns, metadata_texts, reading) if inputs else iter(())
        )
        chosen = rules_named(studio, dataset, rules, threshold, may_be_new=bool(inputs))
        models = load_models(captioner, matcher, captions, batch, device)
        if inputs:  # only now, so that a wrong call leaves nothing behind
            _import(studio, dataset, inputs, found, reading, as_json)
        number = dataset_number(studio, dataset)
        if rules is None:
            chosen = with_doubt(chosen, models)
        set_rules(studio, dataset_id=number, rules=chosen)
        run_id = start_capfilt(studio, dataset_id=number, models=models)
        _work(studio, run_id, models, chosen, as_json)
        write_end(studio, number, run_id, chosen, as_json)


@capfilt.command()
def rescore(
    dataset: DatasetName,
    matcher: Annotated[
        str | None,
        typer.Option("--filter", help="Scores all texts; a name of `blip2 models`."),
    ] = None,
    rules: Rules = None,
    threshold: Threshold = None,
    batch: BatchSize = 32,
    device: Device = "auto",
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Give a dataset another filter: other rules, which need no model, or another matcher."""
    from blip2core.curation import set_rules

    if matcher is not None:  # only then is torch needed
        from blip2core.capfilt import CapFilt
        from blip2core.curation import start_rescore
        from blip2core.models.loading import load_matcher

    with opened(database) as studio:
        number = dataset_number(studio, dataset)
        chosen = rules_named(studio, dataset, rules, threshold)
        if matcher is not None:
            models = CapFilt(matcher=load_matcher(matcher, device=device), batch=batch)
            run_id = start_rescore(studio, dataset_id=number, models=models)
            _work(studio, run_id, models, chosen, as_json)
        preview = set_rules(studio, dataset_id=number, rules=chosen)
        counts = {"accept": preview.accept, "reject": preview.reject, "items": preview.items}
        row = {"dataset": dataset} | counts | {"items_kept": preview.items_kept}
        row["items_doubted"] = preview.items_doubted
        words = f"of {count_of(preview.decisions, 'text')} {preview.accept} would be kept"
        write_row(
            row,
            as_json,
            f"{words}, on {preview.items_kept} of {count_of(preview.items, 'image')}"
            f"{doubted_in_words(preview)}",
        )


@capfilt.command(name="status")
def capfilt_status(
    dataset: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest runs shown.")] = 20,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the datasets with their items by status, and the newest runs."""
    from blip2core.storage.datasets import find_dataset, list_datasets
    from blip2core.storage.runs import done_again, list_runs, was_interrupted

    with opened(database, owner=False) as studio, studio.read() as session:
        has_owner = studio.has_owner()
        found = [one for one in list_datasets(session) if dataset in (None, one.dataset.name)]
        if dataset is not None:
            find_dataset(session, name=dataset)  # names those there are
        for one in found:
            row = {"dataset": one.dataset.name, "items": one.items, "statuses": one.statuses}
            counts = ", ".join(f"{name} {count}" for name, count in one.statuses.items())
            write_row(row, as_json, one.dataset.name, count_of(one.items, "item"), counts)
        numbers = {one.dataset.id: one.dataset.name for one in found}
        runs = list_runs(session, limit=limit)
        again = done_again(session, runs, has_owner=has_owner)
        for each in runs:
            if each.dataset_id in numbers:
                killed = was_interrupted(each, has_owner=has_owner)
                name = numbers[each.dataset_id]
                _write_run(each, name, killed, again.get(each.id), as_json)


def _read(
    inputs: list[str],
    download: bool,
    root: Path | None,
    columns: "Columns",
    metadata_texts: bool,
    reading: "Reading",
) -> "Iterator[WebImage | Problem | Unused]":
    """Read the inputs. Raises IntakeError where there is only one and it cannot be read."""
    if not inputs:
        return iter(())
    from blip2core.intake import Downloads, read

    source = inputs[0] if len(inputs) == 1 else inputs
    fetched = Downloads() if download else None
    return read(
        source,
        columns=columns,
        download=fetched,
        root=root,
        metadata_texts=metadata_texts,
        storages=storages(),
        reading=reading,
    )


def _import(
    database: "Database",
    dataset: str,
    inputs: list[str],
    found: "Iterator[WebImage | Problem | Unused]",
    reading: "Reading",
    as_json: bool,
) -> None:
    from blip2core.cli.reading_bar import ReadingBar
    from blip2core.curation import import_images
    from blip2core.intake import Sums

    label = ", ".join(Path(name).name for name in inputs)
    counts = {"imported": 0, "known": 0, "problems": 0}
    sums = Sums()
    steps = import_images(
        database, dataset=dataset, inputs=found, label=label, sums=sums, reading=reading
    )
    with ReadingBar(reading) as bar, closing(steps) as results:
        for one in results:
            bar.show()
            if one.problem is not None:
                is_note = one.problem.about == "note"
                counts["problems"] += not is_note
                row: dict[str, object] = {"name": one.problem.name, "problem": one.problem.reason}
                told = f"{'note' if is_note else 'problem'}: {one.problem.reason}"
                row["about"] = one.problem.about
                bar.write_row(row, as_json, shown(one.problem.name), told)
            elif one.item is None:
                counts["known"] += one.skipped
                row = {"name": one.name, "skipped": one.skipped}
                told = f"finished before: {count_of(one.skipped, 'image')} there already"
                bar.write_row(row, as_json, shown(one.name), told)
            else:
                counts["imported" if one.item.is_new else "known"] += 1
    for left in () if as_json else sums.unused_examples():
        write_row({}, as_json, shown(left.name), f"not used: {left.in_words()}")
    words = ", ".join(f"{name} {count}" for name, count in counts.items())
    write_row(counts | sums.as_json(), as_json, "; ".join((words, *sums.sentences())))


def _unfinished(database: "Database", dataset: str) -> "Run":
    from blip2core.storage.runs import done_again, list_runs

    open_runs = ("queued", "running", "paused", "failed", "cancelled")
    number = dataset_number(database, dataset)
    with database.read() as session:
        runs = list_runs(session, dataset_id=number, statuses=open_runs)
        again = done_again(session, runs)
    found = next((one for one in runs if one.kind == "capfilt" and one.id not in again), None)
    if found is None:
        raise StorageError(f"No run over {dataset} waits to be resumed; leave out --resume.")
    return found


def _work(
    database: "Database", run_id: int, models: "CapFilt", rules: FilterConfig, as_json: bool
) -> None:
    """Do what the run has still to do, and print each image as soon as it is stored."""
    from blip2core.curation import work

    with closing(work(database, run_id, models)) as steps:
        for step in steps:
            write_step(step, rules, as_json)


def _write_run(run: "Run", dataset: str, killed: bool, done_by: int | None, as_json: bool) -> None:
    """Print a run; `done_by` is the later run that did the work of one that was killed."""
    killed = killed and done_by is None
    status = "interrupted" if killed else "done again" if done_by else run.status
    row = {"run": run.id, "kind": run.kind, "dataset": dataset, "status": status}
    row |= {"done": run.done, "failed": run.failed, "total": run.total, "model": run.model}
    beat = run.heartbeat_at.isoformat(timespec="seconds") if run.heartbeat_at else ""
    counts = f"{run.done}/{run.total}" if run.total else str(run.done)
    failed = count_of(run.failed, "problem") if run.failed else ""
    told = f"{status} by run {done_by}" if done_by else status
    words = (f"run {run.id}", run.kind, dataset, told, counts, failed, run.model or "", beat)
    hint = _way_on(run, dataset) if killed else ""
    row |= {"heartbeat": beat, "error": run.error, "hint": hint, "done_by": done_by}
    error = "" if done_by else run.error
    write_row(row, as_json, *words, hint or error or "")


def _way_on(run: "Run", dataset: str) -> str:
    """Return what to do about a run that was killed. A model that came from a folder needs its
    path.
    """
    from blip2core.models.specs import SPECS

    known = run.model in SPECS
    path = "" if known else f" --captioner PATH_OF/{run.model}"
    matcher = run.model if known else f"PATH_OF/{run.model}"
    return {
        "capfilt": f"resume with `blip2 capfilt run --dataset {dataset} --resume{path}`",
        "score": f"resume with `blip2 capfilt rescore --dataset {dataset} --filter {matcher}`",
        "import": "import the same again: what is there stays",
    }.get(run.kind, "")
