"""The review queue: which item comes next, in four orders, with filters, in pages."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from blip2core.errors import StorageError
from blip2core.storage.columns import utc_now
from blip2core.storage.schema import (
    ITEM_STATUS,
    Caption,
    DecisionEvent,
    Image,
    Item,
    Lease,
    Verdict,
)
from blip2core.storage.searching import matching_texts

Order = Literal["nearest", "random", "disagreement", "newest"]
KEYS: dict[Order, InstrumentedAttribute[Any]] = {
    "nearest": Item.doubt,
    "random": Item.shuffle,
    "disagreement": Item.disagreement,
    "newest": Item.id,
}
"""What each order sorts by."""
DESCENDING = frozenset({"disagreement", "newest"})
UNDONE = ("pending", "audit")
"""What "next undone" means."""
FEW = 2_000
"""A filter that leaves at most so many items is looked up first and sorted afterwards; one that
leaves more is found soon enough by walking along the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which items come up; None and empty leave all."""

    statuses: tuple[str, ...] = UNDONE
    """Empty: all but excluded ones."""
    source: str | None = None
    """Items with a text of this source."""
    search: str = ""
    """Words that one text of the item has all of; the last may be a beginning."""
    lowest: float | None = None
    highest: float | None = None
    """Range of the best ITM score of the item, ends included."""
    annotator_id: int | None = None
    """Items that this annotator has judged."""
    batch_id: int | None = None
    """Items of this batch."""
    not_judged_by: int | None = None
    """Items that this annotator has not judged: the second review."""
    free_for: int | None = None
    """Leave out what others than this annotator have on screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One item of the queue, enough for a tile of the grid."""

    item_id: int
    image_sha256: str
    format: str
    width: int
    height: int
    status: str
    doubt: float
    best: float
    disagreement: float
    row_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some entries in order, and where the next page begins."""

    entries: tuple[QueueEntry, ...]
    next: str | None
    """Cursor of the next page; None at the end."""


def review_queue(
    session: Session,
    *,
    dataset_id: int,
    order: Order = "nearest",
    where: QueueFilter | None = None,
    seed: int = 0,
    after: str | None = None,
    limit: int = 25,
) -> Page:
    """The next entries after a cursor. No page is slower than the first, nor shows an item twice.

    `random` walks through one fixed shuffle from a place that `seed` chooses.
    """
    where = where or QueueFilter()
    if order not in KEYS:
        raise StorageError(f"There is no order {order}; there are: {', '.join(KEYS)}.")
    conditions, narrowed = _conditions(session, dataset_id, where)
    walk = _Walk(order=order, start=_start(seed) if order == "random" else None)
    cursor = _read_cursor(after)
    rows: list[tuple[Any, ...]] = []
    if narrowed is not None:
        # + 0: by number, and not along an index that would visit every item of the dataset
        here = [Item.dataset_id + 0 == dataset_id, (Item.status + "").in_(_statuses(where))]
        rows = walk.page(session, [*conditions, *here, Item.id.in_(narrowed)], cursor, limit)
    else:
        for status in _statuses(where):  # one walk along the index each, then merged
            here = [Item.dataset_id == dataset_id, Item.status == status]
            rows += walk.page(session, [*conditions, *here], cursor, limit)
    rows.sort(key=walk.place)
    has_more, rows = len(rows) > limit, rows[:limit]
    entries = tuple(_entry(row) for row in rows)
    return Page(entries=entries, next=json.dumps(walk.cursor(rows[-1])) if has_more else None)


def second_review_queue(
    session: Session,
    *,
    dataset_id: int,
    annotator_id: int,
    order: Order = "random",
    after: str | None = None,
    limit: int = 25,
) -> Page:
    """Items that others have judged and this annotator has not: show them blind."""
    where = QueueFilter(statuses=("partial",), not_judged_by=annotator_id)
    return review_queue(
        session, dataset_id=dataset_id, order=order, where=where, after=after, limit=limit
    )


def count_queue(
    session: Session, *, dataset_id: int, where: QueueFilter | None = None, at_most: int = 10_000
) -> int:
    """How many items a filter leaves; counted up to `at_most`."""
    where = where or QueueFilter()
    conditions, narrowed = _conditions(session, dataset_id, where)
    if narrowed is not None:
        conditions.append(Item.id.in_(narrowed))
    query = (
        select(Item.id)
        .where(Item.dataset_id == dataset_id, Item.status.in_(_statuses(where)), *conditions)
        .limit(at_most)
    )
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """Along one order, from its start or from a cursor."""

    order: Order
    start: float | None
    """Where the random order begins; it ends where it began."""

    def page(
        self,
        session: Session,
        conditions: Sequence[ColumnElement[bool]],
        cursor: tuple[int, float, int] | None,
        limit: int,
    ) -> list[tuple[Any, ...]]:
        """At most `limit` + 1 rows after the cursor, in order."""
        rows: list[tuple[Any, ...]] = []
        key = KEYS[self.order]
        for lap in range(cursor[0] if cursor else 0, 1 if self.start is None else 2):
            query = _entries().where(*conditions)
            if self.start is not None:
                query = query.where(key >= self.start if lap == 0 else key < self.start)
            if cursor is not None and lap == cursor[0]:
                query = query.where(self._beyond(cursor))
            if self.order in DESCENDING:
                query = query.order_by(key.desc(), Item.id.desc())
            else:
                query = query.order_by(key, Item.id)
            rows += [tuple(row) for row in session.execute(query.limit(limit + 1 - len(rows)))]
            if len(rows) > limit:
                break
        return rows

    def _beyond(self, cursor: tuple[int, float, int]) -> ColumnElement[bool]:
        here, place = tuple_(KEYS[self.order], Item.id), tuple_(cursor[1], cursor[2])
        return here < place if self.order in DESCENDING else here > place

    def place(self, row: tuple[Any, ...]) -> tuple[int, float, int]:
        """A row's place, to sort by."""
        lap, key, item_id = self.cursor(row)
        return (lap, -key, -item_id) if self.order in DESCENDING else (lap, key, item_id)

    def cursor(self, row: tuple[Any, ...]) -> tuple[int, float, int]:
        entry = dict(zip(FIELDS, row, strict=True))
        key = entry[KEYS[self.order].key]
        lap = int(self.start is not None and key < self.start)
        return lap, key, entry["id"]


FIELDS = (
    "id",
    "sha256",
    "format",
    "width",
    "height",
    "status",
    "doubt",
    "best",
    "disagreement",
    "row_version",
    "shuffle",
)


def _entries() -> Select[*tuple[Any, ...]]:
    return select(
        Item.id,
        Image.sha256,
        Image.format,
        Image.width,
        Image.height,
        Item.status,
        Item.doubt,
        Item.best,
        Item.disagreement,
        Item.row_version,
        Item.shuffle,
    ).join(Image, Image.id == Item.image_id)


def _entry(row: tuple[Any, ...]) -> QueueEntry:
    return QueueEntry(
        item_id=row[0],
        image_sha256=row[1],
        format=row[2],
        width=row[3],
        height=row[4],
        status=row[5],
        doubt=row[6],
        best=row[7],
        disagreement=row[8],
        row_version=row[9],
    )


def _statuses(where: QueueFilter) -> tuple[str, ...]:
    return where.statuses or tuple(status for status in ITEM_STATUS if status != "excluded")


def _start(seed: int) -> float:
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:6], "big") / 2**48


def _read_cursor(text: str | None) -> tuple[int, float, int] | None:
    """A cursor comes back from the address of the page, so it may be anything."""
    if text is None:
        return None
    try:
        lap, key, item_id = json.loads(text)
        return int(lap), float(key), int(item_id)
    except (ValueError, TypeError) as error:
        raise StorageError("This page of the queue cannot be read; start at the first.") from error


_Selective = tuple[Select[int], ColumnElement[bool]]


def _conditions(
    session: Session, dataset_id: int, where: QueueFilter
) -> tuple[list[ColumnElement[bool]], list[int] | None]:
    """What the walk checks at each item, and the items themselves where a filter leaves few."""
    conditions: list[ColumnElement[bool]] = []
    narrowed: set[int] | None = None
    for found, at_item in _selective(session, dataset_id, where):
        few = list(session.scalars(found.limit(FEW + 1)))
        if len(few) > FEW:
            conditions.append(at_item)
        else:
            narrowed = set(few) if narrowed is None else narrowed & set(few)
    if where.not_judged_by is not None:
        judged = select(Verdict.caption_id).where(
            Verdict.annotator_id == where.not_judged_by, Verdict.item_id == Item.id
        )
        conditions.append(~judged.exists())
    if where.free_for is not None:
        taken = select(Lease.item_id).where(
            Lease.item_id == Item.id,
            Lease.annotator_id != where.free_for,
            Lease.expires_at > utc_now(),
        )
        conditions.append(~taken.exists())
    return conditions, None if narrowed is None else sorted(narrowed)


def _selective(session: Session, dataset_id: int, where: QueueFilter) -> list[_Selective]:
    """Filters that may leave few of many: (the items they leave, the same as a condition)."""
    found: list[_Selective] = []
    if words := matching_texts(session, where.search):
        texts = select(Caption.item_id).where(words.among)
        this_one = select(Caption.id).where(Caption.item_id == Item.id, words.this_one)
        found.append((texts, this_one.exists()))
    if where.source:
        same = Caption.source == where.source
        at_item = select(Caption.id).where(same, Caption.item_id == Item.id)
        found.append((select(Caption.item_id).where(same).distinct(), at_item.exists()))
    if where.annotator_id is not None:
        by = Verdict.annotator_id == where.annotator_id
        at_item = select(Verdict.caption_id).where(by, Verdict.item_id == Item.id)
        found.append((select(Verdict.item_id).where(by).distinct(), at_item.exists()))
    if where.batch_id is not None:
        of = DecisionEvent.batch_id == where.batch_id
        at_item = select(DecisionEvent.id).where(of, DecisionEvent.item_id == Item.id)
        found.append((select(DecisionEvent.item_id).where(of).distinct(), at_item.exists()))
    if where.lowest is not None or where.highest is not None:
        low = -1.0 if where.lowest is None else where.lowest
        high = 1.0 if where.highest is None else where.highest
        between = Item.best.between(low, high)
        here = [Item.dataset_id == dataset_id, Item.status.in_(_statuses(where))]
        found.append((select(Item.id).where(*here, between), between))
    return found
