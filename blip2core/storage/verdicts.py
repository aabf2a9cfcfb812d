"""Verdicts, computed from the log of decisions in one place for every writer.

A decision counts until an undo supersedes it. Of those that count, the newest of an annotator on
a caption is the verdict. An edit speaks twice: it accepts the new text and puts the old
one aside.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Subquery, delete, func, insert, literal, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql import and_, union_all

from blip2core.storage.schema import DecisionEvent, Verdict

VERDICT_COLUMNS = ("caption_id", "annotator_id", "item_id", "verdict", "decision_id")


_Claims = Select[*tuple[Any, ...]]


def project_verdicts(session: Session, *, item_ids: Sequence[int]) -> None:
    """Bring the verdicts of these items up to date with the log."""
    session.flush()
    session.execute(delete(Verdict).where(Verdict.item_id.in_(item_ids)))
    session.execute(insert(Verdict).from_select(VERDICT_COLUMNS, replayed(item_ids)))


def verdict_differences(connection: Connection) -> list[str]:
    """Return where the stored verdicts are not what the log amounts to; empty where all is well."""
    stored = select(*(getattr(Verdict, name) for name in VERDICT_COLUMNS))
    extra = connection.execute(stored.except_(replayed())).all()
    missing = connection.execute(replayed().except_(stored)).all()
    return [*_told(extra, "is not in the log"), *_told(missing, "of the log is missing")]


def replayed(item_ids: Sequence[int] | None = None) -> _Claims:
    """Return the verdicts by the log, of some items or of all."""
    claims = _claims(item_ids)
    newest = (
        select(
            claims.c.caption_id,
            claims.c.annotator_id,
            func.max(claims.c.decision_id).label("decision_id"),
        )
        .group_by(claims.c.caption_id, claims.c.annotator_id)
        .subquery("newest")
    )
    same = and_(
        claims.c.caption_id == newest.c.caption_id,
        claims.c.decision_id == newest.c.decision_id,
    )
    return select(*(claims.c[name] for name in VERDICT_COLUMNS)).join(newest, same)


def _claims(item_ids: Sequence[int] | None) -> Subquery:
    """Select (caption, annotator, item, verdict, decision) of every decision that counts."""
    undo = aliased(DecisionEvent)
    counts = ~select(undo.id).where(undo.supersedes_id == DecisionEvent.id).exists()

    def claim(caption: str, actions: Sequence[str], verdict: str | None) -> _Claims:
        target = getattr(DecisionEvent, caption)
        query = select(
            target.label("caption_id"),
            DecisionEvent.annotator_id,
            DecisionEvent.item_id,
            (literal(verdict) if verdict else DecisionEvent.action).label("verdict"),
            DecisionEvent.id.label("decision_id"),
        ).where(DecisionEvent.action.in_(actions), target.is_not(None), counts)
        return query if item_ids is None else query.where(DecisionEvent.item_id.in_(item_ids))

    direct = claim("caption_id", ("accept", "reject", "edit"), None)
    return union_all(direct, claim("result_caption_id", ("edit",), "accept")).subquery("claims")


def _told(rows: Sequence[Row[Any]], what: str) -> Iterator[str]:
    for row in rows[:20]:
        who = f"of annotator {row.annotator_id} on text {row.caption_id}"
        yield f"verdict {row.verdict} {who} {what}"
