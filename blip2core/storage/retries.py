"""Runs that are taken up again: what failed in them, or what the database made a worker leave."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.columns import utc_now
from blip2core.storage.runs import locked_run, mark_running, was_interrupted
from blip2core.storage.schema import Run, RunProblem

ITEM_KINDS = ("caption", "score", "capfilt")
"""Kinds of runs that work through the items of a dataset."""
NOTHING_WRITTEN = "The captioner wrote nothing about this image."
"""Reason of a problem that would be the same another time, as the item was worked on."""
_FAILED = RunProblem.item_id.is_not(None) & (RunProblem.reason != NOTHING_WRITTEN)


def retry_run(session: Session, *, run_id: int, claim: bool = False) -> int:
    """Let a run do again what failed in it, and not what succeeded -> how many items.

    It waits to be claimed, or with `claim` is the caller's to work on. StorageError where nothing
    failed that could be tried again, or somebody works on it.
    """
    run = locked_run(session, run_id)
    if run.status == "running" and not was_interrupted(run):
        raise StorageError(f"Run {run_id} is being worked on: wait for its end.")
    items = retryable_items(session, run_id=run_id) if run.kind in ITEM_KINDS else []
    if not items:
        raise StorageError(f"Nothing failed in run {run_id} that could be tried again.")
    for chunk in chunks(items):
        failed = delete(RunProblem).where(RunProblem.run_id == run_id, _FAILED)
        session.execute(failed.where(RunProblem.item_id.in_(chunk)))
    run.failed = max(run.failed - len(items), 0)
    if claim:
        mark_running(session, run)
    else:
        run.status, run.request, run.error, run.finished_at = "queued", "", None, None
    session.flush()
    return len(items)


def retryable_items(session: Session, *, run_id: int) -> list[int]:
    """Return the items that failed in a run, by number."""
    query = select(RunProblem.item_id).where(RunProblem.run_id == run_id, _FAILED).distinct()
    return sorted(number for number in session.scalars(query) if number is not None)


def requeue_run(session: Session, *, run_id: int, ended_at: datetime) -> Run:
    """Let a run wait to be claimed again whose worker had to leave it at `ended_at`, because the
    database did not answer. What somebody asked of it is done; one that another worker has taken
    since is left to that one. Returns it.
    """
    run = locked_run(session, run_id)
    if run.status != "running" or (run.heartbeat_at is not None and run.heartbeat_at > ended_at):
        return run
    run.status = {"pause": "paused", "cancel": "cancelled"}.get(run.request, "queued")
    run.finished_at = utc_now() if run.status == "cancelled" else None
    run.request = ""
    session.flush()
    return run


def restart_run(session: Session, *, run_id: int) -> None:
    """Begin a run anew that the database left in the middle: its counts and problems are gone."""
    run = locked_run(session, run_id)
    session.execute(delete(RunProblem).where(RunProblem.run_id == run_id))
    run.done = run.failed = 0
    run.sums = run.reading = None
    session.flush()
