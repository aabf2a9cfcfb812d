"""Texts and their scores, and which are still to be made."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from blip2core.errors import StorageError
from blip2core.records import CaptionSource, Scored, ScorerIdentity
from blip2core.storage.bulk_insert import insert_missing
from blip2core.storage.review_order import refresh_orders
from blip2core.storage.schema import (
    Caption,
    Dataset,
    Image,
    Item,
    Run,
    RunProblem,
    Score,
    Scorer,
)
from blip2core.texts import clean_text

HEADS = ("itm", "itc")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
    """A caption with its number."""

    caption_id: int
    text: str
    source: CaptionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingItem:
    """What a run has still to do for one image: one vision pass serves both."""

    item_id: int
    image_sha256: str
    format: str
    needs_captions: bool
    """This run has not captioned it yet."""
    unscored: tuple[StoredText, ...]
    """Texts that lack a score of the run's scorer."""


def add_captions(
    session: Session, *, run_id: int, item_id: int, texts: Sequence[str]
) -> list[StoredText]:
    """Store the texts that a run wrote about an item and return them, oldest first.

    Empty ones are left out, equal ones are one, and doing it twice changes nothing.
    """
    rows = []
    for text in filter(None, map(clean_text, texts)):
        key = f"run:{run_id}:{hashlib.sha256(text.encode()).hexdigest()}"
        row = {"item_id": item_id, "source": "synthetic", "origin_key": key, "text": text}
        rows.append(row | {"run_id": run_id})
    insert_missing(session, Caption, rows, unique=["item_id", "origin_key"])
    return texts_of(session, item_id=item_id, run_id=run_id)


def texts_of(session: Session, *, item_id: int, run_id: int | None = None) -> list[StoredText]:
    """Return the texts of an item, of one run or all, oldest first."""
    query = select(Caption).where(Caption.item_id == item_id).order_by(Caption.id)
    if run_id is not None:
        query = query.where(Caption.run_id == run_id)
    return [_stored(caption) for caption in session.scalars(query)]


def scorer_ids(session: Session, *, identity: ScorerIdentity) -> dict[str, int]:
    """Return the scorers of both heads, new where needed: {"itm": number, "itc": number}."""
    prints = {head: scorer_fingerprint(identity, head) for head in HEADS}
    rows = [
        {
            "fingerprint": prints[head],
            "head": head,
            "model": identity.model,
            "revision": identity.revision,
            "dtype": identity.dtype,
            "preprocessing": identity.preprocessing,
            "text_limit": identity.text_limit,
        }
        for head in HEADS
    ]
    insert_missing(session, Scorer, rows, unique=["fingerprint"])
    query = select(Scorer.head, Scorer.id).where(Scorer.fingerprint.in_(prints.values()))
    return {head: scorer_id for head, scorer_id in session.execute(query)}


def scorer_fingerprint(identity: ScorerIdentity, head: str) -> str:
    """Return the SHA-256 of everything that decides a score besides image and text."""
    parts = (
        identity.model,
        identity.revision,
        identity.dtype,
        identity.preprocessing,
        str(identity.text_limit),
        head,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def add_scores(
    session: Session, *, run_id: int, identity: ScorerIdentity, scores: Mapping[int, Scored]
) -> None:
    """Store what a scorer says of captions (by number), and put their items in their place in the
    review queue. A caption that this scorer has scored before keeps its score.
    """
    if not scores:
        return
    ids = scorer_ids(session, identity=identity)
    rows = [
        {
            "caption_id": caption_id,
            "scorer_id": ids[head],
            "run_id": run_id,
            "value": getattr(scored, head),
            "tokens": scored.tokens,
            "truncated": scored.truncated,
        }
        for caption_id, scored in scores.items()
        for head in HEADS
    ]
    insert_missing(session, Score, rows, unique=["caption_id", "scorer_id"])
    query = select(Caption.item_id).where(Caption.id.in_(list(scores))).distinct()
    item_ids = list(session.scalars(query))
    refresh_orders(session, item_ids=item_ids)
    _show(session, item_ids[0], ids)


def pending_items(
    session: Session,
    *,
    run_id: int,
    identity: ScorerIdentity | None,
    captions: bool = True,
    after: int = 0,
    limit: int = 32,
) -> list[PendingItem]:
    """Return the next items, by number above `after`, that a run has still something to do for.

    `captions` asks for those it has not captioned, `identity` for those with texts that this scorer
    has not scored. Items with a problem in this run and excluded ones are left out. A run that was
    killed goes on from `after=0`.
    """
    run = session.get_one(Run, run_id)
    scorers = scorer_numbers(session, identity=identity)
    lacks = _lacks_captions(run_id) if captions else None
    unscored = _unscored(scorers) if identity is not None else None
    wanted = [part for part in (lacks, unscored) if part is not None]
    if not wanted:
        raise StorageError("A run writes captions, scores texts, or both.")
    problem = select(RunProblem.id).where(
        RunProblem.run_id == run_id, RunProblem.item_id == Item.id
    )
    query = (
        select(Item.id, Image.sha256, Image.format, *([lacks] if lacks is not None else []))
        .join(Image, Image.id == Item.image_id)
        .where(
            Item.dataset_id == run.dataset_id,
            Item.id > after,
            Item.status != "excluded",
            Image.state == "ok",
            wanted[0] if len(wanted) == 1 else wanted[0] | wanted[1],
            ~problem.exists(),
        )
        .order_by(Item.id)
        .limit(limit)
    )
    rows = session.execute(query).all()
    texts = _unscored_texts(session, [row[0] for row in rows], scorers) if identity else {}
    return [
        PendingItem(
            item_id=row[0],
            image_sha256=row[1],
            format=row[2],
            needs_captions=bool(row[3]) if captions else False,
            unscored=tuple(texts.get(row[0], ())),
        )
        for row in rows
    ]


def scorer_numbers(session: Session, *, identity: ScorerIdentity | None) -> list[int]:
    """Return the numbers of a scorer's heads, without making them: empty where it never scored."""
    if identity is None:
        return []
    prints = [scorer_fingerprint(identity, head) for head in HEADS]
    return list(session.scalars(select(Scorer.id).where(Scorer.fingerprint.in_(prints))))


def _lacks_captions(run_id: int) -> ColumnElement[bool]:
    written = select(Caption.id).where(Caption.run_id == run_id, Caption.item_id == Item.id)
    return ~written.exists()


def _scored_by(caption: type[Caption], scorers: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that a scorer scored a text; both heads are stored together."""
    query = select(Score.id).where(
        Score.caption_id == caption.id, Score.scorer_id == (scorers[0] if scorers else 0)
    )
    return query.exists()


def _unscored(scorers: Sequence[int]) -> ColumnElement[bool]:
    caption = aliased(Caption)
    query = select(caption.id).where(
        caption.item_id == Item.id,
        ~_scored_by(caption, scorers),
    )
    return query.exists()


def _unscored_texts(
    session: Session, item_ids: Sequence[int], scorers: Sequence[int]
) -> dict[int, list[StoredText]]:
    query = (
        select(Caption)
        .where(Caption.item_id.in_(item_ids), ~_scored_by(Caption, scorers))
        .order_by(Caption.id)
    )
    found: dict[int, list[StoredText]] = {}
    for caption in session.scalars(query):
        found.setdefault(caption.item_id, []).append(_stored(caption))
    return found


def _stored(caption: Caption) -> StoredText:
    source: CaptionSource = caption.source  # type: ignore[assignment]  # the table allows no other
    return StoredText(caption_id=caption.id, text=caption.text, source=source)


def _show(session: Session, item_id: int, scorers: Mapping[str, int]) -> None:
    """Make `scorers` those whose values the dataset shows."""
    dataset = session.get_one(Dataset, session.get_one(Item, item_id).dataset_id)
    dataset.itm_scorer_id, dataset.itc_scorer_id = scorers["itm"], scorers["itc"]
    session.flush()
