"""Compares a studio after a fault with what its writers said: nothing lost, nothing half-done."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import distinct, func, select, update
from sqlalchemy.orm import Session, aliased

from blip2core.curation import import_images, start_capfilt, work
from blip2core.records import ExportPair
from blip2core.storage import Database, maintenance
from blip2core.storage.datasets import find_dataset
from blip2core.storage.export_records import fail_unfinished_exports
from blip2core.storage.runs import claim_run, finish_run, get_run
from blip2core.storage.schema import (
    AuditItem,
    Batch,
    Caption,
    DecisionEvent,
    Feedback,
    Image,
    Item,
    Run,
    Score,
    Snapshot,
    SnapshotPair,
    Source,
)
from blip2core.storage.snapshots import PAIRS_PER_PAGE, _frozen_page
from blip2core.storage.takedown import finish_takedowns
from tests.resilience.judge_files import wrong_backups, wrong_exports, wrong_files
from tests.resilience.quick_models import CAPTIONS, quick_capfilt
from tests.resilience.studio import DATASET, Studio, sha256_of, web_images
from tests.resilience.writers import EXPECTED

Told = dict[str, Any]
ACKNOWLEDGED = ("done", "stored", "captioned", "exported")
KEPT_VERDICTS = 3
"""Of each run that stands for pairs kept from the workbench; see `Writer.keep`."""


@dataclass
class Promises:
    """All that was said in the rounds of one studio."""

    acknowledged: list[Told] = field(default_factory=list)
    ratings: dict[str, list[Told]] = field(default_factory=dict)
    """Of each answer: the latest that was acknowledged, and those that may be stored since."""
    counts: Counter[str] = field(default_factory=Counter)
    """Acknowledged operations by name, and those that were under way when the fault came."""

    def add(self, lines: Iterable[Told]) -> list[Told]:
        """Take in what the writers of a round said -> its lines about operations that ended."""
        new: list[Told] = []
        begun: dict[str, Told] = {}
        for line in lines:
            state = line["state"]
            if state == "begun":
                begun[line["key"]] = line
            elif state in ("done", "refused"):
                begun.pop(line["key"], None)
            if state in ACKNOWLEDGED:
                name = {"done": line["operation"]}.get(state, state)
                self.counts[f"{name} acknowledged"] += 1
                new.append(line)
            if line.get("operation") == "rate":
                self._rated(line)
        self.counts["under way"] += len(begun)
        for line in begun.values():
            self.counts[f"{line['operation']} under way"] += 1
        self.acknowledged += new
        return [*new, *(line | {"state": "interrupted"} for line in begun.values())]

    def _rated(self, line: Told) -> None:
        if line["state"] == "begun":
            self.ratings.setdefault(line["event"], [{"liked": None}]).append(line)
        elif line["state"] == "done":
            self.ratings[line["event"]] = [line]


def unexpected(lines: Iterable[Told], *, outage: bool = False) -> list[str]:
    """Return what writers said that they should not have: crashes, and refusals without reason."""
    found = []
    for line in lines:
        error = line.get("error", "")
        is_right = any(part in error for part in EXPECTED)
        is_right |= outage and "\n" not in error and not error.startswith("The database refused")
        if line["state"] == "crashed" or (line["state"] in ("refused", "ended") and not is_right):
            found.append(f"{line.get('operation', 'studio')} {line['state']}: {error}")
    return found


def take_over(studio: Studio, *, at_once: bool = True) -> Database:
    """Open a studio after a fault and do what its next start does with what was left undone.

    With `at_once` the minute after which a run on a server counts as killed is not waited for: its
    heartbeat is taken away.
    """
    database = studio.open()
    if at_once:
        database.run_write(lambda session: session.execute(update(Run).values(heartbeat_at=None)))
    while _close_import(database):
        pass
    database.run_write(lambda session: fail_unfinished_exports(session, stale_after=0.0))
    finish_takedowns(database)
    return database


def _close_import(database: Database) -> bool:
    def close(session: Session) -> bool:
        run = claim_run(session, kinds=("import",), stale_after=0.0)
        if run is not None:
            finish_run(session, run_id=run.id, status="failed", error="killed")
        return run is not None

    return database.run_write(close)


def broken_promises(
    studio: Studio, database: Database, promises: Promises, new: list[Told]
) -> list[str]:
    """Return what is wrong, one sentence each; `new` is what `Promises.add` returned."""
    found = list(maintenance.check(database.engine).problems)
    with database.read() as session:
        found += _lost(session, promises.acknowledged)
        found += _wrong_ratings(session, promises.ratings)
        found += _torn_batches(session)
        found += _torn_texts(session)
        found += _torn_snapshots(session, new)
        found += wrong_files(session, database)
        found += wrong_exports(session, studio, new)
    found += wrong_backups(studio, new)
    return found


def _lost(session: Session, acknowledged: list[Told]) -> Iterator[str]:
    """Yield what was acknowledged, in this round or an earlier one, and is not there."""
    events = {
        row[0]: row[1:]
        for row in session.execute(
            select(
                DecisionEvent.client_event_id,
                DecisionEvent.item_id,
                DecisionEvent.caption_id,
                DecisionEvent.action,
            )
        )
    }
    batches = set(session.scalars(select(Batch.uid)))
    images = {row[0]: row[1] for row in session.execute(select(Image.sha256, Image.state))}
    items = set(session.scalars(select(Item.id)))
    snapshots = {one.id: one for one in session.scalars(select(Snapshot))}
    texts = session.execute(select(Caption.run_id, Caption.item_id).distinct())
    captioned = {(row[0], row[1]) for row in texts}
    runs = set(session.scalars(select(Run.id)))
    for line in acknowledged:
        what = f"{line['operation']} {line['key']}"
        match line["operation"], line["state"]:
            case "decide", _:
                wanted = (line["item"], line["caption"], line["action"])
                is_there = events.get(line["key"]) == wanted
            case "undo", _:
                is_there = line["key"] in events or line["key"] in batches
            case (("bulk" | "threshold"), _):
                is_there = line["uid"] in batches
            case "import_some", "stored":
                is_there = line["item"] in items and sha256_of(line["number"]) in images
            case "import_some", _:
                is_there = all(sha256_of(number) in images for number in line["numbers"])
            case "capfilt", "captioned":
                is_there = line["problem"] or (line["run"], line["item"]) in captioned
            case "snapshot", "done":
                kept = snapshots.get(line["snapshot"])
                is_there = kept is not None and kept.content_sha256 == line["sha256"]
            case "takedown", _:
                is_there = images.get(line["sha256"]) == "purged"
            case "keep", _:
                is_there = sha256_of(line["number"]) in images and line["run"] in runs
            case _:
                continue  # ratings, exports and backups are looked at elsewhere
        if not is_there:
            yield f"lost: {what}"


def _wrong_ratings(session: Session, ratings: dict[str, list[Told]]) -> Iterator[str]:
    stored = {
        one.client_event_id: (one.liked, one.reason) for one in session.scalars(select(Feedback))
    }
    for event, possible in ratings.items():
        allowed = [
            None if one["liked"] is None else (one["liked"], one["reason"]) for one in possible
        ]
        if stored.get(event) not in allowed:
            yield f"lost: the rating of {event} is {stored.get(event)}, not of {allowed}"
        # What was under way has happened, or never will.
        ratings[event] = [
            one for one, told in zip(possible, allowed, strict=True) if told == stored.get(event)
        ]


def _torn_batches(session: Session) -> Iterator[str]:
    sizes = (
        select(Batch.uid, Batch.kind, Batch.expected, func.count(DecisionEvent.id))
        .outerjoin(DecisionEvent, DecisionEvent.batch_id == Batch.id)
        .group_by(Batch.uid, Batch.kind, Batch.expected)
    )
    for uid, kind, expected, count in session.execute(sizes):
        if kind != "undo" and expected != count:
            yield f"torn: batch {uid} has {count} decisions of {expected}"
    audits = select(Batch.uid).where(
        Batch.kind == "threshold",
        ~select(AuditItem.item_id).where(AuditItem.batch_id == Batch.id).exists(),
    )
    yield from (f"torn: batch {uid} has no audit sample" for uid in session.scalars(audits))
    undo, event, taken_back = Batch, DecisionEvent, aliased(DecisionEvent)
    left = (
        select(undo.uid)
        .join(event, event.batch_id == undo.undoes_id)
        .outerjoin(taken_back, taken_back.supersedes_id == event.id)
        .where(undo.kind == "undo", taken_back.id.is_(None))
        .distinct()
    )
    yield from (f"torn: undo {uid} left decisions of its batch" for uid in session.scalars(left))


def _torn_texts(session: Session) -> Iterator[str]:
    """Yield images captioned twice or in part, texts without scores, edits without decisions."""
    counts = (
        select(Caption.run_id, Caption.item_id, func.count())
        .join(Run, Run.id == Caption.run_id)
        .where(Caption.run_id.is_not(None), Run.kind == "capfilt")
        .group_by(Caption.run_id, Caption.item_id)
    )
    for run, item, count in session.execute(counts):
        if count != CAPTIONS.num:
            yield f"torn: run {run} wrote {count} texts about item {item}, not {CAPTIONS.num}"
    scores = (
        select(Caption.id, func.count(Score.id))
        .outerjoin(Score, Score.caption_id == Caption.id)
        .where(Caption.run_id.is_not(None))
        .group_by(Caption.id)
    )
    for caption, count in session.execute(scores):
        if count != 2:
            yield f"torn: text {caption} has {count} scores, not 2"
    edits = select(Caption.id).where(
        Caption.source == "edited",
        ~select(DecisionEvent.id).where(DecisionEvent.result_caption_id == Caption.id).exists(),
    )
    yield from (f"torn: the edit {one} has no decision" for one in session.scalars(edits))
    # A run by hand scored each text it kept, and a verdict of the workbench stands on each.
    decided = (
        select(Run.id, func.count(distinct(DecisionEvent.id)))
        .outerjoin(Score, Score.run_id == Run.id)
        .outerjoin(
            DecisionEvent,
            (DecisionEvent.caption_id == Score.caption_id)
            & DecisionEvent.client_event_id.startswith("workbench:"),
        )
        .where(Run.kind == "capfilt", Run.total.is_(None), Run.status == "done")
        .group_by(Run.id)
    )
    for run, count in session.execute(decided):
        if count != KEPT_VERDICTS:
            yield f"torn: {count} verdicts were kept from the workbench with run {run}"
    bare = select(Item.id).where(~select(Source.id).where(Source.item_id == Item.id).exists())
    yield from (f"torn: item {one} has no source" for one in session.scalars(bare))


def _torn_snapshots(session: Session, new: list[Told]) -> Iterator[str]:
    counts = (
        select(Snapshot.name, Snapshot.pairs, func.count(SnapshotPair.position))
        .outerjoin(SnapshotPair, SnapshotPair.snapshot_id == Snapshot.id)
        .where(Snapshot.status == "complete")
        .group_by(Snapshot.id)
    )
    for name, pairs, count in session.execute(counts):
        if pairs != count:
            yield f"torn: snapshot {name} has {count} pairs of {pairs}"
    for line in new:
        if line["operation"] == "snapshot" and line["state"] == "done":
            digest = hashlib.sha256()
            for pair in _pairs(session, line["snapshot"]):
                told = {
                    name: value
                    for name, value in asdict(pair).items()
                    if value or name not in ("text_place", "text_data")
                }
                digest.update(json.dumps(told, sort_keys=True).encode() + b"\n")
            if digest.hexdigest() != line["sha256"]:
                yield f"torn: snapshot {line['snapshot']} is not what its hash says"


def _pairs(session: Session, snapshot: int) -> Iterator[ExportPair]:
    """All pairs, those that were taken down too, as they were hashed: without paths."""
    last = -1
    while page := _frozen_page(session, snapshot, last, ""):
        yield from (replace(pair, image_path="") for _, pair in page)
        last += PAIRS_PER_PAGE


def go_on(database: Database, new: list[Told]) -> list[str]:
    """Do the interrupted imports of a round again -> what is wrong with that."""
    found = []
    for line in new:
        if line["operation"] == "import_some" and line["state"] == "interrupted":
            inputs = web_images(line["numbers"])
            for step in import_images(database, dataset=DATASET, inputs=inputs):
                found += [] if step.item else [f"the import {line['key']} ends: {step.problem}"]
    return found


def come_to_an_end(database: Database) -> list[str]:
    """Let the run of CapFilt go on to its end -> what is wrong with that."""
    models = quick_capfilt()
    with database.read() as session:
        dataset = find_dataset(session, name=DATASET).id
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    for _ in work(database, run_id, models):
        pass
    with database.read() as session:
        run = get_run(session, run_id=run_id)
        written = select(Caption.id).where(Caption.run_id == run_id, Caption.item_id == Item.id)
        left = select(Item.id).where(
            Item.dataset_id == dataset, Item.status != "excluded", ~written.exists()
        )
        found = [f"item {one} was never captioned" for one in session.scalars(left)]
        if run.status != "done":
            found.append(f"run {run_id} does not end: it is {run.status}")
        return found + list(_torn_texts(session))
