"""How long the review page waits for the database: python benchmarks/review_queries.py

Fills an SQLite file with 200,000 items (a web text and two synthetic ones each, two scores for
every text, 20,000 items decided), then times each query of the page. Writes the figures beside
itself; they hold for the machine they were measured on.
"""

import argparse
import hashlib
import json
import platform
import random
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from blip2core.records import ScorerIdentity
from blip2core.storage import Database, open_database
from blip2core.storage.batches import count_threshold
from blip2core.storage.captions import pending_items, scorer_ids
from blip2core.storage.cards import card
from blip2core.storage.columns import utc_now
from blip2core.storage.datasets import find_dataset, get_or_create_dataset, status_counts
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.people import annotator_progress, get_or_create_annotator
from blip2core.storage.review import QueueFilter, count_queue, review_queue, second_review_queue
from blip2core.storage.review_order import shuffle_place
from blip2core.storage.runs import NewRun, create_run
from blip2core.storage.schema import Dataset, Item
from blip2core.storage.statuses import refresh_items
from blip2core.storage.thresholds import kept_counts, score_histogram

RESULT = Path(__file__).with_suffix(".json")
LIMIT_MS = 50.0
NOUNS = [f"noun{number}" for number in range(5_000)]
IDENTITY = ScorerIdentity(
    model="matcher", revision="1" * 40, dtype="float32", preprocessing="a" * 64, text_limit=32
)
Query = Callable[[Session], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="A folder to fill once and use again.")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"{settings.keep or folder}/studio.db")
        with database.read() as session:
            is_empty = session.get(Dataset, 1) is None
        if is_empty:
            fill(database, settings.items)
        size = Path(str(database.url.database)).stat().st_size
        figures = {
            "items": settings.items,
            "megabytes": round(size / 1e6),
            "sqlite": sqlite3.sqlite_version,
            "python": platform.python_version(),
            "limit_ms": LIMIT_MS,
            "review": measure(database, review_queries(database, settings.items), settings.repeats),
            "acts": acts(database, settings.items, settings.repeats),
            "thresholds": measure(database, threshold_queries(), 5),
        }
        database.close()
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def review_queries(database: Database, items: int) -> dict[str, Query]:
    """What the review page asks, by name."""
    with database.read() as session:
        ann = get_or_create_id(session)
        deep = {order: far_cursor(session, order) for order in ("nearest", "random", "newest")}

    def queue(order: str = "nearest", **filters: object) -> Query:
        def ask(session: Session) -> object:
            where = QueueFilter(**{"statuses": ("pending",)} | filters)
            return review_queue(session, dataset_id=1, order=order, where=where, seed=7)

        return ask

    def page(order: str) -> Query:
        return lambda session: review_queue(
            session, dataset_id=1, order=order, seed=7, after=deep[order]
        )

    number = random.Random(5)
    return {
        "nearest": queue(),
        "random": queue("random"),
        "disagreement": queue("disagreement"),
        "newest": queue("newest"),
        "nearest, deep page": page("nearest"),
        "random, deep page": page("random"),
        "newest, deep page": page("newest"),
        "all statuses": queue(statuses=()),
        "decided, newest": queue("newest", statuses=("decided",)),
        "web texts": queue(source="web"),
        "edited texts (none)": queue(source="edited", statuses=("decided",)),
        "score range, wide": queue(lowest=0.2, highest=0.9),
        "score range, narrow": queue("newest", lowest=0.7, highest=0.7005),
        "score range, empty": queue(lowest=0.99999, highest=1.0),
        "judged by one": queue("newest", statuses=(), annotator_id=ann),
        "judged by nobody": queue(statuses=(), annotator_id=99),
        "search, in every text": queue(search="photo"),
        "search, in 1 of 30": queue(search="noun1"),
        "search, in 1 of 800": queue(search="noun77 of"),
        "search, beginning of a word": queue(search="noun1*"),
        "search, in none": queue(search="zebra"),
        "search and order by disagreement": queue("disagreement", search="noun4321"),
        "second review": lambda session: second_review_queue(
            session, dataset_id=1, annotator_id=99
        ),
        "not on another screen": queue(free_for=ann),
        "count, all pending": lambda session: count_queue(session, dataset_id=1),
        "status counts": lambda session: status_counts(session, dataset_id=1),
        "card": lambda session: card(session, item_id=number.randint(1, items), annotator_id=ann),
    }


def threshold_queries() -> dict[str, Query]:
    """What the thresholds and people pages ask: over all scores, so not within the limit."""
    return {
        "histogram": lambda session: score_histogram(session, dataset_id=1, bins=1_000),
        "kept counts": lambda session: kept_counts(session, dataset_id=1, threshold=0.5),
        "count of a batch": lambda session: count_threshold(session, dataset_id=1, threshold=0.5),
        "progress": lambda session: annotator_progress(session, dataset_id=1),
        "pending of a done run": lambda session: pending_items(
            session, run_id=1, identity=IDENTITY
        ),
    }


def measure(database: Database, queries: dict[str, Query], repeats: int) -> dict[str, object]:
    """name -> milliseconds, each query in a session of its own, after two runs to warm up.

    `cpu_ms` is what the thread itself computed: other work on the machine does not count in it.
    """
    found: dict[str, object] = {}
    for name, query in queries.items():
        times, cpu = [], []
        for turn in range(repeats + 2):
            start, busy = time.perf_counter(), time.thread_time()
            with database.read() as session:
                query(session)
            if turn >= 2:
                times.append((time.perf_counter() - start) * 1_000)
                cpu.append((time.thread_time() - busy) * 1_000)
        found[name] = summary(times) | {"cpu_ms": round(statistics.median(cpu), 2)}
        print(f"{name:36} {found[name]}", flush=True)
    return found


def acts(database: Database, items: int, repeats: int) -> dict[str, object]:
    """Milliseconds of a decision and of its undo, until they are on disk."""
    with database.read() as session:
        ann = get_or_create_id(session)
        open_items = list(
            session.scalars(select(Item.id).where(Item.status == "pending").limit(repeats))
        )
    decide, undo = [], []
    for item_id in open_items:
        start = time.perf_counter()
        with database.write() as session:
            new = NewDecision(
                client_event_id=str(uuid.uuid4()),
                item_id=item_id,
                annotator_id=ann,
                action="accept",
                caption_id=3 * item_id - 2,
            )
            record_decision(session, new)
        middle = time.perf_counter()
        with database.write() as session:
            undo_last(session, annotator_id=ann, client_event_id=str(uuid.uuid4()))
        decide.append((middle - start) * 1_000)
        undo.append((time.perf_counter() - middle) * 1_000)
    return {"decision, on disk": summary(decide), "undo, on disk": summary(undo)}


def summary(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return {"median_ms": round(statistics.median(ordered), 2), "p95_ms": round(p95, 2)}


def get_or_create_id(session: Session) -> int:
    from blip2core.storage.schema import Annotator

    return session.scalars(select(Annotator.id)).first() or 0


def far_cursor(session: Session, order: str) -> str | None:
    """A cursor in the middle of the pending items."""
    count = session.scalar(select(func.count()).where(Item.status == "pending")) or 0
    key = {"nearest": Item.distance, "random": Item.shuffle, "newest": Item.id}[order]
    row = session.execute(
        select(key, Item.id)
        .where(Item.status == "pending")
        .order_by(key, Item.id)
        .offset(count // 2)
        .limit(1)
    ).one()
    return json.dumps([0, *row])


def fill(database: Database, items: int) -> None:
    """All rows in one transaction, without the functions that a curator's acts go through."""
    with database.write() as session:
        dataset = get_or_create_dataset(session, name="benchmark")
        ann = get_or_create_annotator(session, handle="ann").id
        run = NewRun(kind="capfilt", code_version="1", model="m", revision="r", dataset_id=1)
        create_run(session, run)
        heads = scorer_ids(session, identity=IDENTITY)
        dataset.itm_scorer_id, dataset.itc_scorer_id = heads["itm"], heads["itc"]
        session.flush()
        insert(session, "images", image_rows(items))
        insert(session, "items", item_rows(items))
        insert(session, "sources", source_rows(items))
        insert(session, "captions", caption_rows(items))
        insert(session, "scores", score_rows(items, heads))
        insert(session, "decisions", decision_rows(items, ann))
        refresh_items(session, item_ids=range(1, items // 10 + 1))
        assert find_dataset(session, name="benchmark").id == 1
        assert session.get_one(Dataset, 1).itm_scorer_id == heads["itm"]


def insert(session: Session, table: str, rows: Iterator[dict[str, object]]) -> None:
    first = next(rows)
    columns, marks = ", ".join(first), ", ".join("?" for _ in first)
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
    connection = session.connection().connection.dbapi_connection
    start = time.perf_counter()
    connection.execute(statement, tuple(first.values()))
    connection.executemany(statement, (tuple(row.values()) for row in rows))
    print(f"{table}: {time.perf_counter() - start:.1f} s", flush=True)


def image_rows(items: int) -> Iterator[dict[str, object]]:
    draw = random.Random(1)
    for number in range(1, items + 1):
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        yield {
            "sha256": sha256,
            "pixel_sha256": sha256[::-1],
            "phash": draw.getrandbits(63),
            **{f"band{band}": draw.getrandbits(16) for band in range(4)},
            "width": 400,
            "height": 300,
            "format": "JPEG",
            "bytes": 30_000,
            "state": "ok",
            "created_at": moment(),
        }


def itm_scores(number: int) -> list[float]:
    """Of the three texts of an item; web texts spread more than synthetic ones."""
    draw = random.Random(number)
    return [draw.betavariate(0.6, 0.6), draw.betavariate(4, 2), draw.betavariate(4, 2)]


def item_rows(items: int) -> Iterator[dict[str, object]]:
    for number in range(1, items + 1):
        itm = itm_scores(number)
        yield {
            "dataset_id": 1,
            "image_id": number,
            "status": "pending",
            "doubt": min(abs(value - 0.5) for value in itm),
            "disagreement": abs(itm[0] - max(itm[1:])),
            "best": max(itm),
            "shuffle": shuffle_place(str(number)),
            "row_version": 0,
            "created_at": moment(),
        }


def source_rows(items: int) -> Iterator[dict[str, object]]:
    for number in range(1, items + 1):
        yield {
            "item_id": number,
            "run_id": 1,
            "origin_key": f"{number:064d}",
            "name": f"{number}.jpg",
            "url": f"https://example.org/{number}.jpg",
            "alt_text": "",
            "created_at": moment(),
        }


def caption_rows(items: int) -> Iterator[dict[str, object]]:
    draw = random.Random(2)
    for number in range(1, items + 1):
        for kind in range(3):
            common = "noun1" if draw.random() < 1 / 90 else draw.choice(NOUNS)
            yield {
                "item_id": number,
                "source": "synthetic" if kind else "web",
                "origin_key": f"{kind}",
                "text": f"a photo with {common} of {draw.choice(NOUNS)} and {number}",
                "source_id": None if kind else number,
                "run_id": 1 if kind else None,
                "created_at": moment(),
            }


def score_rows(items: int, heads: dict[str, int]) -> Iterator[dict[str, object]]:
    for number in range(1, items + 1):
        for kind, itm in enumerate(itm_scores(number)):
            for head, scorer in heads.items():
                yield {
                    "caption_id": 3 * (number - 1) + kind + 1,
                    "scorer_id": scorer,
                    "run_id": 1,
                    "value": itm if head == "itm" else itm / 2,
                    "tokens": 9,
                    "truncated": 0,
                    "created_at": moment(),
                }


def decision_rows(items: int, annotator: int) -> Iterator[dict[str, object]]:
    """A tenth of the items, one text accepted each."""
    for number in range(1, items // 10 + 1):
        yield {
            "client_event_id": str(number),
            "item_id": number,
            "annotator_id": annotator,
            "action": "accept",
            "caption_id": 3 * number - 2,
            "round": 1,
            "seen": "{}",
            "created_at": moment(),
        }


def moment() -> str:
    return utc_now().strftime("%Y-%m-%d %H:%M:%S.%f")


if __name__ == "__main__":
    main()
