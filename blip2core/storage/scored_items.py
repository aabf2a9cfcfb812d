"""Items with their texts and the scores of the dataset's scorer, page by page."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from blip2core.records import Candidate, CaptionSource, Scored
from blip2core.storage.schema import Caption, Dataset, Item, Score

ITEMS_PER_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredItem:
    """The scored texts of one image, oldest first."""

    item_id: int
    texts: tuple[tuple[int, Scored], ...]
    """Number of the caption, and its scores."""


def scored_items(
    session: Session,
    *,
    dataset_id: int,
    statuses: tuple[str, ...] = ("pending", "skipped"),
    after: int = 0,
    limit: int = ITEMS_PER_PAGE,
) -> list[ScoredItem]:
    """Return the next items by number above `after`; `texts` is empty where nothing is scored."""
    dataset = session.get_one(Dataset, dataset_id)
    page = (
        select(Item.id)
        .where(Item.dataset_id == dataset_id, Item.status.in_(statuses), Item.id > after)
        .order_by(Item.id)
        .limit(limit)
    )
    item_ids = list(session.scalars(page))
    itm, itc = aliased(Score), aliased(Score)
    query = (
        select(Caption, itm, itc.value)
        .join(itm, (itm.caption_id == Caption.id) & (itm.scorer_id == dataset.itm_scorer_id))
        .join(itc, (itc.caption_id == Caption.id) & (itc.scorer_id == dataset.itc_scorer_id))
        .where(Caption.item_id.in_(item_ids))
        .order_by(Caption.id)
    )
    found: dict[int, list[tuple[int, Scored]]] = {item_id: [] for item_id in item_ids}
    for caption, score, cosine in session.execute(query):
        found[caption.item_id].append((caption.id, _scored(caption, score, cosine)))
    return [ScoredItem(item_id=key, texts=tuple(texts)) for key, texts in found.items()]


def _scored(caption: Caption, score: Score, cosine: float) -> Scored:
    source: CaptionSource = caption.source  # type: ignore[assignment]  # the table allows no other
    return Scored(
        candidate=Candidate(text=caption.text, source=source),
        itm=score.value,
        itc=cosine,
        tokens=score.tokens,
        truncated=score.truncated,
    )
