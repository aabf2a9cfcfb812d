"""Datasets: names, rules, and how far each is."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.storage.bulk_insert import insert_missing
from blip2core.storage.review_order import refresh_all_orders
from blip2core.storage.schema import Dataset, Item, Scorer
from blip2core.texts import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSummary:
    """One line of the list of datasets."""

    dataset: Dataset
    statuses: dict[str, int]
    """Items by status."""

    @property
    def items(self) -> int:
        return sum(self.statuses.values())


def get_or_create_dataset(session: Session, *, name: str) -> Dataset:
    """Return the dataset of this name, new with the default rules where there is none."""
    name = clean_text(name)
    if not name:
        raise StorageError("A dataset needs a name.")
    row = {"name": name, "guidelines": "", "threshold": 0.5, "policy": {}, "overlap": 1}
    insert_missing(session, Dataset, [row], unique=["name"])
    return find_dataset(session, name=name)


def find_dataset(session: Session, *, name: str) -> Dataset:
    """Return the dataset of this name. Raises StorageError, which names those there are."""
    found = session.scalar(select(Dataset).where(Dataset.name == clean_text(name)))
    if found is None:
        names = ", ".join(session.scalars(select(Dataset.name).order_by(Dataset.name).limit(20)))
        raise StorageError(f"There is no dataset {name}; there are: {names or 'none yet'}.")
    return found


def get_dataset(session: Session, *, dataset_id: int) -> Dataset:
    """Return the dataset of this number. Raises StorageError where there is none."""
    found = session.get(Dataset, dataset_id)
    if found is None:
        raise StorageError(f"There is no dataset number {dataset_id}.")
    return found


def lock_dataset(session: Session, *, dataset_id: int) -> None:
    """Wait for whoever else locked this dataset; decisions, and new items of it, do not wait."""
    turn = select(Dataset.id).where(Dataset.id == dataset_id)
    session.execute(turn.with_for_update(key_share=True))


def list_datasets(session: Session) -> list[DatasetSummary]:
    """Return all datasets by name, with their items counted by status."""
    query = select(Item.dataset_id, Item.status, func.count()).group_by(
        Item.dataset_id, Item.status
    )
    counts: dict[int, dict[str, int]] = {}
    for dataset_id, status, count in session.execute(query):
        counts.setdefault(dataset_id, {})[status] = count
    found = session.scalars(select(Dataset).order_by(Dataset.name))
    return [DatasetSummary(dataset=one, statuses=counts.get(one.id, {})) for one in found]


def filter_of(session: Session, *, dataset_id: int) -> str | None:
    """Return the matcher whose scores count for a dataset; None before the first score."""
    scorer = select(Scorer.model).join(Dataset, Dataset.itm_scorer_id == Scorer.id)
    return session.scalar(scorer.where(Dataset.id == dataset_id))


def dataset_names(session: Session) -> dict[int, str]:
    """Return every dataset's name by its number."""
    return {number: name for number, name in session.execute(select(Dataset.id, Dataset.name))}


def status_counts(session: Session, *, dataset_id: int) -> dict[str, int]:
    """Return the number of items of a dataset for each status."""
    query = (
        select(Item.status, func.count()).where(Item.dataset_id == dataset_id).group_by(Item.status)
    )
    return {status: count for status, count in session.execute(query)}


def update_dataset(
    session: Session,
    *,
    dataset_id: int,
    threshold: float | None = None,
    overlap: int | None = None,
    guidelines: str | None = None,
    policy: dict[str, Any] | None = None,
) -> Dataset:
    """Change the settings that are given.

    A new threshold orders the whole review queue anew, and becomes that of a filter by ITM.
    """
    dataset = get_dataset(session, dataset_id=dataset_id)
    if overlap is not None:
        dataset.overlap = overlap
    if guidelines is not None:
        dataset.guidelines = clean_text(guidelines)
    if policy is not None:
        dataset.policy = policy
    elif threshold is not None and dataset.policy and dataset.policy.get("head") == "itm":
        dataset.policy = dataset.policy | {"threshold": threshold}
    if threshold is not None and threshold != dataset.threshold:
        dataset.threshold = threshold
        session.flush()
        refresh_all_orders(session, dataset_id=dataset_id)
    session.flush()
    return dataset
