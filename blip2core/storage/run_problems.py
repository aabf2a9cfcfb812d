"""What a run could not use: noted, listed, and put together by its reasons."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blip2core.records import Problem
from blip2core.storage.schema import RunProblem
from blip2core.texts import clean_text

NUMBER = re.compile(r"\d[\d,.]*(?<=\d)")
"""What differs between reasons that are the same: sizes, counts, lines."""
MOST = 100_000
"""Problems that are grouped."""
AT_ONCE = 5_000
EXAMPLES = 3
"""Names that a group keeps."""


@dataclass(slots=True, kw_only=True)
class ProblemGroup:
    """Problems of a run with the same reason, but for numbers in it."""

    about: str
    """As `Problem.about`."""
    reason: str
    """That of the first."""
    problems: int = 0
    inputs: int = 0
    """Images, files or rows."""
    texts: int = 0
    """Texts that were lost with them."""
    names: tuple[str, ...] = ()
    """The first of them: file, row, member. Hostile text."""


def add_problem(
    session: Session, *, run_id: int, problem: Problem, item_id: int | None = None
) -> None:
    """Note an input that a run could not use; the run goes on."""
    session.add(
        RunProblem(
            run_id=run_id,
            item_id=item_id,
            name=clean_text(problem.name),
            reason=clean_text(problem.reason),
            about=problem.about,
            inputs=problem.count,
            texts=problem.texts,
        )
    )
    session.flush()


def list_problems(
    session: Session, *, run_id: int, after: int = 0, limit: int = 1_000
) -> list[RunProblem]:
    """Return problems of a run, oldest first; the next page is `after` the last number here."""
    query = select(RunProblem).where(RunProblem.run_id == run_id, RunProblem.id > after)
    return list(session.scalars(query.order_by(RunProblem.id).limit(limit)))


def count_problems(session: Session, *, run_id: int) -> int:
    """Return how many problems a run had; notes are none."""
    query = select(func.count()).where(RunProblem.run_id == run_id, RunProblem.about != "note")
    return session.scalar(query) or 0


def group_problems(session: Session, *, run_id: int) -> list[ProblemGroup]:
    """Return the problems of a run by reason, the largest first; then the notes."""
    groups: dict[tuple[str, str], ProblemGroup] = {}
    for one in _problems(session, run_id):
        key = one.about, NUMBER.sub("0", one.reason)
        group = groups.setdefault(key, ProblemGroup(about=one.about, reason=one.reason))
        group.problems += 1
        group.inputs += one.inputs
        group.texts += one.texts
        if len(group.names) < EXAMPLES:
            group.names += (one.name,)
    return sorted(
        groups.values(), key=lambda group: (group.about == "note", -group.inputs - group.texts)
    )


def _problems(session: Session, run_id: int) -> Iterator[RunProblem]:
    query = select(RunProblem).where(RunProblem.run_id == run_id).order_by(RunProblem.id)
    last, left = 0, MOST
    while left > 0:
        page = query.where(RunProblem.id > last).limit(min(AT_ONCE, left))
        found = list(session.scalars(page))
        yield from found
        if len(found) < AT_ONCE:
            return
        last, left = found[-1].id, left - len(found)
