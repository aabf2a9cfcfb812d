"""The texts that a snapshot takes: accepted by its policy, and refused in no copy."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from blip2core.errors import StorageError
from blip2core.storage.schema import (
    CAPTION_SOURCES,
    Batch,
    Caption,
    Dataset,
    DecisionEvent,
    Image,
    Item,
    Score,
    Source,
    Verdict,
)
from blip2core.texts import normalised

IMAGES_PER_PAGE = 1_000
"""Images read in one go."""
DECIDED = ("both", "people", "threshold")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotPolicy:
    """Which pairs a snapshot takes, and how it splits them."""

    sources: tuple[str, ...] = CAPTION_SOURCES
    """Kinds of text that are taken."""
    decided: str = "both"
    """Who must have accepted a text: people (one by one, or a selection of theirs), a threshold
    that was applied as a batch, or both: either of them."""
    lowest_itm: float | None = None
    """Take accepted texts only from this ITM score on; unscored ones then stay out."""
    per_item: int | None = None
    """At most so many texts of an item, best ITM first."""
    validation: float = 0.0
    test: float = 0.0
    """Shares of the images. An image is always in the same split, in every snapshot."""
    split_seed: int = 0
    """Another number deals the images out anew."""

    def __post_init__(self) -> None:
        if not 0 <= self.validation + self.test < 1 or min(self.validation, self.test) < 0:
            raise StorageError("validation and test are shares that leave some for training.")
        if self.decided not in DECIDED:
            raise StorageError(f"decided is one of {', '.join(DECIDED)}, not {self.decided}.")
        if unknown := set(self.sources) - set(CAPTION_SOURCES):
            raise StorageError(
                f"There is no source {unknown.pop()}; valid: {', '.join(CAPTION_SOURCES)}."
            )


def chosen_rows(
    session: Session, dataset_id: int, policy: SnapshotPolicy
) -> Iterator[dict[str, Any]]:
    """Yield rows for `snapshot_pairs` without their snapshot, ordered by image and text."""
    position, after = 0, ""
    while True:
        page = _accepted_images(session, dataset_id, after)
        for sha256, rows in _accepted(session, dataset_id, policy, page).items():
            for row in rows:
                yield row | {"position": position, "split": split_of(sha256, policy)}
                position += 1
        if len(page) < IMAGES_PER_PAGE:
            return
        after = page[-1]


def _accepted_images(session: Session, dataset_id: int, after: str) -> list[str]:
    accepted = select(Verdict.caption_id).where(
        Verdict.item_id == Item.id, Verdict.verdict == "accept"
    )
    query = (
        select(Image.sha256)
        .join(Item, Item.image_id == Image.id)
        .where(
            Item.dataset_id == dataset_id,
            Item.status != "excluded",
            Image.state == "ok",
            Image.sha256 > after,
            accepted.exists(),
        )
        .order_by(Image.sha256)
        .limit(IMAGES_PER_PAGE)
    )
    return list(session.scalars(query))


def _accepted(
    session: Session, dataset_id: int, policy: SnapshotPolicy, images: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return image -> its rows, oldest text first; of texts that say the same, only the oldest."""
    dataset = session.get_one(Dataset, dataset_id)
    refused = _refused_words(session, dataset_id, images)
    names = ("caption_id", "item_id", "decision_id", "source_id", "scorer_id", "itm", "itc")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    query = _accepted_texts(dataset, policy, images)
    for sha256, pixels, text, *values in session.execute(query):
        if (pixels, normalised(text)) not in refused:
            row = dict(zip(names, values, strict=True))
            found.setdefault(sha256, {}).setdefault(normalised(text), row)
    most = policy.per_item
    return {
        sha256: list(rows.values()) if most is None else _best(list(rows.values()), most)
        for sha256, rows in found.items()
    }


def _refused_words(
    session: Session, dataset_id: int, images: Sequence[str]
) -> set[tuple[str, str]]:
    """Return (pixels, words) that somebody did not accept of these images, in any copy of them.

    Who accepted the same words of the same item only put a second text aside.
    """
    shown = select(Image.pixel_sha256).where(Image.sha256.in_(images))
    query = (
        select(
            Image.pixel_sha256,
            Caption.text,
            Verdict.verdict,
            Verdict.item_id,
            Verdict.annotator_id,
        )
        .join(Caption, Caption.id == Verdict.caption_id)
        .join(Item, Item.id == Verdict.item_id)
        .join(Image, Image.id == Item.image_id)
        .where(Item.dataset_id == dataset_id, Image.pixel_sha256.in_(shown))
    )
    accepted: set[tuple[str, str, int, int]] = set()
    refused: set[tuple[str, str, int, int]] = set()
    for pixels, text, verdict, item_id, annotator_id in session.execute(query):
        said = (pixels, normalised(text), item_id, annotator_id)
        (accepted if verdict == "accept" else refused).add(said)
    return {(pixels, words) for pixels, words, *_ in refused - accepted}


def _accepted_texts(
    dataset: Dataset, policy: SnapshotPolicy, images: Sequence[str]
) -> Select[*tuple[Any, ...]]:
    """Select (image, its pixels, text, the columns of `_accepted`), oldest text first."""
    against = aliased(Verdict)
    refused = select(against.caption_id).where(
        against.caption_id == Verdict.caption_id, against.verdict != "accept"
    )
    itm, itc = aliased(Score), aliased(Score)
    text = (Image.sha256, Image.pixel_sha256, Caption.text, Caption.id, Caption.item_id)
    scores = (itm.scorer_id, itm.value, itc.value)
    first_source = select(func.min(Source.id)).where(Source.item_id == Caption.item_id)
    source = func.coalesce(Caption.source_id, first_source.scalar_subquery())
    query = (
        select(*text, func.min(Verdict.decision_id), source, *scores)
        .join(Caption, Caption.id == Verdict.caption_id)
        .join(Item, Item.id == Caption.item_id)
        .join(Image, Image.id == Item.image_id)
        .outerjoin(itm, (itm.caption_id == Caption.id) & (itm.scorer_id == dataset.itm_scorer_id))
        .outerjoin(itc, (itc.caption_id == Caption.id) & (itc.scorer_id == dataset.itc_scorer_id))
        .where(
            Item.dataset_id == dataset.id,
            Image.sha256.in_(images),
            Verdict.verdict == "accept",
            Caption.source.in_(policy.sources),
            ~refused.exists(),
        )
        .group_by(*text, Caption.source_id, *scores)
        .order_by(Image.sha256, Caption.id)
    )
    if policy.decided != "both":
        by_threshold = (
            select(Batch.id)
            .join(DecisionEvent, DecisionEvent.batch_id == Batch.id)
            .where(DecisionEvent.id == Verdict.decision_id, Batch.kind == "threshold")
            .exists()
        )
        query = query.where(by_threshold if policy.decided == "threshold" else ~by_threshold)
    if policy.lowest_itm is not None:
        query = query.where(itm.value >= policy.lowest_itm)
    return query


def _best(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    def rank(row: dict[str, Any]) -> tuple[float, int]:
        return (-2.0 if row["itm"] is None else row["itm"], -row["caption_id"])

    best = sorted(rows, key=rank, reverse=True)[:count]
    return sorted(best, key=lambda row: int(row["caption_id"]))


def split_of(sha256: str, policy: SnapshotPolicy) -> str:
    """Return the split of an image: by its hash alone, so that it never moves to another one."""
    digest = hashlib.sha256(f"split {policy.split_seed} {sha256}".encode()).digest()
    place = int.from_bytes(digest[:6], "big") / 2**48
    if place < policy.test:
        return "test"
    return "validation" if place < policy.test + policy.validation else "train"
