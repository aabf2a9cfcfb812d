"""A wall clock that jumps by hours, forward and back, while the studio works."""

import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Event

from app.incoming import Incoming
from app.login.sessions import Sessions
from app.login.throttle import Throttle
from app.roles import Visitor
from blip2core.curation import start_capfilt
from blip2core.curation.jobs import running
from blip2core.storage.datasets import find_dataset
from blip2core.storage.runs import claim_run, get_run, was_interrupted
from tests.resilience import faults
from tests.resilience.judge import (
    Promises,
    broken_promises,
    come_to_an_end,
    go_on,
    unexpected,
)
from tests.resilience.kills import (
    LONGEST_SECONDS,
    PATIENCE,
    kill,
    last_words,
    listen,
    start,
    taken_over,
    told_in,
)
from tests.resilience.quick_models import quick_capfilt
from tests.resilience.report import Options, Row
from tests.resilience.studio import DATASET, Studio, Studios
from tests.resilience.writers import REVIEW, WORK, Writer

HOUR, DAY = 3_600, 86_400
FARTHEST = 12 * HOUR
ROUNDS_PER_STUDIO = 25


def write_while_the_clock_jumps(studio: Studio, seed: int, pipe: int) -> None:
    """Write until killed; before each operation the clock is set anew."""
    draw = random.Random(seed)

    def tell(line: str) -> None:
        os.write(pipe, line.encode())

    with closing(studio.open()) as database:
        writer = Writer(studio, database, "ann", str(seed), tell)
        tell('{"state": "ready"}\n')
        while True:
            faults.shift_clock(draw.randint(-FARTHEST, FARTHEST))
            writer.do(draw.choice([*REVIEW, *WORK]))


def one_round(studio: Studio, promises: Promises, seed: int) -> list[str]:
    """Kill a studio under a jumping clock, and go on under another one -> what is wrong."""
    draw = random.Random(seed)
    child = start(partial(write_while_the_clock_jumps, studio, seed))
    listen([child], PATIENCE, until_ready=True)
    listen([child], draw.uniform(0, LONGEST_SECONDS))
    kill([child])
    lines = last_words(child)
    found = unexpected(lines)
    new = promises.add(lines)
    faults.shift_clock(draw.randint(-FARTHEST, FARTHEST))
    with taken_over(studio, found, at_once=False) as database:
        found += broken_promises(studio, database, promises, new)
        found += go_on(database, new)
    return found


def sessions_stay(studio: Studio) -> Iterator[str]:
    """Who is logged in stays so, and who waits after wrong passwords waits as long."""
    sessions, throttle = Sessions(idle_seconds=HOUR), Throttle(free=1)
    token = sessions.begin(Visitor(name="ann", role="curator"), "line")
    for _ in range(5):
        throttle.attempt("ann")
    waits = throttle.attempt("ann")
    for seconds in (40 * DAY, -40 * DAY, 0):
        faults.shift_clock(seconds)
        if sessions.find(token) is None:
            yield f"logged out by a clock that jumped by {seconds} s"
        if not 0 < throttle.attempt("ann") <= waits:
            yield f"the delay is {throttle.attempt('ann')} s and was {waits} s"


def living_runs_are_seen(studio: Studio) -> Iterator[str]:
    """A run that is worked on shows signs of life by the new clock as soon as it beats."""
    with closing(studio.open()) as database:
        with database.read() as session:
            dataset = find_dataset(session, name=DATASET).id
        run = start_capfilt(database, dataset_id=dataset, models=quick_capfilt())
        for seconds in (6 * HOUR, -6 * HOUR):
            with running(database, run, Event(), seconds=0.05):
                faults.shift_clock(seconds)
                time.sleep(0.5)
                with database.read() as session:
                    if was_interrupted(get_run(session, run_id=run)):
                        yield f"a living run counts as killed after a jump of {seconds} s"
            faults.shift_clock(0)


def killed_runs_go_on(studio: Studio) -> Iterator[str]:
    """A run that was killed under a clock that was ahead is claimed at the next start."""
    with closing(studio.open()) as database:
        with database.read() as session:
            dataset = find_dataset(session, name=DATASET).id
        run = start_capfilt(database, dataset_id=dataset, models=quick_capfilt())
        for clock in (6 * HOUR, 0, -6 * HOUR, 0):
            faults.shift_clock(clock)
            with database.write() as session:
                found = claim_run(session, kinds=["capfilt"], stale_after=0.0)
                if found is None or found.id != run:
                    yield f"the run is not claimed after the clock was set to {clock} s"


def uploads_stay(studio: Studio) -> Iterator[str]:
    """What waits to be imported is not taken for old by another studio that starts."""
    first, second = Incoming(studio.folder / "incoming"), Incoming(studio.folder / "incoming")
    first.open()
    folder = first.new_folder()
    (folder / "upload").write_bytes(b"image")
    faults.shift_clock(400 * DAY)
    second.open()
    if not (folder / "upload").exists():
        yield "an upload that waits was deleted"
    second.close()
    first.close()


CASES: tuple[Callable[[Studio], Iterator[str]], ...] = (
    sessions_stay,
    living_runs_are_seen,
    killed_runs_go_on,
    uploads_stay,
)


def run(options: Options) -> list[Row]:
    """Do the rounds and the cases; none where there is no C compiler."""
    if not faults.is_available():
        return []
    few = Options(rounds=max(1, options.rounds // 5), seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="resilience-") as name:
        return faults.run_with_faults(__name__, few, Path(name))


def main(rounds: int, seed: int, folder: Path) -> None:
    """Do so many rounds, then each case, and print the rows."""
    studios = Studios(folder / "studios")
    rows = [_rounds(studios, rounds, seed), _cases(studios)]
    print(json.dumps([asdict(row) for row in rows]))


def _rounds(studios: Studios, rounds: int, seed: int) -> Row:
    began, counts, broken = time.monotonic(), Counter[str](), []
    for first in range(0, rounds, ROUNDS_PER_STUDIO):
        studio, promises = studios.new(), Promises()
        for number in range(first, min(first + ROUNDS_PER_STUDIO, rounds)):
            found = one_round(studio, promises, seed + number)
            broken += [f"seed {seed + number}: {what}" for what in found]
        found = []
        with taken_over(studio, found, at_once=False) as database:
            found += come_to_an_end(database)
        broken += [f"seeds from {seed + first}: {what}" for what in found]
        counts += promises.counts
    faults.shift_clock(0)
    return Row(
        subject="clock_jumps",
        fault="Clock set by up to 12 hours before each operation, then `kill -9` (SQLite)",
        promise="What was acknowledged is there, nothing in part; work goes on to its end",
        rounds=rounds,
        figures=dict(sorted(counts.items())),
        broken=tuple(broken),
        seconds=round(time.monotonic() - began, 1),
    )


def _cases(studios: Studios) -> Row:
    began, broken = time.monotonic(), []
    for case in CASES:
        found: list[str] = []
        with told_in(found):
            found += case(studios.new())
        faults.shift_clock(0)
        broken += [f"{case.__name__}: {what}" for what in found]
    return Row(
        subject="clock_jumps",
        fault="Clock set by 6 hours, 40 or 400 days",
        promise="Nobody is logged out, no delay is skipped, no waiting upload is deleted; "
        "living runs stay, killed ones go on",
        rounds=len(CASES),
        broken=tuple(broken),
        seconds=round(time.monotonic() - began, 1),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
