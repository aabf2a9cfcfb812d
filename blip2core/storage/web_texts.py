"""Texts that stood beside images: each is stored once for an item, with what was said of it."""

import hashlib
from collections.abc import Mapping, Sequence, Set
from typing import Any

from sqlalchemy import Text, cast, func, select, update
from sqlalchemy.orm import Session

from blip2core.records import TextOrigin, WebImage
from blip2core.storage.bulk_insert import chunks, insert_missing
from blip2core.storage.schema import Caption, Dataset, SnapshotPair
from blip2core.texts import clean_text

MAX_TEXT = 20_000
"""Characters of a caption that are stored."""
HAS_DATA = func.coalesce(cast(Caption.data, Text), "null") != "null"
"""The condition that something was said of a text; nothing is null of SQL or of JSON."""
Row = dict[str, Any]


def add_web_texts(
    session: Session,
    found: Sequence[tuple[int, WebImage]],
    sources: Sequence[int],
    *,
    dataset_id: int,
    new: Set[int],
) -> list[int]:
    """Store the texts that the items do not have -> for each, how many these are. `new` items have
    none.

    A text that was stored without data and comes again with some gets it, unless it is in a
    snapshot: what that writes stays the same.
    """
    known = _known(session, {item_id for item_id, _ in found} - new)
    rows: dict[tuple[int, str], Row] = {}
    told: dict[int, Row] = {}
    missing: list[set[tuple[int, str]]] = []
    for (item_id, web), source_id in zip(found, sources, strict=True):
        missing.append(set())
        for row in _text_rows(item_id, source_id, web):
            key = (item_id, row["origin_key"])
            if key in known:
                caption_id, has_data = known[key]
                if row["data"] and not has_data:
                    told.setdefault(caption_id, _origin(row))
            elif key not in rows:
                rows[key] = row
                missing[-1].add(key)
            elif row["data"] and not rows[key]["data"]:
                rows[key] |= _origin(row)
    added = insert_missing(session, Caption, list(rows.values()), unique=["item_id", "origin_key"])
    _tell(session, dataset_id, told)
    return [len(keys & added) for keys in missing]


def _known(session: Session, item_ids: Set[int]) -> dict[tuple[int, str], tuple[int, bool]]:
    """Return item and key -> number of each stored text, and whether it has data."""
    if not item_ids:
        return {}
    query = select(Caption.item_id, Caption.origin_key, Caption.id, HAS_DATA).where(
        Caption.item_id.in_(item_ids), Caption.source == "web"
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in session.execute(query)}


def _tell(session: Session, dataset_id: int, told: Mapping[int, Row]) -> None:
    """Store where texts (by number) stood and what was said of them there."""
    if not told:
        return
    # A snapshot that becomes complete takes this lock, too, and then looks whether texts were told.
    turn = select(Dataset.id).where(Dataset.id == dataset_id).with_for_update(key_share=True)
    session.execute(turn)
    pairs = select(SnapshotPair.caption_id).where(SnapshotPair.caption_id == Caption.id)
    for numbers in chunks(told):
        query = select(Caption.id).where(Caption.id.in_(numbers), ~HAS_DATA, ~pairs.exists())
        rows = [{"id": number} | told[number] for number in session.scalars(query)]
        if rows:
            session.execute(update(Caption), rows)


def _origin(row: Row) -> Row:
    return {"place": row["place"], "data": row["data"]}


def _text_rows(item_id: int, source_id: int, image: WebImage) -> list[Row]:
    """Return the texts of an image as rows, each once."""
    rows: dict[str, Row] = {}
    for text in image.texts:
        cleaned, origin = clean_text(text)[:MAX_TEXT], image.origins.get(text, TextOrigin())
        key = f"web:{hashlib.sha256(cleaned.encode()).hexdigest()}"
        if cleaned:
            rows.setdefault(
                key,
                {
                    "item_id": item_id,
                    "source": "web",
                    "origin_key": key,
                    "text": cleaned,
                    "source_id": source_id,
                    "place": origin.place or None,
                    "data": dict(origin.data) or None,
                },
            )
    return list(rows.values())
