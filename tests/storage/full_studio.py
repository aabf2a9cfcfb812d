"""A studio with rows in every table, and in them what databases disagree about."""

from datetime import UTC, datetime

from sqlalchemy import insert, update

from blip2core.records import Problem
from blip2core.storage import Database
from blip2core.storage.batches import Choice, NewBatch, decide_many, draw_audit, undo_batch
from blip2core.storage.cards import save_draft, take_lease
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.export_records import finish_export, record_export
from blip2core.storage.feedback import NewRating, add_feedback
from blip2core.storage.finished_archives import finish_archive
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.run_problems import add_problem
from blip2core.storage.runs import heartbeat
from blip2core.storage.schema import DuplicatePair, Feedback, Item, Run
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.storage.world import captioning, fill

HOSTILE = "'); DROP TABLE items; -- \\u0000 %s :name \U0001f40b e\u0301 \u202e\t\n\x7f"
JSON = {
    "b": [1, 2.5, 1e22, 5e-324, -0.0, 10**30, True, None, {}],
    "a": {"": "", "quote\"'\\": HOSTILE, "\u00e9": "\U0001f40b"},
}


def fill_every_table(database: Database) -> None:
    """Six items and all that can be said of them."""
    world = fill(database, items=6, itm=(0.1 + 0.2, 1 / 3))
    with database.write() as session:
        new = NewBatch(
            uid="batch", dataset_id=1, annotator_id=world.ann, kind="threshold", settings=JSON
        )
        choices = [Choice(item_id=n, caption_id=2 * n, action="accept") for n in range(1, 6)]
        batch = decide_many(session, new, choices=choices, expected=5)
        draw_audit(session, batch_id=batch.id, size=2, seed=1)
        other = NewBatch(uid="other", dataset_id=1, annotator_id=world.bob)
        taken_back = decide_many(
            session, other, choices=[Choice(item_id=6, caption_id=12, action="reject")], expected=1
        )
        undo_batch(session, batch_id=taken_back.id, annotator_id=world.bob, uid="undo")
    with database.write() as session:
        edit = {"action": "edit", "caption_id": 1, "text": HOSTILE, "seen": JSON, "note": HOSTILE}
        record_decision(
            session,
            NewDecision(client_event_id="edit", item_id=1, annotator_id=world.bob, **edit),
        )
        skip = {"item_id": 2, "annotator_id": world.bob, "action": "skip"}
        record_decision(session, NewDecision(client_event_id="skip", **skip))
        undo_last(session, annotator_id=world.bob, client_event_id="undo-skip")
        save_draft(session, item_id=3, annotator_id=world.bob, text=HOSTILE)
        take_lease(session, item_id=3, annotator_id=world.bob)
        add_problem(session, run_id=world.run_id, problem=Problem(name=HOSTILE, reason="no"))
        heartbeat(session, run_id=world.run_id, done=6, total=6)
        finish_archive(
            session, dataset_id=1, run_id=world.run_id, key="b" * 64, name=HOSTILE, outcome=JSON
        )
        session.execute(insert(DuplicatePair).values(first_id=1, second_id=2, distance=3))
    policy = SnapshotPolicy(validation=0.1)
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=policy, created_by=world.ann
    )
    with database.write() as session:
        export = record_export(session, snapshot_id=snapshot.id, format="jsonl", options=JSON)
        finish_export(
            session, export_id=export.id, manifest_sha256="a" * 64, pairs=3, location="/out"
        )
        add_feedback(session, rating("1"))
        add_feedback(session, rating("2"))
        # SQLite has no -0.0, and 5e-324 is the least there is.
        extremes = update(Item).where(Item.id == 6).values(distance=5e-324, disagreement=-0.0)
        session.execute(extremes)
        session.add(Run(uid="old", created_at=datetime(1000, 1, 1, tzinfo=UTC), **old_run()))
        session.flush()
        session.delete(session.get_one(Feedback, 2))  # its number is not given again
        get_or_create_annotator(session, handle="\U0001f40b" * 80)


def rating(event: str) -> NewRating:
    texts = dict.fromkeys(("reason", "question", "answer", "prompt"), HOSTILE)
    return NewRating(client_event_id=event, liked=False, model="m", **texts)


def old_run() -> dict[str, object]:
    """A run with extreme values."""
    new = captioning(1)
    kept = {name: getattr(new, name) for name in ("kind", "code_version", "model", "revision")}
    return kept | {"parameters": JSON, "seed": 2**63 - 1, "dataset_id": 1}
