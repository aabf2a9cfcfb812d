"""The review queue: which item comes next, in four orders, with filters, in pages."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, func, select, tuple_
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
from blip2core.storage.text_search import matching_texts

ReviewOrder = Literal["nearest", "random", "disagreement", "newest"]
KEYS: dict[ReviewOrder, InstrumentedAttribute[Any]] = {
    "nearest": Item.distance,
    "random": Item.shuffle,
    "disagreement": Item.disagreement,
    "newest": Item.id,
}
"""What each order sorts by."""
DESCENDING = frozenset({"disagreement", "newest"})
UNDONE = ("pending", "audit")
"""What "next undone" means."""
FEW = 20_000
"""A filter that leaves at most so many is looked up first and sorted afterwards; what leaves more
is found soon enough by walking along the order."""
FEW_TEXTS = 5_000
"""The same for texts that a search finds, which takes longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which items come up; None and empty leave all."""

    statuses: tuple[str, ...] = UNDONE
    """Empty: all but excluded ones."""
    source: str | None = None
    """Items with a text of this source."""
    search: str = ""
    """Words that one text of the item has all of; "bird*" also finds "birds"."""
    lowest: float | None = None
    highest: float | None = None
    """Range of the best ITM score of the item, ends included."""
    annotator_id: int | None = None
    """Items that this annotator has decided."""
    batch_id: int | None = None
    """Items of this batch."""
    not_decided_by: int | None = None
    """Items that this annotator has not decided: the second review."""
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
    distance: float
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
    order: ReviewOrder = "nearest",
    where: QueueFilter | None = None,
    seed: int = 0,
    after: str | None = None,
    limit: int = 25,
) -> Page:
    """Return the next entries after a cursor. No page is slower than the first, nor shows an item
    twice.

    `random` walks through one fixed shuffle from a place that `seed` chooses.
    """
    where = where or QueueFilter()
    if order not in KEYS:
        raise StorageError(f"There is no order {order}; there are: {', '.join(KEYS)}.")
    filters = _filters(session, dataset_id, where)
    walk = _Walk(order=order, start=_start(seed) if order == "random" else None)
    cursor = _read_cursor(after)
    if filters.few:
        rows = walk.page(session, filters.conditions(), cursor, limit)
    else:
        rows = []
        for status in filters.statuses:  # one walk along the index each, then merged
            rows += walk.page(session, filters.conditions(status), cursor, limit)
        rows.sort(key=walk.place)
    has_more, rows = len(rows) > limit, rows[:limit]
    entries = _entries(session, [row.id for row in rows])
    return Page(entries=entries, next=json.dumps(walk.cursor(rows[-1])) if has_more else None)


def second_review_queue(
    session: Session,
    *,
    dataset_id: int,
    annotator_id: int,
    order: ReviewOrder = "random",
    after: str | None = None,
    limit: int = 25,
) -> Page:
    """Return items that others have decided and this annotator has not: show them blind."""
    where = QueueFilter(statuses=("partial",), not_decided_by=annotator_id)
    return review_queue(
        session, dataset_id=dataset_id, order=order, where=where, after=after, limit=limit
    )


def count_queue(
    session: Session, *, dataset_id: int, where: QueueFilter | None = None, at_most: int = 10_000
) -> int:
    """Return how many items a filter leaves; counted up to `at_most`."""
    filters = _filters(session, dataset_id, where or QueueFilter())
    query = select(Item.id).where(*filters.conditions()).limit(at_most)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """Along one order, from its start or from a cursor."""

    order: ReviewOrder
    start: float | None
    """Where the random order begins; it ends where it began."""

    def page(
        self,
        session: Session,
        conditions: Sequence[ColumnElement[bool]],
        cursor: tuple[int, float, int] | None,
        limit: int,
    ) -> list[Row[*tuple[Any, ...]]]:
        """Return at most `limit` + 1 rows (id, key) after the cursor, in order."""
        rows: list[Row[*tuple[Any, ...]]] = []
        key = KEYS[self.order]
        for lap in range(cursor[0] if cursor else 0, 1 if self.start is None else 2):
            query: Select[*tuple[Any, ...]] = select(Item.id, key.label("key")).where(*conditions)
            if self.start is not None:
                query = query.where(key >= self.start if lap == 0 else key < self.start)
            if cursor is not None and lap == cursor[0]:
                query = query.where(self._beyond(cursor))
            if self.order in DESCENDING:
                query = query.order_by(key.desc(), Item.id.desc())
            else:
                query = query.order_by(key, Item.id)
            rows += session.execute(query.limit(limit + 1 - len(rows))).all()
            if len(rows) > limit:
                break
        return rows

    def _beyond(self, cursor: tuple[int, float, int]) -> ColumnElement[bool]:
        here, place = tuple_(KEYS[self.order], Item.id), tuple_(cursor[1], cursor[2])
        return here < place if self.order in DESCENDING else here > place

    def place(self, row: Row[*tuple[Any, ...]]) -> tuple[int, float, int]:
        """Return a row's place, to sort by."""
        lap, key, item_id = self.cursor(row)
        return (lap, -key, -item_id) if self.order in DESCENDING else (lap, key, item_id)

    def cursor(self, row: Row[*tuple[Any, ...]]) -> tuple[int, float, int]:
        return int(self.start is not None and row.key < self.start), row.key, row.id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filters:
    """Conditions on items, written so that the database goes the shorter way."""

    dataset_id: int
    statuses: tuple[str, ...]
    few: bool
    """Some condition leaves so few items that all of them are looked at."""
    others: tuple[ColumnElement[bool], ...]

    def conditions(self, status: str | None = None) -> list[ColumnElement[bool]]:
        """Return all conditions; with one status, an index has the items in order."""
        if status is not None:
            here = [Item.dataset_id == self.dataset_id, Item.status == status]
        elif self.few:
            # + 0 and + "": not along an index that would visit every item of the dataset.
            here = [Item.dataset_id + 0 == self.dataset_id, (Item.status + "").in_(self.statuses)]
        else:
            here = [Item.dataset_id == self.dataset_id, Item.status.in_(self.statuses)]
        return [*here, *self.others]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selective:
    """A filter that may leave few items of many."""

    first: Select[int]
    """More than `few` rows, if there are; an item may be in several."""
    few: int
    at_item: ColumnElement[bool]
    """The same, asked of one item."""
    by_number: bool = False
    """Finding them takes so long that it is not done twice."""


def _filters(session: Session, dataset_id: int, where: QueueFilter) -> _Filters:
    statuses = where.statuses or tuple(one for one in ITEM_STATUS if one != "excluded")
    others: list[ColumnElement[bool]] = []
    few = False
    for selective in _selective(session, dataset_id, statuses, where):
        rows = selective.first.limit(selective.few + 1)
        if selective.by_number:
            found = list(session.scalars(rows))
            count, here = len(found), Item.id.in_(set(found))
        else:
            count = session.scalar(select(func.count()).select_from(rows.subquery())) or 0
            here = Item.id.in_(selective.first)
        is_few = count <= selective.few
        few |= is_few
        others.append(here if is_few else selective.at_item)
    if where.not_decided_by is not None:
        by = Verdict.annotator_id == where.not_decided_by
        others.append(~_at_item(select(Verdict.caption_id).where(by), Verdict.item_id))
    if where.free_for is not None:
        taken = select(Lease.item_id).where(
            Lease.annotator_id != where.free_for, Lease.expires_at > utc_now()
        )
        others.append(~_at_item(taken, Lease.item_id))
    return _Filters(dataset_id=dataset_id, statuses=statuses, few=few, others=tuple(others))


def _selective(
    session: Session, dataset_id: int, statuses: Sequence[str], where: QueueFilter
) -> Iterator[_Selective]:
    if words := matching_texts(session, where.search, limit=FEW_TEXTS + 1):
        yield _Selective(
            first=select(Caption.item_id).where(words.first),
            few=FEW_TEXTS,
            at_item=_at_item(select(Caption.id).where(words.this_one), Caption.item_id),
            by_number=True,
        )
    if where.source:
        yield _by(Caption.item_id, Caption.source == where.source)
    if where.annotator_id is not None:
        yield _by(Verdict.item_id, Verdict.annotator_id == where.annotator_id)
    if where.batch_id is not None:
        yield _by(DecisionEvent.item_id, DecisionEvent.batch_id == where.batch_id)
    if where.lowest is not None or where.highest is not None:
        low = -1.0 if where.lowest is None else where.lowest
        high = 1.0 if where.highest is None else where.highest
        here = [Item.dataset_id == dataset_id, Item.status.in_(statuses)]
        found = select(Item.id).where(*here, Item.best.between(low, high))
        # + 0: in the order that was asked for, not in that of the scores
        yield _Selective(first=found, few=FEW, at_item=(Item.best + 0).between(low, high))


def _by(item_id: InstrumentedAttribute[int], condition: ColumnElement[bool]) -> _Selective:
    found = select(item_id).where(condition)
    return _Selective(first=found, few=FEW, at_item=_at_item(found, item_id))


def _at_item(found: Select[Any], item_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return found.where(item_id == Item.id).correlate(Item).exists()


def _entries(session: Session, item_ids: Sequence[int]) -> tuple[QueueEntry, ...]:
    """Return the items of a page, in its order."""
    query = select(Item, Image).join(Image, Image.id == Item.image_id).where(Item.id.in_(item_ids))
    found = {item.id: (item, image) for item, image in session.execute(query)}
    return tuple(
        QueueEntry(
            item_id=item.id,
            image_sha256=image.sha256,
            format=image.format,
            width=image.width,
            height=image.height,
            status=item.status,
            distance=item.distance,
            best=item.best,
            disagreement=item.disagreement,
            row_version=item.row_version,
        )
        for item, image in (found[item_id] for item_id in item_ids)
    )


def _start(seed: int) -> float:
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:6], "big") / 2**48


def _read_cursor(text: str | None) -> tuple[int, float, int] | None:
    """Check a cursor, which comes from the address of the page and may be anything."""
    if text is None:
        return None
    try:
        lap, key, item_id = json.loads(text)
        return int(lap), float(key), int(item_id)
    except (ValueError, TypeError) as error:
        raise StorageError("This page of the queue cannot be read; start at the first.") from error
