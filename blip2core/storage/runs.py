"""Jobs: made, claimed, followed, paused, cancelled; and what went wrong in them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from blip2core.errors import StorageError
from blip2core.storage.columns import is_past, utc_now
from blip2core.storage.schema import Caption, Run, Score, Scorer
from blip2core.texts import clean_text

RUN_STALE_SECONDS = 60.0
"""A run whose last sign of life is older than this has been killed."""
OPEN = ("queued", "running", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What is to run, with everything that decides its result."""

    kind: str
    code_version: str
    dataset_id: int | None = None
    model: str | None = None
    """Needed, with its revision, where a model writes or scores."""
    revision: str | None = None
    dtype: str | None = None
    parameters: dict[str, Any] | None = None
    seed: int | None = None
    total: int | None = None
    """Inputs, where known."""
    started_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedItem:
    """The texts of two runs on the same item, with their newest ITM score."""

    item_id: int
    first: tuple[tuple[str, float | None], ...]
    second: tuple[tuple[str, float | None], ...]


def create_run(session: Session, new: NewRun) -> Run:
    """Add a run that waits to be claimed."""
    run = Run(
        uid=str(uuid.uuid4()),
        kind=new.kind,
        dataset_id=new.dataset_id,
        started_by=new.started_by,
        model=new.model,
        revision=new.revision,
        dtype=new.dtype,
        parameters=new.parameters or {},
        seed=new.seed,
        code_version=new.code_version,
        total=new.total,
    )
    session.add(run)
    session.flush()
    return run


def claim_run(
    session: Session,
    *,
    kinds: Sequence[str],
    stale_after: float = RUN_STALE_SECONDS,
    queued_for: float = 0.0,
) -> Run | None:
    """Mark the oldest run that waits, or was killed while it ran, as running and return it.

    Returns None where there is none. `queued_for`: leave runs alone that wait for fewer seconds, or
    whose last sign of life is not as old.

    Claim in a unit of its own: two workers never get the same run.
    """
    killed = (Run.status == "running") & or_(
        Run.heartbeat_at.is_(None), is_past(Run.heartbeat_at, seconds=stale_after)
    )
    last_sign = func.coalesce(Run.heartbeat_at, Run.created_at)
    waiting = (Run.status == "queued") & is_past(last_sign, seconds=queued_for)
    query = (
        select(Run)
        .where(Run.kind.in_(kinds), or_(waiting, killed))
        .order_by(Run.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    run = session.scalar(query)
    return None if run is None else mark_running(session, run)


def refuse_alive(session: Session, *, run_id: int) -> None:
    """Raise StorageError where another worker does this run and has shown signs of life."""
    run = locked_run(session, run_id)
    if run.status == "running" and not was_interrupted(run) and run.heartbeat_at is not None:
        seconds = (utc_now() - run.heartbeat_at).total_seconds()
        raise StorageError(
            f"Run {run_id} is being worked on elsewhere, its last sign of life was {seconds:.0f} s "
            "ago: wait for it, or pause it there."
        )


def start_run(session: Session, *, run_id: int) -> Run:
    """Mark this very run as running, for a worker that made it, claimed it or resumes it.

    What somebody asked of it since it was claimed is kept.
    """
    run = locked_run(session, run_id)
    request = run.request if run.status == "running" and not was_interrupted(run) else ""
    mark_running(session, run).request = request
    session.flush()
    return run


def heartbeat(
    session: Session, *, run_id: int, done: int = 0, failed: int = 0, total: int | None = None
) -> Literal["", "pause", "cancel"]:
    """Note that a run is alive, add to its counts, and return what it is asked to do."""
    run = locked_run(session, run_id)
    run.done += done
    run.failed += failed
    run.total = run.total if total is None else total
    run.heartbeat_at = utc_now()
    session.flush()
    request: Literal["", "pause", "cancel"] = run.request  # type: ignore[assignment]
    return request


def note_sums(
    session: Session,
    *,
    run_id: int,
    sums: Mapping[str, Any],
    reading: Mapping[str, Any] | None = None,
) -> None:
    """Keep what became of all that an import has read so far, and how far it is."""
    run = locked_run(session, run_id)
    run.sums, run.reading = dict(sums), dict(reading) if reading is not None else None
    session.flush()


def finish_run(
    session: Session,
    *,
    run_id: int,
    status: Literal["done", "failed", "cancelled", "paused"],
    error: str | None = None,
) -> Run:
    """Note how a run ended, and its error."""
    run = locked_run(session, run_id)
    run.status, run.request = status, ""
    run.error = clean_text(error) if error else None
    run.finished_at = None if status == "paused" else utc_now()
    session.flush()
    return run


def request_pause(session: Session, *, run_id: int) -> Run:
    """Ask a run to pause after its current batch; a waiting one is paused at once."""
    return _ask(session, run_id, "pause", "paused")


def request_cancel(session: Session, *, run_id: int) -> Run:
    """Ask a run to end for good; what it has stored stays."""
    return _ask(session, run_id, "cancel", "cancelled")


def resume_run(session: Session, *, run_id: int) -> Run:
    """Let a paused, failed or cancelled run wait to be claimed again; it goes on, not anew."""
    run = locked_run(session, run_id)
    if run.status == "done":
        raise StorageError("This run is done; start a new one.")
    if run.status != "running":
        run.status, run.finished_at, run.error = "queued", None, None
    run.request = ""
    session.flush()
    return run


def get_run(session: Session, *, run_id: int) -> Run:
    """Return the run of this number. Raises StorageError where there is none."""
    run = session.get(Run, run_id)
    if run is None:
        raise StorageError(f"There is no run number {run_id}.")
    return run


def was_interrupted(run: Run, *, has_owner: bool = True) -> bool:
    """Return whether a run that is "running" in its row was killed: there has been no sign of life
    for RUN_STALE_SECONDS (or the clock was set back by more since), or `Database.has_owner` says
    that no process could give one.
    """
    if run.status != "running":
        return False
    if not has_owner or run.heartbeat_at is None:
        return True
    return abs(utc_now() - run.heartbeat_at) > timedelta(seconds=RUN_STALE_SECONDS)


def done_again(session: Session, runs: Sequence[Run], *, has_owner: bool = True) -> dict[int, int]:
    """Return run -> the later run that did its work, for runs that did not come to their end: they
    were interrupted (see `was_interrupted`), failed, or paused.

    That one is done, of the same kind over the same dataset with the same parameters, and went
    through at least as many inputs. What somebody cancelled stays cancelled.
    """
    open_runs = [
        one
        for one in runs
        if one.status in ("paused", "failed") or was_interrupted(one, has_owner=has_owner)
    ]
    if not open_runs:
        return {}
    query = (
        select(Run)
        .where(Run.status == "done", Run.id > min(one.id for one in open_runs))
        .where(Run.kind.in_({one.kind for one in open_runs}))
        .order_by(Run.id.desc())
    )
    later = list(session.scalars(query))
    # The last one in a dict stays, which is the first that did it.
    return {
        one.id: other.id for one in open_runs for other in later if _did_the_work_of(one, other)
    }


def unfinished_run(
    session: Session, *, dataset_id: int, kind: str, parameters: dict[str, Any]
) -> Run | None:
    """Return the newest unfinished run over a dataset with the same parameters."""
    query = (
        select(Run)
        .where(Run.dataset_id == dataset_id, Run.kind == kind, Run.status != "done")
        .order_by(Run.id.desc())
    )
    return next((run for run in session.scalars(query) if run.parameters == parameters), None)


def list_runs(
    session: Session,
    *,
    dataset_id: int | None = None,
    statuses: Sequence[str] = (),
    before: int | None = None,
    limit: int = 50,
) -> list[Run]:
    """Return runs, newest first; for the next page, `before` is the last number of this one."""
    query = select(Run).order_by(Run.id.desc()).limit(limit)
    if dataset_id is not None:
        query = query.where(Run.dataset_id == dataset_id)
    if statuses:
        query = query.where(Run.status.in_(statuses))
    if before is not None:
        query = query.where(Run.id < before)
    return list(session.scalars(query))


def compare_runs(
    session: Session, *, first_id: int, second_id: int, after: int = 0, limit: int = 50
) -> list[ComparedItem]:
    """Return items that both runs captioned, by number above `after`, with the texts of each."""
    first, second = aliased(Caption), aliased(Caption)
    also = select(second.id).where(second.run_id == second_id, second.item_id == first.item_id)
    items = (
        select(first.item_id)
        .where(first.run_id == first_id, first.item_id > after, also.exists())
        .distinct()
        .order_by(first.item_id)
        .limit(limit)
    )
    item_ids = list(session.scalars(items))
    texts = _texts_of_runs(session, item_ids, (first_id, second_id))
    return [
        ComparedItem(
            item_id=item_id,
            first=tuple(texts.get((item_id, first_id), ())),
            second=tuple(texts.get((item_id, second_id), ())),
        )
        for item_id in item_ids
    ]


def run_scores(session: Session, *, run_id: int, item_ids_of: int | None = None) -> list[float]:
    """Return the ITM scores of a run's texts by its dataset's newest scorer, lowest first.

    `item_ids_of` another run: only on the items that both captioned.
    """
    other = aliased(Caption)
    query = (
        select(Score.value)
        .join(Caption, Caption.id == Score.caption_id)
        .join(Scorer, Scorer.id == Score.scorer_id)
        .where(Caption.run_id == run_id, Scorer.id == _newest_itm(run_id))
        .order_by(Score.value)
    )
    if item_ids_of is not None:
        both = select(other.id).where(other.run_id == item_ids_of, other.item_id == Caption.item_id)
        query = query.where(both.exists())
    return list(session.scalars(query))


def _newest_itm(run_id: int) -> Any:
    query = (
        select(func.max(Score.scorer_id))
        .join(Caption, Caption.id == Score.caption_id)
        .join(Scorer, Scorer.id == Score.scorer_id)
        .where(Caption.run_id == run_id, Scorer.head == "itm")
    )
    return query.scalar_subquery()


def _texts_of_runs(
    session: Session, item_ids: Sequence[int], run_ids: Sequence[int]
) -> dict[tuple[int, int], list[tuple[str, float | None]]]:
    itm = select(Scorer.id).where(Scorer.head == "itm")
    query: Select[*tuple[Any, ...]] = (
        select(Caption.id, Caption.item_id, Caption.run_id, Caption.text, Score.value)
        .outerjoin(Score, (Score.caption_id == Caption.id) & Score.scorer_id.in_(itm))
        .where(Caption.item_id.in_(item_ids), Caption.run_id.in_(run_ids))
        .order_by(Caption.id, Score.id)
    )
    newest = {row[0]: ((row[1], row[2]), row[3], row[4]) for row in session.execute(query)}
    found: dict[tuple[int, int], list[tuple[str, float | None]]] = {}
    for key, text, value in newest.values():
        found.setdefault(key, []).append((text, value))
    return found


def _did_the_work_of(one: Run, other: Run) -> bool:
    same = (one.kind, one.dataset_id, one.parameters) == (
        other.kind,
        other.dataset_id,
        other.parameters,
    )
    return same and other.id > one.id and other.done + other.failed >= one.done + one.failed


def locked_run(session: Session, run_id: int) -> Run:
    """Lock a run until the commit and return it as it is now."""
    query = select(Run).where(Run.id == run_id).with_for_update()
    run = session.scalar(query.execution_options(populate_existing=True))
    if run is None:
        raise StorageError(f"There is no run number {run_id}.")
    return run


def mark_running(session: Session, run: Run) -> Run:
    """Mark a locked run as running, with a sign of life; nothing is asked of it any more."""
    run.status, run.request, run.error = "running", "", None
    run.heartbeat_at, run.finished_at = utc_now(), None
    session.flush()
    return run


def _ask(session: Session, run_id: int, request: str, at_once: str) -> Run:
    run = locked_run(session, run_id)
    if run.status == "running":
        run.request = request
    elif run.status in OPEN:
        run.status = at_once
        run.finished_at = utc_now() if at_once == "cancelled" else None
    else:
        raise StorageError(f"This run is {run.status} already.")
    session.flush()
    return run
