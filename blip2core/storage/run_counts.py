"""How many runs there are of each kind and status, and what became of their items."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blip2core.storage.schema import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCount:
    """The runs of one kind and status."""

    kind: str
    status: str
    runs: int
    done: int
    """Items that are done, of all these runs."""
    failed: int


def run_counts(session: Session) -> list[RunCount]:
    """Return the counts of all runs in the database, by kind and status."""
    query = (
        select(Run.kind, Run.status, func.count(), func.sum(Run.done), func.sum(Run.failed))
        .group_by(Run.kind, Run.status)
        .order_by(Run.kind, Run.status)
    )
    return [
        RunCount(kind=kind, status=status, runs=runs, done=int(done or 0), failed=int(failed or 0))
        for kind, status, runs, done, failed in session.execute(query)
    ]
