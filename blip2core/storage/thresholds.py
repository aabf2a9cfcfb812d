"""Histograms of scores, what a threshold keeps, and the verdicts by score."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from blip2core.storage.schema import (
    Caption,
    Dataset,
    DecisionEvent,
    Item,
    Score,
    Verdict,
)

Head = Literal["itm", "itc"]
RANGE: dict[Head, tuple[float, float]] = {"itm": (0.0, 1.0), "itc": (-1.0, 1.0)}
"""Lowest and highest value of each head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many texts of each source score in each bin."""

    head: Head
    edges: tuple[float, ...]
    """bins + 1 values, ascending; a value on an edge is in the bin above it."""
    counts: dict[str, tuple[int, ...]]
    """source -> texts in each bin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionVerdict:
    """A score, and whether a person took the text."""

    source: str
    value: float
    accepted: bool


def score_histogram(
    session: Session, *, dataset_id: int, head: Head = "itm", bins: int = 50
) -> Histogram:
    """Return the scores of a dataset by its newest scorer; with 1,000 bins, live counts for any
    threshold are sums over them.
    """
    low, high = RANGE[head]
    place = cast(func.floor((Score.value - low) / (high - low) * bins), Integer)
    query = (
        select(Caption.source, place, func.count())
        .join(Caption, Caption.id == Score.caption_id)
        .join(Item, Item.id == Caption.item_id)
        .where(Score.scorer_id == _scorer(session, dataset_id, head))
        .where(Item.dataset_id == dataset_id)
        .group_by(Caption.source, place)
    )
    counts: dict[str, list[int]] = {}
    for source, where, count in session.execute(query):
        counts.setdefault(source, [0] * bins)[max(0, min(where, bins - 1))] += count
    edges = tuple(low + (high - low) * edge / bins for edge in range(bins + 1))
    found = {source: tuple(values) for source, values in sorted(counts.items())}
    return Histogram(head=head, edges=edges, counts=found)


def kept_counts(
    session: Session, *, dataset_id: int, threshold: float, head: Head = "itm"
) -> dict[str, tuple[int, int]]:
    """Return source -> (texts at or above the threshold, all scored texts)."""
    query = (
        select(Caption.source, func.count().filter(Score.value >= threshold), func.count())
        .join(Caption, Caption.id == Score.caption_id)
        .join(Item, Item.id == Caption.item_id)
        .where(Score.scorer_id == _scorer(session, dataset_id, head))
        .where(Item.dataset_id == dataset_id)
        .group_by(Caption.source)
    )
    return {source: (kept, total) for source, kept, total in session.execute(query)}


def verdict_scores(
    session: Session, *, dataset_id: int, head: Head = "itm"
) -> list[CaptionVerdict]:
    """Return one entry for each verdict of a person on a scored text; what a batch decided is left
    out.

    A text that was replaced by an edit was not taken.
    """
    query = (
        select(Caption.source, Score.value, Verdict.verdict)
        .select_from(Verdict)
        .join(DecisionEvent, DecisionEvent.id == Verdict.decision_id)
        .join(Caption, Caption.id == Verdict.caption_id)
        .join(Item, Item.id == Caption.item_id)
        .join(Score, Score.caption_id == Caption.id)
        .where(
            Item.dataset_id == dataset_id,
            Score.scorer_id == _scorer(session, dataset_id, head),
            DecisionEvent.batch_id.is_(None),
        )
        .order_by(Verdict.decision_id, Caption.id)
    )
    return [
        CaptionVerdict(source=source, value=value, accepted=verdict == "accept")
        for source, value, verdict in session.execute(query)
    ]


def _scorer(session: Session, dataset_id: int, head: Head) -> int:
    dataset = session.get_one(Dataset, dataset_id)
    found = dataset.itm_scorer_id if head == "itm" else dataset.itc_scorer_id
    return found or 0
