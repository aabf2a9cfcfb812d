"""What a run could not use, by its reasons."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from blip2core.storage.schema import RunProblem

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
