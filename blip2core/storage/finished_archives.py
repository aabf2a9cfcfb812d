"""Archives that an import has read to their end, so that one that was killed goes on behind them.

They are kept until an import comes to its end: one that is begun anew after that reads all again,
and so brings back images whose files were lost.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from blip2core.storage.bulk_insert import chunks, insert_missing
from blip2core.storage.datasets import lock_dataset
from blip2core.storage.runs import was_interrupted
from blip2core.storage.schema import FinishedArchive, Item, Run
from blip2core.texts import clean_text


def begin_with_archives(session: Session, *, dataset_id: int) -> dict[str, int]:
    """Return `finished_archives` for a run that is marked as running: none of them is forgotten
    before it ends.
    """
    lock_dataset(session, dataset_id=dataset_id)
    return finished_archives(session, dataset_id=dataset_id)


def finished_archives(session: Session, *, dataset_id: int) -> dict[str, int]:
    """Return key -> number of the archives that imports into a dataset have read to their end and
    need not read again.
    """
    mine = FinishedArchive.dataset_id == dataset_id
    rows = session.execute(select(FinishedArchive.key, FinishedArchive.id).where(mine))
    return {key: number for key, number in rows}


def finish_archive(
    session: Session,
    *,
    dataset_id: int,
    run_id: int,
    key: str,
    name: str,
    outcome: Mapping[str, Any],
) -> None:
    """Note that a run has read an archive to its end: in the unit that stores its last images."""
    row = {
        "dataset_id": dataset_id,
        "run_id": run_id,
        "key": key,
        "name": clean_text(name),
        "outcome": dict(outcome),
    }
    insert_missing(session, FinishedArchive, [row], unique=["dataset_id", "key"])


def take_over_archive(
    session: Session, *, dataset_id: int, run_id: int, key: str
) -> dict[str, Any] | None:
    """Return what an archive brought, which this run passes over; None where that is not known any
    more, as after a takedown.
    """
    query = select(FinishedArchive).where(
        FinishedArchive.dataset_id == dataset_id, FinishedArchive.key == key
    )
    found = session.scalar(query)
    if found is None:
        return None
    found.run_id = run_id
    session.flush()
    return found.outcome


def forget_archives_of_run(session: Session, *, run_id: int, is_alone: bool = False) -> None:
    """Forget what a run has finished, as it came to its end; where another import into the dataset
    is under way, which may have passed over it, this is left to that one.

    `is_alone`: no other can be.
    """
    run = session.get_one(Run, run_id)
    if run.dataset_id is not None and not is_alone:
        lock_dataset(session, dataset_id=run.dataset_id)
        query = select(Run).where(
            Run.dataset_id == run.dataset_id,
            Run.kind == run.kind,
            Run.status == "running",
            Run.id != run_id,
        )
        alive = [one.id for one in session.scalars(query) if not was_interrupted(one)]
        if alive:
            mine = update(FinishedArchive).where(FinishedArchive.run_id == run_id)
            session.execute(mine.values(run_id=alive[0]))
            return
    session.execute(delete(FinishedArchive).where(FinishedArchive.run_id == run_id))


def forget_archives(session: Session, *, item_ids: Sequence[int]) -> None:
    """Forget what was finished in the datasets of these items, as their images were taken down: an
    import that passed over an archive would still call them there.
    """
    for chunk in chunks(item_ids):
        datasets = select(Item.dataset_id).where(Item.id.in_(chunk))
        session.execute(delete(FinishedArchive).where(FinishedArchive.dataset_id.in_(datasets)))
