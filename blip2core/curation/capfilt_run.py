"""Captions and scores for the items of a dataset; a run that was killed goes on where it ended.

The texts and scores of a batch are one unit in the database. What a run has still to do is asked
of the database itself, so nothing is computed twice, wherever it was killed.
"""

from collections.abc import Generator as Yielding
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from threading import Event
from typing import Any

from sqlalchemy.orm import Session

from blip2core.capfilt import CapFilt, Judged, Task, judge, scorer_identity
from blip2core.config import FilterConfig
from blip2core.curation.filter_rules import rules_of
from blip2core.curation.jobs import code_version, running
from blip2core.doubt import calibration_for
from blip2core.models.identity import dtype_of, revision_of
from blip2core.records import Candidate, Problem, Scored, ScorerIdentity
from blip2core.storage import Database
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.captions import (
    PendingItem,
    add_captions,
    add_scores,
    pending_items,
    texts_of,
)
from blip2core.storage.datasets import get_dataset, status_counts, update_dataset
from blip2core.storage.retries import NOTHING_WRITTEN
from blip2core.storage.run_problems import add_problem
from blip2core.storage.runs import NewRun, create_run, get_run, heartbeat, list_runs, unfinished_run
from blip2core.storage.schema import Run
from blip2core.storage.store_id import check_store

ITEMS_AT_ONCE = 256
"""Items asked of the database together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapFiltStep:
    """What became of one item in a run; it is on disk."""

    run_id: int
    item_id: int
    scored: tuple[tuple[int, Scored], ...] = ()
    """Number and score of each text that was scored now."""
    problem: Problem | None = None


def start_capfilt(
    database: Database, *, dataset_id: int, models: CapFilt, started_by: int | None = None
) -> int:
    """Create the run that captions a dataset with this captioner and scores all its texts.

    One that has been begun with the same model and settings goes on, also when it was done and
    items have come in since: no item gets the same captions twice. Where texts are sampled without
    a seed they are new each time, and only a run that did not come to its end goes on.
    """
    generator = models.generator
    if generator is None:
        return start_rescore(database, dataset_id=dataset_id, models=models, started_by=started_by)
    _doubt_by_calibration(database, dataset_id, models)
    decode = models.captions.decode
    new = NewRun(
        kind="capfilt",
        code_version=code_version(),
        dataset_id=dataset_id,
        model=generator.spec.name,
        revision=revision_of(generator),
        dtype=dtype_of(generator),
        parameters={"captions": asdict(models.captions), "revision": revision_of(generator)}
        | {"captioner": generator.spec.name, "dtype": dtype_of(generator)},
        seed=decode.seed,
        started_by=started_by,
    )
    return _find_or_create(database, new, again=decode.is_repeatable)


def _doubt_by_calibration(database: Database, dataset_id: int, models: CapFilt) -> None:
    """Have the dataset's rules doubt images that are unlike what the models know, unless somebody
    said whether they shall.
    """
    with database.write() as session:
        dataset = get_dataset(session, dataset_id=dataset_id)
        rules = rules_of(dataset)
        doubting = with_doubt(rules, models)
        if doubting != rules and "own_caption_itc" not in dataset.policy:
            update_dataset(session, dataset_id=dataset_id, policy=asdict(doubting))


def with_doubt(rules: FilterConfig, models: CapFilt) -> FilterConfig:
    """Return rules that doubt images by the captioner's calibration, where it has one and was
    calibrated with this matcher.
    """
    if models.generator is None or rules.own_caption_itc is not None:
        return rules
    calibration = calibration_for(models.generator, models.matcher)
    return rules if calibration is None else replace(rules, own_caption_itc=calibration.threshold)


def start_rescore(
    database: Database, *, dataset_id: int, models: CapFilt, started_by: int | None = None
) -> int:
    """Create the run that scores all texts of a dataset with this matcher, and writes none."""
    identity = scorer_identity(models.matcher)
    new = NewRun(
        kind="score",
        code_version=code_version(),
        dataset_id=dataset_id,
        model=identity.model,
        revision=identity.revision,
        dtype=identity.dtype,
        parameters={"scorer": asdict(identity)},
        started_by=started_by,
    )
    return _find_or_create(database, new, again=True)


def work(
    database: Database,
    run_id: int,
    models: CapFilt,
    *,
    stop: Event | None = None,
    claimed: bool = False,
) -> Yielding[CapFiltStep, None, None]:
    """Do what a run has still to do; each step is on disk when it is handed over.

    Raises StorageError where another process does it, unless the caller `claimed` the run, and
    where the image store is not there: then the run has failed, and no item of it.

    Ends early where `stop` is set, or somebody asks the run to pause or to be cancelled. The image
    encoder is not run for items that are done.
    """
    stop = stop or Event()
    identity = scorer_identity(models.matcher)
    pending: dict[int, PendingItem] = {}
    with running(database, run_id, stop, claimed=claimed) as pulse:
        with database.read() as session:
            check_store(session, database.images)
        captions = _prepare(database, run_id)
        tasks = _tasks(database, run_id, identity, captions, pending)
        with closing(judge(tasks, models, stop=stop)) as results:
            for batch in chunks(results, models.batch):
                if any(judged.problem is not None for judged in batch):
                    with database.read() as session:  # is it these images, or are all of them away?
                        check_store(session, database.images)
                with database.write() as session:
                    heartbeat(session, run_id=run_id)  # keeps others out who do this run, too
                    steps = [
                        _store(session, run_id, judged, pending.pop(judged.task.key))
                        for judged in batch
                    ]
                    scores = dict(pair for step in steps for pair in step.scored)
                    add_scores(session, run_id=run_id, identity=identity, scores=scores)
                    failed = sum(step.problem is not None for step in steps)
                    done = len(steps) - failed
                    request = heartbeat(session, run_id=run_id, done=done, failed=failed)
                pulse.count(done, failed)
                pulse.hear(request)
                yield from steps


def _find_or_create(database: Database, new: NewRun, *, again: bool) -> int:
    with database.write() as session:
        dataset_id, parameters = new.dataset_id or 0, new.parameters or {}
        run = unfinished_run(
            session, dataset_id=dataset_id, kind=new.kind, parameters=parameters
        ) or (_done_run(session, new) if again else None)
        return (run or create_run(session, new)).id


def _done_run(session: Session, new: NewRun) -> Run | None:
    runs = list_runs(session, dataset_id=new.dataset_id, statuses=["done"], limit=1_000)
    same = (run for run in runs if (run.kind, run.parameters) == (new.kind, new.parameters))
    return next(same, None)


def _prepare(database: Database, run_id: int) -> bool:
    """Store the number of items in the run; return whether it writes captions."""
    with database.write() as session:
        run = get_run(session, run_id=run_id)
        counts = status_counts(session, dataset_id=run.dataset_id or 0)
        total = sum(count for status, count in counts.items() if status != "excluded")
        heartbeat(session, run_id=run_id, total=total)
        return run.kind == "capfilt"


def _tasks(
    database: Database,
    run_id: int,
    identity: ScorerIdentity,
    captions: bool,
    pending: dict[int, PendingItem],
) -> Iterator[Task]:
    """Yield what is still to do, page by page; `pending` remembers the items that are under way."""
    last = 0
    while True:
        with database.read() as session:
            page = pending_items(
                session,
                run_id=run_id,
                identity=identity,
                captions=captions,
                after=last,
                limit=ITEMS_AT_ONCE,
            )
        if not page:
            return
        last = page[-1].item_id
        for item in page:
            pending[item.item_id] = item
            yield Task(
                key=item.item_id,
                name=f"item {item.item_id}",
                data=database.images.path(item.image_sha256, format=item.format),
                sha256=item.image_sha256,
                texts=tuple(
                    Candidate(text=text.text, source=text.source) for text in item.unscored
                ),
                write=item.needs_captions,
            )


def _store(session: Session, run_id: int, judged: Judged, item: PendingItem) -> CapFiltStep:
    """Store the texts of one item and return its scores under the numbers of the texts."""
    step: dict[str, Any] = {"run_id": run_id, "item_id": item.item_id}
    if judged.problem is not None:
        return _failed(session, judged.problem, **step)
    old, new = judged.scored[: len(item.unscored)], judged.scored[len(item.unscored) :]
    numbers = [text.caption_id for text in item.unscored]
    if item.needs_captions and texts_of(session, item_id=item.item_id, run_id=run_id):
        new = ()  # this run was taken over, as after a jump of the clock, and the other was first
    elif item.needs_captions:
        stored = _stored_numbers(session, run_id, item.item_id, new)
        if not stored:
            add_problem(
                session,
                run_id=run_id,
                item_id=item.item_id,
                problem=Problem(name=judged.task.name, reason=NOTHING_WRITTEN),
            )
        numbers += stored
    return CapFiltStep(scored=tuple(zip(numbers, (*old, *new), strict=True)), **step)


def _stored_numbers(
    session: Session, run_id: int, item_id: int, written: Sequence[Scored]
) -> list[int]:
    texts = [one.candidate.text for one in written]
    stored = add_captions(session, run_id=run_id, item_id=item_id, texts=texts)
    number = {text.text: text.caption_id for text in stored}
    return [number[text] for text in texts]


def _failed(session: Session, problem: Problem, *, run_id: int, item_id: int) -> CapFiltStep:
    add_problem(session, run_id=run_id, item_id=item_id, problem=problem)
    return CapFiltStep(run_id=run_id, item_id=item_id, problem=problem)
