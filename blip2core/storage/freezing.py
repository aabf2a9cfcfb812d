"""Freeze the accepted pairs of a dataset: computed from one state, stored in short units.

Nobody who decides waits for it. Until the last unit marks it as complete, nothing lists or exports
a snapshot; where the process dies before, `drop_unfinished_snapshots` removes what it stored.
"""

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.records import ExportPair
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.schema import Caption, Dataset, Snapshot, SnapshotPair
from blip2core.storage.snapshot_pairs import describe_pairs
from blip2core.storage.snapshot_selection import SnapshotPolicy, chosen_rows
from blip2core.storage.snapshot_state import DatasetState, read_state
from blip2core.storage.web_texts import HAS_DATA
from blip2core.texts import clean_text

PAIRS_PER_UNIT = 500
"""Pairs stored together: so long a decision may wait."""
UNFINISHED_STALE_SECONDS = 3600.0
"""Nobody waits so long for a snapshot; it gives no sign of life meanwhile."""
TAKEN_FOR_DEAD = "Another process took this snapshot for that of a dead one; freeze it again."
TOLD_MORE = "An import told more of texts in this snapshot meanwhile; freeze it again."
_TOLD_IF_ANY = ("text_place", "text_data")
_TOLD = tuple(field.name for field in fields(ExportPair) if field.name not in _TOLD_IF_ANY)
"""What the hash covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Computed:
    """A snapshot before it is stored; its pairs lie in the file of the state."""

    dataset_id: int
    last_decision_id: int
    policy: dict[str, Any]
    content_sha256: str
    pairs: int
    created_by: int
    with_data: int
    """Pairs of whose texts something was said where they stood."""


def create_snapshot(
    database: Database, *, dataset_id: int, name: str, policy: SnapshotPolicy, created_by: int
) -> Snapshot:
    """Freeze the accepted pairs of a dataset: accepted by somebody, and rejected by nobody, also
    not in another copy of the image.

    They are those of one state, which `last_decision_id` names, whatever is decided meanwhile.
    `content_sha256` covers all that an export writes of them. StorageError where the name is
    taken, or nothing is accepted.
    """
    name = clean_text(name)
    with database.read() as session:
        _refuse_taken(session, dataset_id, name)
    return _freeze(database, dataset_id, policy, created_by, name=name)


def freeze_snapshot(
    database: Database,
    *,
    dataset_id: int,
    policy: SnapshotPolicy,
    created_by: int,
    name: str | None = None,
) -> Snapshot:
    """Freeze what is accepted now, or return the snapshot that has the same rules and pairs.

    Without a name a new one is called v1, v2 and so on; with one it is always a new snapshot.
    """
    if name is None:
        return _freeze(database, dataset_id, policy, created_by, name=None)
    return create_snapshot(
        database, dataset_id=dataset_id, name=name, policy=policy, created_by=created_by
    )


def drop_unfinished_snapshots(
    database: Database, *, stale_after: float = UNFINISHED_STALE_SECONDS
) -> int:
    """Remove what is left of snapshots that were begun so many seconds ago and never became
    complete -> how many. Whoever wrote them was killed.
    """
    begun = utc_now() - timedelta(seconds=stale_after)
    query = select(Snapshot.id).where(Snapshot.status == "writing", Snapshot.created_at <= begun)
    with database.read() as session:
        numbers = list(session.scalars(query))
    for number in numbers:
        _drop(database, number)
    return len(numbers)


def _freeze(
    database: Database,
    dataset_id: int,
    policy: SnapshotPolicy,
    created_by: int,
    *,
    name: str | None,
) -> Snapshot:
    drop_unfinished_snapshots(database)
    with read_state(database, dataset_id=dataset_id) as state:
        computed = _compute(database, state, policy, created_by)
        if name is None:
            with database.read() as session:
                known = _same(session, computed)
            if known is not None:
                return known
        number = database.run_write(lambda session: _begin(session, computed))
        try:
            for rows in chunks(_kept_rows(state), PAIRS_PER_UNIT):
                _store(database, number, rows)
            snapshot = database.run_write(
                lambda session: _complete(session, number, computed, name)
            )
        except BaseException:
            with suppress(StorageError):  # where the database is gone too, a later one does it
                _drop(database, number)
            raise
    if snapshot.id != number:  # somebody froze the same meanwhile
        _drop(database, number)
    return snapshot


def _compute(
    database: Database, state: DatasetState, policy: SnapshotPolicy, created_by: int
) -> _Computed:
    """Choose the pairs, put them aside in the file of the state, and hash what is told of them."""
    state.file.execute("CREATE TABLE pairs (position INTEGER PRIMARY KEY, row TEXT)")
    digest, count, with_data = hashlib.sha256(), 0, 0
    for rows in chunks(chosen_rows(database, state, policy), PAIRS_PER_UNIT):
        with database.read() as session:
            described = describe_pairs(session, rows)
        for _, pair in described:
            told = {name: getattr(pair, name) for name in _TOLD}
            # The hash of a snapshot from before these two were kept stays what it was.
            told |= {name: value for name in _TOLD_IF_ANY if (value := getattr(pair, name))}
            digest.update(json.dumps(told, sort_keys=True).encode() + b"\n")
        kept = [(row["position"], json.dumps(row)) for row in rows]
        state.file.executemany("INSERT INTO pairs VALUES (?, ?)", kept)
        count += len(rows)
        with_data += sum(pair.text_data is not None for _, pair in described)
    if not count:
        raise StorageError("Nothing is accepted yet that these rules would take.")
    guidelines = {"guidelines": state.guidelines} if state.guidelines else {}
    return _Computed(
        dataset_id=state.dataset_id,
        last_decision_id=state.last_decision_id,
        policy=json.loads(json.dumps(asdict(policy))) | guidelines,
        content_sha256=digest.hexdigest(),
        pairs=count,
        created_by=created_by,
        with_data=with_data,
    )


def _kept_rows(state: DatasetState) -> Iterator[dict[str, Any]]:
    for (row,) in state.file.execute("SELECT row FROM pairs ORDER BY position"):
        yield json.loads(row)


def _begin(session: Session, computed: _Computed) -> int:
    """Add the snapshot under a name that nobody chooses; its pairs refer to it."""
    facts = asdict(computed)
    del facts["with_data"]
    snapshot = Snapshot(name=f"writing {uuid.uuid4()}", status="writing", **facts)
    session.add(snapshot)
    session.flush()
    return snapshot.id


def _store(database: Database, number: int, rows: list[dict[str, Any]]) -> None:
    stored = [row | {"snapshot_id": number} for row in rows]
    database.run_write(lambda session: session.execute(insert(SnapshotPair), stored))


def _complete(session: Session, number: int, computed: _Computed, name: str | None) -> Snapshot:
    """Give the snapshot its name -> it, or the one that has the same rules and pairs."""
    # One after the other: two would else both find the name free. Decisions do not wait for it.
    turn = select(Dataset.id).where(Dataset.id == computed.dataset_id)
    session.execute(turn.with_for_update(key_share=True))
    if name is None:
        known = _same(session, computed)
        if known is not None:
            return known
    else:
        _refuse_taken(session, computed.dataset_id, name)
    snapshot = session.get(Snapshot, number, with_for_update=True)
    pairs = select(func.count()).where(SnapshotPair.snapshot_id == number)
    if snapshot is None or session.scalar(pairs) != computed.pairs:
        raise StorageError(TAKEN_FOR_DEAD)
    if session.scalar(_with_data(number)) != computed.with_data:
        raise StorageError(TOLD_MORE)  # the hash is about texts as they were before
    snapshot.name = name or _free_name(session, computed.dataset_id)
    snapshot.status = "complete"
    session.flush()
    return snapshot


def _with_data(number: int) -> Select[int]:
    """Count the pairs of a snapshot of whose texts something was said."""
    pairs = select(func.count()).join_from(
        SnapshotPair, Caption, Caption.id == SnapshotPair.caption_id
    )
    return pairs.where(SnapshotPair.snapshot_id == number, HAS_DATA)


def _same(session: Session, computed: _Computed) -> Snapshot | None:
    """Return the oldest complete snapshot with the same rules and pairs."""
    query = select(Snapshot).where(
        Snapshot.dataset_id == computed.dataset_id,
        Snapshot.status == "complete",
        Snapshot.content_sha256 == computed.content_sha256,
    )
    found = session.scalars(query.order_by(Snapshot.id))
    return next((one for one in found if one.policy == computed.policy), None)


def _refuse_taken(session: Session, dataset_id: int, name: str) -> None:
    taken = select(Snapshot.id).where(Snapshot.dataset_id == dataset_id, Snapshot.name == name)
    if not name or session.scalar(taken) is not None:
        raise StorageError(f"There is a snapshot {name} already; choose another name.")


def _free_name(session: Session, dataset_id: int) -> str:
    names = set(session.scalars(select(Snapshot.name).where(Snapshot.dataset_id == dataset_id)))
    return next(f"v{number}" for number in itertools.count(1) if f"v{number}" not in names)


def _drop(database: Database, number: int) -> None:
    """Remove a snapshot that is not complete, a unit at a time."""
    unfinished = (Snapshot.id == number, Snapshot.status == "writing")
    of_snapshot = SnapshotPair.snapshot_id == number
    first = select(func.min(SnapshotPair.position)).where(of_snapshot)

    def drop_some(session: Session) -> bool:
        if session.scalar(select(Snapshot.id).where(*unfinished).with_for_update()) is None:
            return False
        position = session.scalar(first)
        if position is None:
            session.execute(delete(Snapshot).where(*unfinished))
            return False
        some = SnapshotPair.position < position + PAIRS_PER_UNIT
        session.execute(delete(SnapshotPair).where(of_snapshot, some))
        return True

    while database.run_write(drop_some):
        pass
