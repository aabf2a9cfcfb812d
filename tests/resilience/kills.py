"""Rounds of kill -9 over everything that writes, and of a database server that is killed."""

import json
import os
import random
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from blip2core.storage import Database
from tests.resilience.judge import (
    Promises,
    Told,
    broken_promises,
    come_to_an_end,
    go_on,
    take_over,
    unexpected,
)
from tests.resilience.postgres_server import PostgresServer, postgres_server
from tests.resilience.report import Options, Row
from tests.resilience.studio import Studio, Studios
from tests.resilience.upgrades import OldStudios, broken_upgrade, upgrade_and_tell
from tests.resilience.writers import write_until_killed

ROUNDS_PER_STUDIO = 25
"""Rounds after which a new studio is begun: checking takes longer as it grows."""
LONGEST_SECONDS = 0.8
"""A round is killed at most so long after its writers began."""
SERVER_SHARE = 0.1
"""Of the rounds on PostgreSQL in which the server is killed instead of its clients."""
UPGRADE_SHARE = 0.1
"""Of the rounds in which the upgrade of an old database is killed."""
LONGEST_UPGRADE_SECONDS = 0.5
SQLITE_SHARE = 0.6
"""Of all rounds."""
PATIENCE = 30.0
"""Seconds after which writers that do not begin, or do not end after an outage, are a fault."""


@dataclass
class Child:
    """A process that writes."""

    pid: int
    pipe: int
    text: bytes = b""
    ended: bool = False
    status: int = 0
    """As `os.waitpid` gives it."""

    def fileno(self) -> int:
        """Let `select` wait for its pipe."""
        return self.pipe

    def read(self) -> None:
        """Take in what it says, until its next word is waited for."""
        data = os.read(self.pipe, 1 << 20)
        self.text += data
        self.ended = not data

    @property
    def lines(self) -> list[Told]:
        """What it said; a line that was cut by the kill was not said."""
        whole = self.text.decode().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


@dataclass
class Campaign:
    """Rounds on one kind of database."""

    studios: Studios
    old_studios: OldStudios
    server: PostgresServer | None
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def run(self, rounds: int, seed: int) -> None:
        """Do so many rounds, on a new studio now and then."""
        for start in range(0, rounds, ROUNDS_PER_STUDIO):
            studio, promises = self.studios.new(), Promises()
            for number in range(start, min(start + ROUNDS_PER_STUDIO, rounds)):
                self.round(studio, promises, seed + number)
            self._end(studio, seed + start)
            self.counts += promises.counts
            shutil.rmtree(studio.folder)
            if self.server is not None:
                self.server.drop(studio.url)

    def round(self, studio: Studio, promises: Promises, seed: int) -> None:
        """One fault, and what it left."""
        draw = random.Random(seed)
        server = self.server
        if draw.random() < UPGRADE_SHARE:
            self._upgrade(seed, draw)
            return
        outage = server is not None and draw.random() < SERVER_SHARE
        if server is not None and outage:
            how = draw.choice(["immediate", "kill"])
            lines = kill_server(server, studio, seed, draw, how)
            self.counts["kills of the server"] += 1
        else:
            lines = kill_writers(studio, seed, draw, two=server is not None)
            self.counts["kills of writers"] += 1
        found = unexpected(lines, outage=outage)
        new = promises.add(lines)
        with taken_over(studio, found) as database:
            found += broken_promises(studio, database, promises, new)
            found += go_on(database, new)
        self.broken += [f"seed {seed}: {what}" for what in found]

    def _upgrade(self, seed: int, draw: random.Random) -> None:
        studio, server = self.old_studios.new(), self.server
        child = start(lambda pipe: upgrade_and_tell(studio, pipe))
        listen([child], PATIENCE, until_ready=True)
        listen([child], draw.uniform(0, LONGEST_UPGRADE_SECONDS))
        kills_server = server is not None and draw.random() < 0.5
        if server is not None and kills_server:
            server.kill("kill")
            listen([child], PATIENCE)
        kill([child])
        lines = last_words(child)
        if server is not None and kills_server:
            server.start()
        acknowledged = any(line["state"] == "done" for line in lines)
        self.counts["upgrade acknowledged" if acknowledged else "upgrade under way"] += 1
        self.counts["under way"] += not acknowledged
        self.counts[f"kills of {'the server' if kills_server else 'writers'}"] += 1
        found: list[str] = []
        with told_in(found):
            found += broken_upgrade(studio, acknowledged=acknowledged)
        self.broken += [f"seed {seed}: {what}" for what in found]
        self.old_studios.remove(studio)

    def _end(self, studio: Studio, seed: int) -> None:
        found: list[str] = []
        with taken_over(studio, found) as database:
            found += come_to_an_end(database)
        self.broken += [f"seeds from {seed}: {what}" for what in found]


@contextmanager
def taken_over(studio: Studio, found: list[str], *, at_once: bool = True) -> Iterator[Database]:
    """Open a studio after a fault, as `take_over` does; what goes wrong with that is added to
    `found`.
    """
    with told_in(found), closing(take_over(studio, at_once=at_once)) as database:
        yield database


@contextmanager
def told_in(found: list[str]) -> Iterator[None]:
    """Add an error of the block to `found`."""
    try:
        yield
    except Exception:
        found.append(told_error())


def told_error() -> str:
    """Return the error that is being handled, with where it was raised."""
    return traceback.format_exc()[-2_500:]


def kill_writers(studio: Studio, seed: int, draw: random.Random, *, two: bool) -> list[Told]:
    """Let a studio write, or two on a server, and kill it -> what was said."""
    roles = [["ann:review", "work:work"]]
    if two and draw.random() < 0.5:
        roles.append(["bob:review", "cleo:review"])
    children = [start(partial(write_until_killed, studio, seed, some)) for some in roles]
    early = draw.random() < 0.1  # while they open the database
    if not early:
        listen(children, PATIENCE, until_ready=True)
    listen(children, draw.uniform(0, LONGEST_SECONDS))
    kill(children)
    return [line for child in children for line in last_words(child)]


def kill_server(
    server: PostgresServer, studio: Studio, seed: int, draw: random.Random, how: str
) -> list[Told]:
    """Let two studios write, kill their server and start it again -> what was said."""
    roles = (["ann:review", "work:work"], ["bob:review", "cleo:review"])
    children = [start(partial(write_until_killed, studio, seed, some)) for some in roles]
    listen(children, PATIENCE, until_ready=True)
    listen(children, draw.uniform(0, LONGEST_SECONDS))
    server.kill(how)
    try:
        listen(children, PATIENCE)  # they notice, say so and end
        hung = [child for child in children if not child.ended]
    finally:
        kill(children)
    server.start()
    lines = [line for child in children for line in last_words(child)]
    return lines + [{"state": "crashed", "error": "a studio hangs in an outage"} for _ in hung]


def start(work: Callable[[int], None]) -> Child:
    """Fork a process that does `work(pipe)` and says on the pipe what it has done."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading)
    try:
        os.close(reading)
        work(writing)
        os._exit(0)
    except BaseException:
        os.write(writing, (json.dumps({"state": "crashed", "error": told_error()}) + "\n").encode())
    finally:
        os._exit(1)


def listen(children: Sequence[Child], seconds: float, *, until_ready: bool = False) -> None:
    """Take in what is said for some seconds, or until all are ready or at their end."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        waiting = [one for one in children if not (one.ended or (until_ready and one.text))]
        if not waiting:
            return
        for child in select.select(waiting, [], [], left)[0]:
            child.read()
    assert not until_ready, "the writers do not begin"


def kill(children: Sequence[Child]) -> None:
    """End processes with SIGKILL, also those that have ended and were not waited for."""
    for child in children:
        os.kill(child.pid, signal.SIGKILL)


def last_words(child: Child) -> list[Told]:
    """Read what a killed process said until its end."""
    while not child.ended:
        child.read()
    os.close(child.pipe)
    child.status = os.waitpid(child.pid, 0)[1]
    return child.lines


def run(options: Options) -> list[Row]:
    """Do the rounds on SQLite, and where it is installed on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="resilience-") as name:
        folder = Path(name)
        with postgres_server() as server:
            on_sqlite = options.rounds if server is None else round(SQLITE_SHARE * options.rounds)
            rows = [_row("SQLite", _campaign(folder / "sqlite", None), on_sqlite, options)]
            if server is not None:
                campaign = _campaign(folder / "postgresql", server)
                rows.append(_row("PostgreSQL", campaign, options.rounds - on_sqlite, options))
    return rows


def _campaign(folder: Path, server: PostgresServer | None) -> Campaign:
    old_studios = OldStudios(folder / "old", server)
    return Campaign(Studios(folder / "new", server), old_studios, server)


def _row(kind: str, campaign: Campaign, rounds: int, options: Options) -> Row:
    began = time.monotonic()
    campaign.run(rounds, options.seed)
    return Row(
        subject="kills",
        fault=f"`kill -9` of whatever writes to {kind}"
        + (", and of the server" if campaign.server else ""),
        promise="What was acknowledged is there; nothing is there in part; work goes on to its end",
        rounds=rounds,
        figures=dict(sorted(campaign.counts.items())),
        broken=tuple(campaign.broken),
        seconds=round(time.monotonic() - began, 1),
    )
