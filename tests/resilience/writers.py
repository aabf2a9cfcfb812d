"""What is killed: a studio that writes as fast as it can, and says what it has acknowledged.

Each operation says "begun" with what it is about to do, and "done" once the call has returned.
"""

import itertools
import json
import os
import random
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.chat.feedback import AnswerFeedback, feedback_store
from blip2core.config import FilterConfig
from blip2core.curation import apply_rules, import_images, preview, start_capfilt, work
from blip2core.curation.pairs import PairOrigin, ReviewedImage, store_pairs
from blip2core.errors import Blip2Error
from blip2core.exports.snapshots import export_snapshot
from blip2core.intake import check_image
from blip2core.records import Candidate, ReviewedText, Scored, ScorerIdentity
from blip2core.storage import Database
from blip2core.storage.backups import back_up
from blip2core.storage.batches import Choice, NewBatch, decide_many
from blip2core.storage.datasets import find_dataset
from blip2core.storage.decisions import NewDecision, record_decision, undo_last
from blip2core.storage.freezing import freeze_snapshot
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.schema import Caption, Image, Item
from blip2core.storage.snapshot_selection import SnapshotPolicy
from blip2core.storage.takedown import plan_takedown, take_down
from tests.resilience.quick_models import CAPTIONS, quick_capfilt
from tests.resilience.studio import DATASET, Studio, image_file, web_images

Say = Callable[..., None]
FORMATS = ("jsonl", "imagefolder", "csv")
EXPECTED = (
    "There is nothing to decide",
    "Nothing is accepted yet",
    "taken down",
    "somebody decided meanwhile",
    "Somebody decided about",
    "changed since this was shown",
    "is being worked on elsewhere",
    "has been undone already",
)
"""Refusals that are right: several people write at once."""
NUMBERS = 1 << 40
"""Numbers of images that are made up; two are hardly ever equal."""
SCORER = ScorerIdentity(
    model="quick", revision="4" * 40, dtype="float32", preprocessing="a" * 64, text_limit=32
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A text that may be decided on."""

    item: int
    caption: int


class Writer:
    """One thread that writes: a person who reviews, or the studio's own work."""

    def __init__(
        self, studio: Studio, database: Database, name: str, seed: str, tell: Callable[[str], None]
    ) -> None:
        self.studio, self.database, self.draw = studio, database, random.Random(seed)
        self._tell, self._numbers, self.name = tell, itertools.count(), name
        with database.write() as session:
            self.person = get_or_create_annotator(session, handle=name).id
        with database.read() as session:
            self.dataset = find_dataset(session, name=DATASET).id

    def do(self, operation: str) -> str:
        """Do one operation -> "done", or the sentence of the error that refused it."""
        key = f"{self.name}-{next(self._numbers)}-{self.draw.getrandbits(48):x}"
        work: Callable[[str, Say], None] = getattr(self, operation)

        def say(state: str, **facts: object) -> None:
            told = {"key": key, "operation": operation, "state": state} | facts
            self._tell(json.dumps(told) + "\n")

        try:
            work(key, say)
        except Blip2Error as error:
            say("refused", error=str(error))
            return str(error)
        return "done"

    # What a reviewer does.

    def decide(self, key: str, say: Say) -> None:
        target = self.draw.choice(self._targets())
        action = self.draw.choice(["accept", "accept", "reject", "edit"])
        text = f"edited {key}" if action == "edit" else None
        new = NewDecision(
            client_event_id=key,
            item_id=target.item,
            annotator_id=self.person,
            action=action,
            caption_id=target.caption,
            text=text,
        )
        say("begun", item=target.item, caption=target.caption, action=action)
        recorded = self.database.run_write(lambda session: record_decision(session, new))
        say("done", item=target.item, caption=target.caption, action=action, text=text)
        assert recorded.item_id == target.item

    def undo(self, key: str, say: Say) -> None:
        say("begun")
        undone = self.database.run_write(
            lambda session: undo_last(session, annotator_id=self.person, client_event_id=key)
        )
        if undone is not None:
            say("done", decisions=undone.decisions, batch=undone.batch_uid)

    def bulk(self, key: str, say: Say) -> None:
        targets = self._targets()
        chosen = self.draw.sample(targets, min(len(targets), 9))
        choices = [Choice(item_id=t.item, caption_id=t.caption, action="accept") for t in chosen]
        new = NewBatch(uid=key[:36], dataset_id=self.dataset, annotator_id=self.person)
        say("begun", uid=new.uid)
        self.database.run_write(
            lambda session: decide_many(session, new, choices=choices, expected=len(choices))
        )
        say("done", uid=new.uid, decisions=len(choices))

    def threshold(self, key: str, say: Say) -> None:
        rules = FilterConfig(threshold=self.draw.choice([0.5, 0.9]))
        new = NewBatch(uid=key[:36], dataset_id=self.dataset, annotator_id=self.person)
        with self.database.read() as session:
            expected = preview(session, dataset_id=self.dataset, rules=rules).decisions
        say("begun", uid=new.uid)
        done = apply_rules(self.database, new, rules=rules, expected=expected, audit=3)
        say("done", uid=new.uid, decisions=done.decisions, audit=len(done.audit))

    def rate(self, key: str, say: Say) -> None:
        event = f"answer-{self.draw.randrange(20)}-{self.name}"
        rating: dict[str, Any] = {"liked": self.draw.choice([True, False, None]), "reason": key}
        about = {"question": "What is it?", "answer": "A bird.", "prompt": "p", "model": "m"}
        facts = AnswerFeedback(
            event_id=event, revision="1" * 40, image_sha256="a" * 64, **about, **rating
        )
        say("begun", event=event, **rating)
        feedback_store(self.database)(facts)
        say("done", event=event, **rating)

    # What the studio does.

    def import_some(self, key: str, say: Say) -> None:
        numbers = [self.draw.randrange(NUMBERS) for _ in range(self.draw.randint(1, 6))]
        say("begun", numbers=numbers)
        steps = import_images(
            self.database, dataset=DATASET, inputs=web_images(numbers), label="resilience"
        )
        for number, step in zip(numbers, steps, strict=True):
            say("stored", number=number, item=step.item.item_id if step.item else None)
        say("done", numbers=numbers)

    def capfilt(self, key: str, say: Say) -> None:
        models = quick_capfilt()
        run = start_capfilt(self.database, dataset_id=self.dataset, models=models)
        say("begun", run=run)
        with closing(work(self.database, run, models)) as steps:
            for step in steps:
                say("captioned", run=run, item=step.item_id, problem=step.problem is not None)
        say("done", run=run)

    def snapshot(self, key: str, say: Say) -> None:
        say("begun")
        made = freeze_snapshot(
            self.database,
            dataset_id=self.dataset,
            policy=SnapshotPolicy(),
            created_by=self.person,
            name=key,
        )
        say("done", snapshot=made.id, pairs=made.pairs, sha256=made.content_sha256)
        self._export(made.id, say)

    def _export(self, snapshot: int, say: Say) -> None:
        self.studio.exports.mkdir(exist_ok=True)
        out = export_snapshot(
            self.database,
            snapshot_id=snapshot,
            format=self.draw.choice(FORMATS),
            folder=self.studio.exports,
        )
        say("exported", snapshot=snapshot, name=out.name)

    def takedown(self, key: str, say: Say) -> None:
        with self.database.read() as session:
            query = select(Image.sha256).where(Image.state == "ok").order_by(Image.id)
            hashes = list(session.scalars(query))
        if len(hashes) < 10:
            return
        sha256 = self.draw.choice(hashes)
        plan = plan_takedown(self.database, [sha256])
        say("begun", sha256=sha256)
        take_down(self.database, plan)
        say("done", sha256=sha256)

    def keep(self, key: str, say: Say) -> None:
        """Keep pairs that were reviewed on the workbench."""
        number = self.draw.randrange(NUMBERS)
        safe = check_image(image_file(number))
        verdicts = [("accepted", "web"), ("rejected", "synthetic"), ("accepted", "synthetic")]
        texts = tuple(
            ReviewedText(
                number=place,
                scored=Scored(
                    candidate=Candidate(text=f"text {place} {key}", source=source),
                    itm=0.7,
                    itc=0.3,
                    tokens=3,
                    truncated=False,
                ),
                verdict=verdict,
            )
            for place, (verdict, source) in enumerate(verdicts)
        )
        image = ReviewedImage(name=f"{number}.png", data=safe.data, sha256=safe.sha256, texts=texts)
        origin = PairOrigin(
            captioner="quick", revision="4" * 40, dtype="f", captions=CAPTIONS, scorer=SCORER
        )
        say("begun", number=number)
        kept = store_pairs(self.database, [image], origin, dataset="kept", annotator=self.name)
        say("done", number=number, run=kept.run_id)

    def backup(self, key: str, say: Say) -> None:
        say("begun")
        made = back_up(self.database, self.studio.backups)
        say("done", name=made.backup.name, problems=made.problems)

    def _targets(self) -> list[Target]:
        with self.database.read() as session:
            query = (
                select(Caption.item_id, Caption.id)
                .join(Item, Item.id == Caption.item_id)
                .where(Item.status != "excluded")
                .order_by(Caption.id)
            )
            return [Target(item=item, caption=caption) for item, caption in session.execute(query)]


REVIEW = ("decide",) * 6 + ("undo",) * 2 + ("bulk", "threshold", "rate", "rate")
WORK = (
    *("import_some", "import_some", "capfilt", "capfilt", "snapshot"),
    *("takedown", "keep", "backup"),
)


def write_until_killed(studio: Studio, seed: int, roles: Sequence[str], pipe: int) -> None:
    """Open a studio and write with one thread for each role ("ann:review", "work:work"), until
    killed. Ends after an error that is none of ours, which it tells, and after an outage.
    """
    tell = _teller(pipe)
    try:
        database = studio.open()
        writers = [
            (Writer(studio, database, role.split(":")[0], f"{seed} {role}", tell), role)
            for role in roles
        ]
        tell(json.dumps({"state": "ready"}) + "\n")
        threads = [
            threading.Thread(target=_write, args=(writer, role, tell), daemon=True)
            for writer, role in writers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except Blip2Error as error:  # the server is away
        tell(json.dumps({"state": "ended", "error": str(error)}) + "\n")
    except BaseException:
        _tell_crash(tell)


def _write(writer: Writer, role: str, tell: Callable[[str], None]) -> None:
    try:
        operations = REVIEW if role.endswith(":review") else WORK
        for operation in _forever(writer.draw, operations):
            outcome = writer.do(operation)
            if outcome != "done" and not any(part in outcome for part in EXPECTED):
                return  # the server is away, or something is wrong
    except Blip2Error as error:
        tell(json.dumps({"state": "ended", "error": str(error)}) + "\n")
    except BaseException:
        _tell_crash(tell)


def _forever(draw: random.Random, operations: Sequence[str]) -> Iterator[str]:
    while True:
        yield draw.choice(operations)


def _teller(pipe: int) -> Callable[[str], None]:
    lock = threading.Lock()

    def tell(line: str) -> None:
        with lock:
            data = line.encode()
            while data:
                data = data[os.write(pipe, data) :]

    return tell


def _tell_crash(tell: Callable[[str], None]) -> None:
    tell(json.dumps({"state": "crashed", "error": traceback.format_exc()[-2500:]}) + "\n")
