"""Images that are unlike what the models know: the captions written of them do not fit them."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from blip2core.storage.schema import Caption, Dataset, Item, Score

UNDECIDED = ("pending", "skipped")


def doubted_items(dataset: Dataset, least: float) -> Select[int]:
    """Return a query for the numbers of a dataset's items whose written captions have a mean cosine
    below `least`, by its newest scorer; items without written captions are not among them.
    """
    return (
        select(Item.id)
        .join(Caption, Caption.item_id == Item.id)
        .join(Score, Score.caption_id == Caption.id)
        .where(
            Item.dataset_id == dataset.id,
            Caption.source == "synthetic",
            Score.scorer_id == dataset.itc_scorer_id,
        )
        .group_by(Item.id)
        .having(func.avg(Score.value) < least)
    )


def count_doubted(session: Session, *, dataset_id: int, least: float | None) -> int:
    """Return how many undecided items are in doubt; 0 where nothing is doubted."""
    if least is None:
        return 0
    doubted = doubted_items(session.get_one(Dataset, dataset_id), least)
    query = doubted.where(Item.status.in_(UNDECIDED)).subquery()
    return session.scalar(select(func.count()).select_from(query)) or 0
