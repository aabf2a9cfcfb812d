"""One item with all that a reviewer sees of it, its drafts, and its lease."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, aliased

from blip2core.errors import ConflictError, StorageError
from blip2core.storage.bulk_insert import insert_missing
from blip2core.storage.columns import utc_now
from blip2core.storage.schema import (
    Annotator,
    Caption,
    DecisionEvent,
    Draft,
    Image,
    Item,
    Lease,
    Run,
    Score,
    Scorer,
    Source,
    Verdict,
)
from blip2core.texts import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownScore:
    """What the newest scorer of a head says of a text."""

    value: float
    tokens: int
    truncated: bool
    text_limit: int
    scorer: str
    """model@revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVerdict:
    """What one annotator thinks of a text."""

    handle: str
    verdict: str
    """accept, reject, or edit: replaced by another."""
    when: datetime
    by_threshold: bool
    """A batch decided it, not a look at the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownText:
    """A candidate of a card; all sources are peers."""

    caption_id: int
    text: str
    source: str
    parent_id: int | None
    author: str | None
    """Handle of who wrote or edited it."""
    writer: str | None
    """model@revision of the run that wrote it."""
    itm: ShownScore | None
    itc: ShownScore | None
    verdicts: tuple[ShownVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSource:
    """Where the image was found. Hostile texts."""

    name: str
    url: str | None
    page_url: str | None
    license: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAct:
    """One line of the history of an item."""

    decision_id: int
    handle: str
    action: str
    when: datetime
    caption_id: int | None
    reason: str | None
    note: str | None
    undone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownDraft:
    """A text that the annotator has begun."""

    text: str
    caption_id: int | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An item as the review page shows it."""

    item_id: int
    dataset_id: int
    image_sha256: str
    format: str
    width: int
    height: int
    state: str
    """ok, or purged: the bytes are gone."""
    status: str
    row_version: int
    """Send it with the decision: one on an older version is refused."""
    sources: tuple[ShownSource, ...]
    texts: tuple[ShownText, ...]
    """Oldest first."""
    history: tuple[PastAct, ...]
    """Newest first."""
    draft: ShownDraft | None
    held_by: str | None
    """Handle of another annotator who has it on screen."""


def card(
    session: Session, *, item_id: int, annotator_id: int | None = None, blind: bool = False
) -> Card:
    """Return everything about one item. `blind` hides what others than the annotator decided and
    wrote.
    """
    query = select(Item, Image).join(Image, Image.id == Item.image_id).where(Item.id == item_id)
    found = session.execute(query).first()
    if found is None:
        raise StorageError(f"There is no item number {item_id}.")
    item, image = found
    only = annotator_id if blind else None
    return Card(
        item_id=item.id,
        dataset_id=item.dataset_id,
        image_sha256=image.sha256,
        format=image.format,
        width=image.width,
        height=image.height,
        state=image.state,
        status=item.status,
        row_version=item.row_version,
        sources=_sources(session, item_id),
        texts=_texts(session, item_id, blind, only),
        history=_history(session, item_id, blind, only),
        draft=load_draft(session, item_id=item_id, annotator_id=annotator_id),
        held_by=_holder(session, item_id, annotator_id),
    )


def save_draft(
    session: Session, *, item_id: int, annotator_id: int, text: str, caption_id: int | None = None
) -> None:
    """Store what an annotator has typed so far; an empty text deletes the draft."""
    drop_draft(session, item_id=item_id, annotator_id=annotator_id)
    text = clean_text(text)
    if text:
        session.add(
            Draft(
                item_id=item_id,
                annotator_id=annotator_id,
                caption_id=caption_id,
                text=text,
                updated_at=utc_now(),
            )
        )
        session.flush()


def load_draft(session: Session, *, item_id: int, annotator_id: int | None) -> ShownDraft | None:
    """Return the draft of an annotator for an item; None where there is none."""
    found = session.get(Draft, (item_id, annotator_id)) if annotator_id is not None else None
    if found is None:
        return None
    return ShownDraft(text=found.text, caption_id=found.caption_id, updated_at=found.updated_at)


def drop_draft(session: Session, *, item_id: int, annotator_id: int) -> None:
    """Delete a draft; where there is none, nothing happens."""
    session.execute(
        delete(Draft).where(Draft.item_id == item_id, Draft.annotator_id == annotator_id)
    )
    session.expire_all()


def take_lease(
    session: Session, *, item_id: int, annotator_id: int, seconds: float = 120.0
) -> None:
    """Lease an item to an annotator who has it on screen, or prolong the lease.

    ConflictError names who has it on screen already.
    """
    now = utc_now()
    session.execute(
        delete(Lease).where(
            Lease.item_id == item_id,
            or_(Lease.expires_at <= now, Lease.annotator_id == annotator_id),
        )
    )
    row = {
        "item_id": item_id,
        "annotator_id": annotator_id,
        "expires_at": now + timedelta(seconds=seconds),
    }
    insert_missing(session, Lease, [row], unique=["item_id"])
    if (holder := _holder(session, item_id, annotator_id)) is not None:
        raise ConflictError(f"{holder} has this item on screen; take the next one.")


def release_lease(session: Session, *, item_id: int, annotator_id: int) -> None:
    """End the lease of an annotator on an item."""
    session.execute(
        delete(Lease).where(Lease.item_id == item_id, Lease.annotator_id == annotator_id)
    )


def _holder(session: Session, item_id: int, annotator_id: int | None) -> str | None:
    query = (
        select(Annotator.handle)
        .join(Lease, Lease.annotator_id == Annotator.id)
        .where(Lease.item_id == item_id, Lease.expires_at > utc_now())
    )
    if annotator_id is not None:
        query = query.where(Lease.annotator_id != annotator_id)
    return session.scalar(query)


def _sources(session: Session, item_id: int) -> tuple[ShownSource, ...]:
    query = select(Source).where(Source.item_id == item_id).order_by(Source.id)
    return tuple(
        ShownSource(
            name=source.name, url=source.url, page_url=source.page_url, license=source.license
        )
        for source in session.scalars(query)
    )


def _texts(session: Session, item_id: int, blind: bool, only: int | None) -> tuple[ShownText, ...]:
    query = (
        select(Caption, Annotator.handle, Run.model, Run.revision)
        .outerjoin(Annotator, Annotator.id == Caption.author_id)
        .outerjoin(Run, Run.id == Caption.run_id)
        .where(Caption.item_id == item_id)
        .order_by(Caption.id)
    )
    if blind:
        query = query.where(or_(Caption.author_id.is_(None), Caption.author_id == only))
    rows = session.execute(query).all()
    ids = [row[0].id for row in rows]
    scores = newest_scores(session, caption_ids=ids)
    verdicts = _verdicts(session, item_id, blind, only)
    return tuple(
        ShownText(
            caption_id=caption.id,
            text=caption.text,
            source=caption.source,
            parent_id=caption.parent_id,
            author=handle,
            writer=f"{model}@{revision}" if model else None,
            itm=scores.get((caption.id, "itm")),
            itc=scores.get((caption.id, "itc")),
            verdicts=tuple(verdicts.get(caption.id, ())),
        )
        for caption, handle, model, revision in rows
    )


def newest_scores(
    session: Session, *, caption_ids: Sequence[int]
) -> dict[tuple[int, str], ShownScore]:
    """Return (caption, head) -> the newest score."""
    query = (
        select(Score, Scorer)
        .join(Scorer, Scorer.id == Score.scorer_id)
        .where(Score.caption_id.in_(caption_ids))
        .order_by(Score.id)
    )
    return {
        (score.caption_id, scorer.head): ShownScore(
            value=score.value,
            tokens=score.tokens,
            truncated=score.truncated,
            text_limit=scorer.text_limit,
            scorer=f"{scorer.model}@{scorer.revision}",
        )
        for score, scorer in session.execute(query)
    }


def _verdicts(
    session: Session, item_id: int, blind: bool, only: int | None
) -> dict[int, list[ShownVerdict]]:
    query = (
        select(Verdict, Annotator.handle, DecisionEvent.created_at, DecisionEvent.batch_id)
        .join(Annotator, Annotator.id == Verdict.annotator_id)
        .join(DecisionEvent, DecisionEvent.id == Verdict.decision_id)
        .where(Verdict.item_id == item_id)
        .order_by(Verdict.decision_id)
    )
    if blind:
        query = query.where(Verdict.annotator_id == only)
    found: dict[int, list[ShownVerdict]] = {}
    for verdict, handle, when, batch_id in session.execute(query):
        shown = ShownVerdict(
            handle=handle, verdict=verdict.verdict, when=when, by_threshold=batch_id is not None
        )
        found.setdefault(verdict.caption_id, []).append(shown)
    return found


def _history(session: Session, item_id: int, blind: bool, only: int | None) -> tuple[PastAct, ...]:
    undo = aliased(DecisionEvent)
    query = (
        select(DecisionEvent, Annotator.handle, undo.id)
        .join(Annotator, Annotator.id == DecisionEvent.annotator_id)
        .outerjoin(undo, undo.supersedes_id == DecisionEvent.id)
        .where(DecisionEvent.item_id == item_id)
        .order_by(DecisionEvent.id.desc())
        .limit(50)
    )
    if blind:
        query = query.where(DecisionEvent.annotator_id == only)
    return tuple(
        PastAct(
            decision_id=event.id,
            handle=handle,
            action=event.action,
            when=event.created_at,
            caption_id=event.result_caption_id or event.caption_id,
            reason=event.reason,
            note=event.note,
            undone=undone is not None,
        )
        for event, handle, undone in session.execute(query)
    )
