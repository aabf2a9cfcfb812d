"""Decisions from stored scores, by rules that may change at any time; no model is needed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from blip2core.capfilt import decide
from blip2core.config import FilterConfig
from blip2core.records import Decision
from blip2core.storage import Database
from blip2core.storage.batches import Choice, NewBatch, decide_many, draw_audit
from blip2core.storage.datasets import get_dataset, update_dataset
from blip2core.storage.missing_images import with_images
from blip2core.storage.schema import AuditItem, Batch, Dataset
from blip2core.storage.scored_items import scored_items

AUDIT = 50
"""Default size of the audit sample of a batch, in items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What rules would decide, among the items that nobody has decided."""

    accept: int
    """Texts."""
    reject: int
    """Texts."""
    items: int
    """Images with scored texts."""
    items_kept: int
    """Of these, those that keep at least one text."""
    items_doubted: int = 0
    """Images unlike what the models know: their texts are left to people, and counted nowhere else.
    """

    @property
    def decisions(self) -> int:
        """How many there would be: what `apply_rules` expects."""
        return self.accept + self.reject


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRules:
    """A batch that was stored; `undo_batch` or the reviewer's undo takes it back as a whole."""

    batch_id: int
    decisions: int
    audit: tuple[int, ...]
    """Size of the audit sample, drawn at random for people to review."""


def rules_of(dataset: Dataset) -> FilterConfig:
    """Return the filter of a dataset, as it was set last."""
    if dataset.policy:
        return FilterConfig(**dataset.policy)
    return FilterConfig(threshold=dataset.threshold)


def set_rules(database: Database, *, dataset_id: int, rules: FilterConfig) -> Preview:
    """Give a dataset another filter -> what it would decide. Nothing is decided or computed."""
    centre = rules.threshold if rules.head == "itm" else None
    with database.write() as session:
        update_dataset(session, dataset_id=dataset_id, policy=asdict(rules), threshold=centre)
    with database.read() as session:
        return preview(session, dataset_id=dataset_id, rules=rules)


def decided_items(
    session: Session, *, dataset_id: int, rules: FilterConfig
) -> Iterator[tuple[int, list[tuple[int, Decision]]]]:
    """Yield (item, [(caption, decision)]) of each undecided item with scored texts,
    page by page.
    """
    last = 0
    while page := scored_items(session, dataset_id=dataset_id, after=last):
        last = page[-1].item_id
        for item in page:
            if item.texts:
                numbers = [number for number, _ in item.texts]
                decisions = decide([scored for _, scored in item.texts], rules)
                yield item.item_id, list(zip(numbers, decisions, strict=True))


def preview(session: Session, *, dataset_id: int, rules: FilterConfig) -> Preview:
    """Return what rules would decide now; show it before `apply_rules`."""
    accept = reject = items = items_kept = doubted = 0
    for _, decisions in decided_items(session, dataset_id=dataset_id, rules=rules):
        if decisions[0][1].doubted:
            doubted += 1
            continue
        kept = sum(decision.kept for _, decision in decisions)
        accept, reject = accept + kept, reject + len(decisions) - kept
        items, items_kept = items + 1, items_kept + bool(kept)
    return Preview(
        accept=accept, reject=reject, items=items, items_kept=items_kept, items_doubted=doubted
    )


def apply_rules(
    database: Database,
    new: NewBatch,
    *,
    rules: FilterConfig,
    expected: int,
    audit: int = AUDIT,
    seed: int = 0,
) -> AppliedRules:
    """Accept and reject what the rules say, as one batch, with a random sample put in review. Texts
    of images in doubt are left as they are, for people.

    `expected` is `Preview.decisions` of what was confirmed: ConflictError where somebody decided
    or scored since, and StorageError where an image of an accepted text is missing; then nothing
    has changed. The same `new.uid` again changes nothing.
    """
    batch = replace(new, kind="threshold", settings={"rules": asdict(rules), "seed": seed})

    def unit(session: Session) -> AppliedRules:
        get_dataset(session, dataset_id=new.dataset_id)
        is_new = session.scalar(select(Batch.id).where(Batch.uid == batch.uid)) is None
        choices = _choices(session, dataset_id=new.dataset_id, rules=rules)
        stored = decide_many(
            session,
            batch,
            choices=with_images(session, database.images, choices),
            expected=expected,
        )
        if is_new and audit:
            draw_audit(session, batch_id=stored.id, size=audit, seed=seed)
        drawn = select(AuditItem.item_id).where(AuditItem.batch_id == stored.id)
        return AppliedRules(
            batch_id=stored.id,
            decisions=stored.expected,
            audit=tuple(session.scalars(drawn.order_by(AuditItem.item_id))),
        )

    return database.run_write(unit)


def _choices(session: Session, *, dataset_id: int, rules: FilterConfig) -> Iterator[Choice]:
    for item_id, decisions in decided_items(session, dataset_id=dataset_id, rules=rules):
        for caption_id, decision in decisions:
            if decision.doubted:
                continue
            action: Literal["accept", "reject"] = "accept" if decision.kept else "reject"
            yield Choice(item_id=item_id, caption_id=caption_id, action=action)
