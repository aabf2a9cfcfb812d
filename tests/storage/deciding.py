"""What the kill test kills: writers that decide as fast as they can, and say what is stored."""

import os
import random
import signal
import threading
import time
import uuid
from pathlib import Path

from sqlalchemy import insert

from blip2core.storage import Database, ImageStore
from blip2core.storage.batches import Choice, NewBatch, decide_many
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.engine import connect, parse_url
from blip2core.storage.schema import Batch, DecisionEvent

BATCH = 25
ITEMS = 60
"""Items 1 to 60, with two texts each: 2n - 1 and 2n."""


def shared(url: str) -> Database:
    """The database without its lock, so that two processes can be the writers."""
    parsed = parse_url(url)
    store = ImageStore(Path("/nowhere"))
    return Database(url=parsed, images=store, owner=True, note="", engine=connect(parsed))


def decide(url: str, acks: str, annotators: list[int], seed: int, flaw: str = "") -> None:
    """Runs until it is killed, with one thread for each annotator; `acks` gets a line for every
    event that is stored. `flaw` breaks it on purpose.
    """
    database = shared(url)
    handle = os.open(acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    threads = [
        threading.Thread(target=_writer, args=(database, handle, annotator, seed, flaw))
        for annotator in annotators
    ]
    for thread in threads:
        thread.start()
    while True:
        time.sleep(1)


def _writer(database: Database, acks: int, annotator: int, seed: int, flaw: str) -> None:
    draw = random.Random(f"{seed} {annotator}")
    while True:
        time.sleep(draw.uniform(0, 0.03))  # lets the other process have its turn
        event = str(uuid.UUID(int=draw.getrandbits(128)))
        if flaw == "torn" or draw.random() < 0.3:
            act = _torn_batch if flaw == "torn" else _batch
            act(database, event, annotator, draw)
        elif draw.random() < 0.15:
            with database.write() as session:
                undo_last(session, annotator_id=annotator, client_event_id=event)
            continue  # there may be nothing to undo, so there is nothing to promise
        else:
            with database.write() as session:
                item = draw.randint(1, ITEMS)
                decision = NewDecision(
                    client_event_id=event,
                    item_id=item,
                    annotator_id=annotator,
                    action=draw.choice(["accept", "reject"]),
                    caption_id=2 * item - draw.randint(0, 1),
                )
                record_decision(session, decision)
                if flaw == "early":
                    os.write(acks, f"{event}\n".encode())
                    os.kill(os.getpid(), signal.SIGKILL)
        os.write(acks, f"{event}\n".encode())


def _batch(database: Database, uid: str, annotator: int, draw: random.Random) -> None:
    choices = [
        Choice(item_id=item, caption_id=2 * item, action="accept")
        for item in draw.sample(range(1, ITEMS + 1), BATCH)
    ]
    new = NewBatch(uid=uid, dataset_id=1, annotator_id=annotator)
    with database.write() as session:
        decide_many(session, new, choices=choices, expected=BATCH)


def _torn_batch(database: Database, uid: str, annotator: int, draw: random.Random) -> None:
    """A batch of many units, killed in the middle."""
    row = {"uid": uid, "kind": "bulk", "dataset_id": 1, "annotator_id": annotator}
    with database.write() as session:
        session.execute(insert(Batch), [row | {"expected": BATCH}])
    for item in range(1, BATCH // 2):
        event = {"client_event_id": f"{uid}:{item}", "item_id": item, "caption_id": 2 * item}
        with database.write() as session:
            batch = session.query(Batch.id).filter_by(uid=uid).scalar()
            event |= {"annotator_id": annotator, "action": "accept", "batch_id": batch}
            session.execute(insert(DecisionEvent), [event])
    os.kill(os.getpid(), signal.SIGKILL)
