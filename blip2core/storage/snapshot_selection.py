"""The texts that a snapshot takes: accepted by its policy, and refused in no copy."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.database import Database
from blip2core.storage.schema import CAPTION_SOURCES, Batch, Caption, DecisionEvent, Source
from blip2core.storage.snapshot_state import DatasetState, StateVerdict
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
    database: Database, state: DatasetState, policy: SnapshotPolicy
) -> Iterator[dict[str, Any]]:
    """Yield rows for `snapshot_pairs` without their snapshot, ordered by image and text.

    All that may change comes from `state`. Texts and sources only grow, so they are read from the
    database in pages, and nobody who writes waits for it.
    """
    position, after = 0, ""
    while True:
        page = state.accepted_images(after, limit=IMAGES_PER_PAGE)
        with database.read() as session:
            found = _accepted(session, state, policy, page)
        for sha256, rows in found.items():
            for row in rows:
                yield row | {"position": position, "split": split_of(sha256, policy)}
                position += 1
        if len(page) < IMAGES_PER_PAGE:
            return
        after = page[-1]


def _accepted(
    session: Session, state: DatasetState, policy: SnapshotPolicy, images: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return image -> its rows, oldest text first; of texts that say the same, only the oldest."""
    verdicts = state.verdicts_of(images)
    captions = _captions(session, sorted({one.caption_id for one in verdicts}))
    words = {number: normalised(caption.text) for number, caption in captions.items()}
    refused = _refused_words(verdicts, words)
    accepting = _accepting_decisions(session, policy, verdicts)
    scores = state.scores_of(accepting)
    sources = _first_sources(session, sorted({one.item_id for one in verdicts}))
    wanted = set(images)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for one in sorted(verdicts, key=lambda one: (one.sha256, one.caption_id)):
        caption, said = captions[one.caption_id], words[one.caption_id]
        if one.sha256 not in wanted or one.caption_id not in accepting:
            continue
        if caption.source not in policy.sources or (one.pixels, said) in refused:
            continue
        itm, itc = scores.get(one.caption_id, (None, None))
        if policy.lowest_itm is not None and (itm is None or itm < policy.lowest_itm):
            continue
        row = {
            "caption_id": one.caption_id,
            "item_id": one.item_id,
            "decision_id": accepting[one.caption_id],
            "source_id": caption.source_id or sources.get(one.item_id),
            "scorer_id": None if itm is None else state.itm_scorer_id,
            "itm": itm,
            "itc": itc,
        }
        found.setdefault(one.sha256, {}).setdefault(said, row)
    most = policy.per_item
    return {
        sha256: list(rows.values()) if most is None else _best(list(rows.values()), most)
        for sha256, rows in found.items()
    }


def _captions(session: Session, caption_ids: Sequence[int]) -> dict[int, Any]:
    """Return number -> (text, source, source_id) of texts."""
    found: dict[int, Any] = {}
    for chunk in chunks(caption_ids):
        query = select(Caption.id, Caption.text, Caption.source, Caption.source_id)
        found |= {row.id: row for row in session.execute(query.where(Caption.id.in_(chunk)))}
    return found


def _first_sources(session: Session, item_ids: Sequence[int]) -> dict[int, int]:
    """Return item -> where its image was found first."""
    found: dict[int, int] = {}
    for chunk in chunks(item_ids):
        query = select(Source.item_id, func.min(Source.id)).where(Source.item_id.in_(chunk))
        rows = session.execute(query.group_by(Source.item_id))
        found |= {item_id: number for item_id, number in rows}
    return found


def _refused_words(verdicts: Sequence[StateVerdict], words: dict[int, str]) -> set[tuple[str, str]]:
    """Return (pixels, words) that somebody did not accept of these images, in any copy of them.

    Who accepted the same words of the same item only put a second text aside.
    """
    accepted: set[tuple[str, str, int, int]] = set()
    refused: set[tuple[str, str, int, int]] = set()
    for one in verdicts:
        said = (one.pixels, words[one.caption_id], one.item_id, one.annotator_id)
        (accepted if one.verdict == "accept" else refused).add(said)
    return {(pixels, said) for pixels, said, *_ in refused - accepted}


def _accepting_decisions(
    session: Session, policy: SnapshotPolicy, verdicts: Sequence[StateVerdict]
) -> dict[int, int]:
    """Return text -> the oldest decision that accepts it and counts for this policy; only of texts
    that nobody refused.
    """
    accepts = [one for one in verdicts if one.verdict == "accept"]
    if policy.decided != "both":
        thresholds = _by_threshold(session, [one.decision_id for one in accepts])
        wanted = policy.decided == "threshold"
        accepts = [one for one in accepts if (one.decision_id in thresholds) == wanted]
    refused = {one.caption_id for one in verdicts if one.verdict != "accept"}
    found: dict[int, int] = {}
    for one in accepts:
        if one.caption_id not in refused:
            found[one.caption_id] = min(one.decision_id, found.get(one.caption_id, one.decision_id))
    return found


def _by_threshold(session: Session, decision_ids: Sequence[int]) -> set[int]:
    """Return those of the decisions that a threshold made."""
    found: set[int] = set()
    for chunk in chunks(decision_ids):
        query = (
            select(DecisionEvent.id)
            .join(Batch, Batch.id == DecisionEvent.batch_id)
            .where(DecisionEvent.id.in_(chunk), Batch.kind == "threshold")
        )
        found |= set(session.scalars(query))
    return found


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
