"""What is told of the pairs of a snapshot: text, image, origin and who accepted it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from blip2core.records import ExportPair
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.images import ImageStore
from blip2core.storage.schema import (
    Annotator,
    Batch,
    Caption,
    DecisionEvent,
    Image,
    Item,
    Run,
    Scorer,
    Source,
)

PairRow = Mapping[str, Any]
"""A row of `snapshot_pairs`, stored or to be stored, by column."""


def describe_pairs(
    session: Session, rows: Sequence[PairRow], *, image_root: str | None = None
) -> list[tuple[bool, ExportPair]]:
    """Return (was taken down, pair) for each row.

    Without a root the pair has no path, so that it is the same wherever the images are stored.
    """
    texts = _by_number(session, _texts(), Caption.id, [row["caption_id"] for row in rows])
    sources = _by_number(session, _sources(), Source.id, [row["source_id"] for row in rows])
    deciders = _by_number(
        session, _deciders(), DecisionEvent.id, [row["decision_id"] for row in rows]
    )
    scorers = _by_number(session, _scorers(), Scorer.id, [row["scorer_id"] for row in rows])
    store = None if image_root is None else ImageStore(Path(image_root))
    found = []
    for row in rows:
        text = texts[row["caption_id"]]
        source, scorer = sources.get(row["source_id"]), scorers.get(row["scorer_id"])
        pair = ExportPair(
            caption_id=row["caption_id"],
            item_id=row["item_id"],
            split=row["split"],
            text=text.text,
            source=text.source,
            image_sha256=text.sha256,
            image_path="" if store is None else str(store.path(text.sha256, format=text.format)),
            format=text.format,
            width=text.width,
            height=text.height,
            itm=row["itm"],
            itc=row["itc"],
            scorer=f"{scorer.model}@{scorer.revision}" if scorer else None,
            run_uid=text.uid,
            captioner=None if text.uid is None else f"{text.model}@{text.revision}",
            decision_id=row["decision_id"],
            decided_by=_decider(deciders.get(row["decision_id"])),
            url=source and source.url,
            page_url=source and source.page_url,
            license=source and source.license,
            text_place=text.place or None,
            text_data=_json(text.data),
        )
        found.append((text.state == "purged", pair))
    return found


def _by_number(
    session: Session,
    query: Select[*tuple[Any, ...]],
    column: Any,
    numbers: Sequence[int | None],
) -> dict[int | None, Any]:
    """Return number -> row of those that are asked for; the number is the first column."""
    wanted = sorted({number for number in numbers if number is not None})
    found: dict[int | None, Any] = {}
    for chunk in chunks(wanted):
        found |= {row[0]: row for row in session.execute(query.where(column.in_(chunk)))}
    return found


def _json(data: Mapping[str, Any] | None) -> str | None:
    """Return data as it is written: the same for each database, whatever order that keeps."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False) if data else None


def _texts() -> Select[*tuple[Any, ...]]:
    image = (Image.sha256, Image.format, Image.width, Image.height, Image.state)
    said = (Caption.text, Caption.source, Caption.place, Caption.data)
    return (
        select(Caption.id, *said, *image, Run.uid, Run.model, Run.revision)
        .join(Item, Item.id == Caption.item_id)
        .join(Image, Image.id == Item.image_id)
        .outerjoin(Run, Run.id == Caption.run_id)
    )


def _sources() -> Select[*tuple[Any, ...]]:
    return select(Source.id, Source.url, Source.page_url, Source.license)


def _scorers() -> Select[*tuple[Any, ...]]:
    return select(Scorer.id, Scorer.model, Scorer.revision)


def _deciders() -> Select[*tuple[Any, ...]]:
    return (
        select(DecisionEvent.id, Annotator.handle, Batch.kind)
        .join(Annotator, Annotator.id == DecisionEvent.annotator_id)
        .outerjoin(Batch, Batch.id == DecisionEvent.batch_id)
    )


def _decider(decision: Any) -> str | None:
    if decision is None:
        return None
    by_threshold = decision.kind == "threshold"
    return f"a threshold that {decision.handle} applied" if by_threshold else decision.handle
