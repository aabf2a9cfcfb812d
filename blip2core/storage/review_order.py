"""The sort keys of the review queue, stored in the items so that a page of 200,000 is instant."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from blip2core.storage.bulk_insert import chunks
from blip2core.storage.schema import UNSCORED, Caption, Dataset, Item, Score, Scorer


@dataclass(slots=True)
class _Scores:
    """The newest scores of one item: caption -> value, for each head."""

    threshold: float
    itm: dict[int, float] = field(default_factory=dict)
    itc: dict[int, float] = field(default_factory=dict)
    source: dict[int, str] = field(default_factory=dict)


def shuffle_place(sha256: str) -> float:
    """Return the place of an image in a random order that never changes, in [0, 1)."""
    digest = hashlib.sha256(f"shuffle {sha256}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def refresh_orders(session: Session, *, item_ids: Sequence[int]) -> None:
    """Compute distance, disagreement and best score of these items from their newest scores."""
    session.flush()
    for chunk in chunks(item_ids):
        rows = [
            {"id": item_id} | order(scores) for item_id, scores in _newest(session, chunk).items()
        ]
        if rows:
            session.execute(update(Item), rows)


def refresh_all_orders(session: Session, *, dataset_id: int) -> None:
    """Refresh the order of a whole dataset, after its threshold changed."""
    last = 0
    query = select(Item.id).where(Item.dataset_id == dataset_id).order_by(Item.id).limit(5_000)
    while found := list(session.scalars(query.where(Item.id > last))):
        refresh_orders(session, item_ids=found)
        last = found[-1]


def order(scores: _Scores) -> dict[str, float]:
    """Return the three columns of an item."""
    itm, itc = scores.itm, scores.itc
    if not itm:
        return {"distance": UNSCORED, "disagreement": 0.0, "best": -1.0}
    best = max(itm.values())
    disagreement = best - itm[max(itm, key=lambda caption: itc.get(caption, -1.0))] if itc else 0.0
    by_source = {
        source: max(value for caption, value in itm.items() if scores.source[caption] == source)
        for source in {scores.source[caption] for caption in itm}
    }
    if "web" in by_source and "synthetic" in by_source:
        disagreement = max(disagreement, abs(by_source["web"] - by_source["synthetic"]))
    distance = min(abs(value - scores.threshold) for value in itm.values())
    return {"distance": distance, "disagreement": disagreement, "best": best}


def _newest(session: Session, item_ids: Sequence[int]) -> dict[int, _Scores]:
    query = (
        select(
            Caption.item_id,
            Caption.id,
            Caption.source,
            Scorer.head,
            Score.value,
            Dataset.threshold,
        )
        .join(Score, Score.caption_id == Caption.id)
        .join(Scorer, Scorer.id == Score.scorer_id)
        .join(Item, Item.id == Caption.item_id)
        .join(Dataset, Dataset.id == Item.dataset_id)
        .where(Caption.item_id.in_(item_ids))
        .order_by(Score.id)  # so that the newest is the last, and stays
    )
    found: dict[int, _Scores] = {}
    for item_id, caption_id, source, head, value, threshold in session.execute(query):
        scores = found.setdefault(item_id, _Scores(threshold))
        (scores.itm if head == "itm" else scores.itc)[caption_id] = value
        scores.source[caption_id] = source
    return found
