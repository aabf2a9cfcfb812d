"""Acknowledged means on disk: two writers are killed at random points, again and again."""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import func, select

from blip2core.storage import Database, maintenance
from blip2core.storage.decisions import undo_last
from blip2core.storage.schema import Batch, DecisionEvent
from tests.storage.deciding import ITEMS, decide
from tests.storage.world import fill

ROUNDS = {"sqlite": 12, "postgresql": 6}
MANY = 8
"""Times as many rounds where there is time, with `-m slow`."""
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.storage.deciding"])


def kill_round(
    database: Database, annotators: tuple[int, int], folder: Path, number: int
) -> list[str]:
    """Two writers, in two processes or as two threads of one, killed in the middle -> the events
    they said were stored.
    """
    groups = [[one] for one in annotators] if number % 2 else [list(annotators)]
    files = [folder / f"{number}-{index}.acks" for index in range(len(groups))]
    url = database.url.render_as_string(hide_password=False)
    writers = [
        PROCESSES.Process(target=decide, args=(url, str(file), group, number))
        for file, group in zip(files, groups, strict=True)
    ]
    for writer in writers:
        writer.start()
    wait_for(files)
    time.sleep(random.Random(number).uniform(0.0, 0.3))
    for writer in writers:
        kill(writer)
    return [line for file in files for line in file.read_text().splitlines()]


def wait_for(files: list[Path]) -> None:
    deadline = time.monotonic() + 30
    while not all(file.exists() and file.stat().st_size for file in files):
        assert time.monotonic() < deadline, "the writers do not write"
        time.sleep(0.005)


def kill(writer: BaseProcess) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert writer.exitcode == -signal.SIGKILL


def broken_promises(database: Database, acks: list[str]) -> list[str]:
    """What is wrong after a kill: a damaged file, wrong verdicts, lost events, torn batches."""
    problems = list(maintenance.check(database.engine).problems)
    with database.read() as session:
        events = set(session.scalars(select(DecisionEvent.client_event_id)))
        batches = set(session.scalars(select(Batch.uid)))
        sizes = (
            select(Batch.uid, Batch.expected, func.count(DecisionEvent.id))
            .outerjoin(DecisionEvent, DecisionEvent.batch_id == Batch.id)
            .where(Batch.kind != "undo")
            .group_by(Batch.uid, Batch.expected)
        )
        torn = [uid for uid, expected, count in session.execute(sizes) if expected != count]
    problems += [f"lost {event}" for event in acks if event not in events | batches]
    return problems + [f"torn {uid}" for uid in torn]


@pytest.mark.parametrize("times", [1, pytest.param(MANY, marks=pytest.mark.slow)])
def test_killed_writers_keep_their_promises(database: Database, tmp_path: Path, times: int) -> None:
    world = fill(database, items=ITEMS)
    acks: list[str] = []
    rounds = times * ROUNDS[database.engine.dialect.name]
    for number in range(rounds):
        acks += kill_round(database, (world.ann, world.bob), tmp_path, number)
        assert broken_promises(database, acks) == []
        assert undo_something(database, (world.ann, world.bob), number)
    assert broken_promises(database, acks) == []
    assert len(acks) > 2 * rounds


def undo_something(database: Database, annotators: tuple[int, int], number: int) -> int:
    """-> decisions taken back; one of the two may have been killed before they did anything."""
    taken_back = 0
    for annotator in annotators:
        with database.write() as session:
            undone = undo_last(
                session, annotator_id=annotator, client_event_id=f"undo {number} {annotator}"
            )
            taken_back += undone.decisions if undone else 0
    return taken_back


@pytest.mark.parametrize(("flaw", "problem"), [("early", "lost"), ("torn", "torn")])
def test_broken_writers_are_found_out(
    database: Database, tmp_path: Path, flaw: str, problem: str
) -> None:
    """The judge above is no rubber stamp."""
    world = fill(database, items=ITEMS)
    acks = tmp_path / "acks"
    acks.touch()
    url = database.url.render_as_string(hide_password=False)
    writer = PROCESSES.Process(target=decide, args=(url, str(acks), [world.ann], 1, flaw))
    writer.start()
    writer.join(30)
    assert writer.exitcode == -signal.SIGKILL
    problems = broken_promises(database, acks.read_text().splitlines())
    assert any(line.startswith(problem) for line in problems)
