"""How long verdicts wait while a snapshot of many pairs is frozen.

    python -m benchmarks.freezing                            # SQLite, in a temporary folder
    python -m benchmarks.freezing --url postgresql://.../empty

Fills an empty database with accepted pairs, then freezes them in one thread while another stores
verdicts of a second person. Prints what was measured; seconds change from run to run.
"""

import argparse
import hashlib
import tempfile
import threading
import time

from sqlalchemy import insert
from sqlalchemy.orm import Session

from blip2core.errors import StorageError
from blip2core.storage import Database, open_database
from blip2core.storage.bulk_insert import chunks
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import NewRun, create_run
from blip2core.storage.schema import (
    Caption,
    DecisionEvent,
    Image,
    Item,
    Score,
    Scorer,
    Source,
    Verdict,
)
from blip2core.storage.snapshot_selection import SnapshotPolicy

PAUSE = 0.02
"""Seconds between two verdicts."""


def main() -> None:
    """Measure, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="an empty database; without one an SQLite file")
    parser.add_argument("--pairs", type=int, default=100_000)
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(settings.url or f"{folder}/studio.db", data=folder)
        with database.write() as session:
            fill(session, settings.pairs)
        if database.engine.dialect.name == "postgresql":
            engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        measure(database, settings.pairs)
        database.close()


def fill(session: Session, pairs: int) -> None:
    """Add items with one accepted text each, scored by both heads."""
    dataset = get_or_create_dataset(session, name="birds")
    for handle in ("ann", "bob"):
        get_or_create_annotator(session, handle=handle)
    new = NewRun(kind="capfilt", code_version="1", dataset_id=1, model="m", revision="0" * 40)
    create_run(session, new)
    facts = {"model": "m", "revision": "0", "dtype": "float32", "preprocessing": "a" * 64}
    heads = [
        Scorer(fingerprint=digest(head, 0), head=head, text_limit=32, **facts)
        for head in ("itm", "itc")
    ]
    session.add_all(heads)
    session.flush()
    dataset.itm_scorer_id, dataset.itc_scorer_id = (head.id for head in heads)
    for chunk in chunks(range(1, pairs + 1)):
        for table, rows in rows_of(chunk).items():
            session.execute(insert(table), rows)


def rows_of(numbers: list[int]) -> dict[type, list[dict[str, object]]]:
    """Return the rows of some items, by table."""
    kept = {"width": 9, "height": 9, "bytes": 9, "format": "PNG"}
    images = [
        {"sha256": digest("image", one), "pixel_sha256": digest("pixels", one), "phash": one}
        | {f"band{band}": one for band in range(4)}
        | kept
        for one in numbers
    ]
    score = {"run_id": 1, "value": 0.8, "tokens": 5, "truncated": False}
    items = {"dataset_id": 1, "status": "decided", "shuffle": 0.5}
    decided = {"annotator_id": 1, "action": "accept"}
    return {
        Image: images,
        Item: [items | {"image_id": one} for one in numbers],
        Source: [
            {"item_id": one, "run_id": 1, "origin_key": digest("origin", one), "name": f"{one}.png"}
            for one in numbers
        ],
        Caption: [
            {"item_id": one, "source": "synthetic", "origin_key": f"k{one}", "run_id": 1}
            | {"text": f"a drawn bird, number {one}"}
            for one in numbers
        ],
        Score: [
            score | {"caption_id": one, "scorer_id": scorer} for one in numbers for scorer in (1, 2)
        ],
        DecisionEvent: [
            decided | {"client_event_id": f"e{one}", "item_id": one, "caption_id": one}
            for one in numbers
        ],
        Verdict: [
            {"caption_id": one, "annotator_id": 1, "item_id": one, "decision_id": one}
            | {"verdict": "accept"}
            for one in numbers
        ],
    }


def digest(what: str, number: int) -> str:
    """Return 64 hex digits that only this has."""
    return hashlib.sha256(f"{what} {number}".encode()).hexdigest()


def measure(database: Database, pairs: int) -> None:
    """Freeze while verdicts are stored; print how long both took."""
    waits: list[float] = []
    errors: list[str] = []
    end = threading.Event()

    def judge() -> None:
        number = 0
        while not end.wait(PAUSE):
            number += 1
            item = number * 7_919 % pairs + 1
            start = time.perf_counter()
            new = NewDecision(
                client_event_id=f"v{number}",
                item_id=item,
                annotator_id=2,
                action="accept",
                caption_id=item,
            )
            try:
                with database.write() as session:
                    record_decision(session, new)
            except StorageError as error:
                errors.append(str(error))
            waits.append(time.perf_counter() - start)

    judging = threading.Thread(target=judge)
    judging.start()
    start = time.perf_counter()
    snapshot = create_snapshot(
        database, dataset_id=1, name="one", policy=SnapshotPolicy(), created_by=1
    )
    seconds = time.perf_counter() - start
    end.set()
    judging.join()
    waits.sort()
    print(
        f"{database.engine.dialect.name}: {snapshot.pairs} pairs in {seconds:.1f} s; "
        f"{len(waits)} verdicts, {len(errors)} failed, median {waits[len(waits) // 2]:.2f} s, "
        f"longest {waits[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
