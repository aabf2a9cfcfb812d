"""Power cuts, simulated: unsynced writes are lost at every system call that writes.

python -m tests.resilience.power_cuts FOLDER SEED NAME ...     what is recorded, under strace
"""

import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from app.login.users import add_user, make_owner, read_people
from blip2core.storage import ImageStore, engine, images
from blip2core.storage.schema import Image
from tests.resilience import syscalls
from tests.resilience.judge import Promises, Told, broken_promises, take_over
from tests.resilience.lost_writes import Disk, losses
from tests.resilience.report import ROOT, Options, Row
from tests.resilience.studio import FIRST_IMAGES, Studio, Studios, fill, image_file, sha256_of
from tests.resilience.upgrades import OldStudios, broken_upgrade, upgrade_and_tell
from tests.resilience.writers import Writer

SOUND = engine.Journal(mode="wal", synchronous="FULL")
SAFE = engine.Journal(mode="truncate", synchronous="EXTRA")
REVIEW = ("decide", "rate", "bulk", "decide", "undo", "threshold", "undo")
WORK = ("import_some", "capfilt", "decide", "bulk", "snapshot", "keep", "takedown", "backup")
STDOUT = 1
PASSWORD = "correct horse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is done, and how one sees whether it is there."""

    promise: str
    """What is acknowledged, for the table."""
    prepare: Callable[[Path], None]
    """Make what is there before; all of it is synced."""
    act: Callable[[Path, int], None]
    """Do it in a folder, and tell on standard output what is acknowledged."""
    broken: Callable[[Path, list[Told]], Iterator[str]]
    """Yield what is wrong in a folder after a power cut."""


def _studio(folder: Path) -> Studio:
    return Studio(url=str(folder / "studio.db"), folder=folder)


def _new_studio(folder: Path) -> None:
    shutil.rmtree(folder)
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(Studios(Path(name)).new().folder, folder)


def _operations(names: Sequence[str], journal: engine.Journal) -> Callable[[Path, int], None]:
    def act(folder: Path, seed: int) -> None:
        engine.journal_for = lambda version: journal
        with closing(_studio(folder).open()) as database:
            writer = Writer(_studio(folder), database, "ann", str(seed), _tell_line)
            for name in names:
                writer.do(name)

    return act


def _broken_studio(folder: Path, lines: list[Told]) -> Iterator[str]:
    promises = Promises()
    new = promises.add(lines)
    with closing(take_over(_studio(folder))) as database:
        yield from broken_promises(_studio(folder), database, promises, new)


def _begin_studio(folder: Path, seed: int) -> None:
    inner = folder / "home/data"
    with closing(_studio(inner).open()):
        pass
    _tell(state="done", operation="open", key="open")
    fill(_studio(inner))
    _tell(state="done", operation="fill", key="fill")


def _broken_beginning(folder: Path, lines: list[Told]) -> Iterator[str]:
    inner = folder / "home/data"
    if lines and not (inner / "studio.db").is_file():
        yield "lost: the whole database"
    inner.mkdir(parents=True, exist_ok=True)
    with closing(take_over(_studio(inner))) as database:
        found = broken_promises(_studio(inner), database, Promises(), [])
        with database.read() as session:
            count = session.scalar(select(func.count()).select_from(Image))
    yield from found
    if len(lines) == 2 and count != len(FIRST_IMAGES):
        yield f"lost: {count} images are left of {len(FIRST_IMAGES)}"


def _put(folder: Path, seed: int) -> None:
    store = ImageStore(folder / "images")
    for number in (seed, seed + 1, seed + 2, seed):
        store.put(image_file(number), format="PNG")
        _tell(state="done", operation="put", key=str(number), number=number)


def _put_again(folder: Path, seed: int) -> None:
    """Put an image of which the first attempt was killed just before its name was synced."""
    store = ImageStore(folder / "images")
    sync, images.sync_name = images.sync_name, lambda path: None
    store.put(image_file(seed), format="PNG")
    images.sync_name = sync
    store.put(image_file(seed), format="PNG")
    _tell(state="done", operation="put", key=str(seed), number=seed)


def _broken_store(folder: Path, lines: list[Told]) -> Iterator[str]:
    store = ImageStore(folder / "images")
    for line in lines:
        file = store.path(sha256_of(line["number"]), format="PNG")
        if not file.is_file():
            yield f"lost: image {line['number']}"
    for file in (folder / "images").glob("??/*.png"):
        if hashlib.sha256(file.read_bytes()).hexdigest() != file.stem:
            yield f"torn: the file of image {file.stem[:12]}"


def _write_users(folder: Path, seed: int) -> None:
    password = make_owner(folder / "settings/users")
    _tell(state="done", operation="user", key="owner", password=password)
    for name in ("ann", "bob", "ann"):
        add_user(folder / "settings/users", name, f"{PASSWORD} {name}")
        _tell(state="done", operation="user", key=name)


def _broken_users(folder: Path, lines: list[Told]) -> Iterator[str]:
    file = folder / "settings/users"
    people = read_people(file) if file.exists() else {}
    yield from (f"lost: {line['key']}" for line in lines if line["key"] not in people)


def _old_studio(folder: Path) -> None:
    shutil.rmtree(folder)
    with tempfile.TemporaryDirectory() as name:
        old = OldStudios(Path(name) / "old", None).new()
        shutil.copytree(old.folder, folder)


def _broken_upgrade(folder: Path, lines: list[Told]) -> Iterator[str]:
    acknowledged = any(line["state"] == "done" for line in lines)
    yield from broken_upgrade(_studio(folder), acknowledged=acknowledged)


SCENARIOS = {
    "verdicts": Scenario(
        promise="verdicts, batches, undo and ratings; SQLite's rollback journal",
        prepare=_new_studio,
        act=_operations(REVIEW, SAFE),
        broken=_broken_studio,
    ),
    "verdicts-wal": Scenario(
        promise="verdicts, batches, undo and ratings; SQLite's write-ahead log",
        prepare=_new_studio,
        act=_operations(REVIEW, SOUND),
        broken=_broken_studio,
    ),
    "work": Scenario(
        promise="import, captions, snapshot, export, kept pairs, takedown and backup",
        prepare=_new_studio,
        act=_operations(WORK, SAFE),
        broken=_broken_studio,
    ),
    "beginning": Scenario(
        promise="a new database in a new folder, and its first images",
        prepare=lambda folder: None,
        act=_begin_studio,
        broken=_broken_beginning,
    ),
    "upgrade": Scenario(
        promise="the upgrade of a database from the first tables",
        prepare=_old_studio,
        act=lambda folder, seed: upgrade_and_tell(_studio(folder), STDOUT),
        broken=_broken_upgrade,
    ),
    "put": Scenario(
        promise="image files",
        prepare=lambda folder: None,
        act=_put,
        broken=_broken_store,
    ),
    "put-again": Scenario(
        promise="an image file that a killed import left behind, stored again",
        prepare=lambda folder: None,
        act=_put_again,
        broken=_broken_store,
    ),
    "users": Scenario(
        promise="the file of users",
        prepare=lambda folder: None,
        act=_write_users,
        broken=_broken_users,
    ),
}


@dataclass
class Outcome:
    """What was found in one scenario."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def cut(names: Sequence[str], seed: int, most: int) -> dict[str, Outcome]:
    """Record scenarios, cut the power at their system calls, and look at up to `most` disks each.

    Right after each acknowledgement all losses are looked at; elsewhere as many as fit.
    """
    with tempfile.TemporaryDirectory(prefix="resilience-", dir=_memory()) as temporary:
        place = Path(temporary)
        disks = {}
        for name in names:
            (place / name).mkdir()
            SCENARIOS[name].prepare(place / name)
            disks[name] = Disk(place / name), Disk(place / name)
        command = [sys.executable, "-m", __name__, str(place), str(seed), *names]
        syscalls.record(command, place / "log", cwd=ROOT)
        calls = _by_scenario(syscalls.read(place / "log"))
        return {name: _cut(name, *disks[name], calls[name], seed, most, place) for name in names}


def _by_scenario(calls: Iterator[syscalls.Call]) -> dict[str, list[syscalls.Call]]:
    """Return the calls of each scenario, between its "begin" and the next one's."""
    found: dict[str, list[syscalls.Call]] = {}
    current: list[syscalls.Call] = []
    for call in calls:
        told = _told(call)
        if told and told[0]["state"] == "begin":
            current = found.setdefault(told[0]["name"], [])
        else:
            current.append(call)
    return found


def _cut(
    name: str,
    disk: Disk,
    same_disk: Disk,
    calls: list[syscalls.Call],
    seed: int,
    most: int,
    place: Path,
) -> Outcome:
    outcome, scenario, after = Outcome(), SCENARIOS[name], place / "after"
    chosen = _chosen(same_disk, calls, seed, most)
    lines: list[Told] = []
    seen: set[bytes] = set()
    for number, call in enumerate(calls):
        if told := _told(call):
            lines += told
            continue
        outcome.counts["calls that wrote"] += disk.feed(call)
        for loss in losses(seed + number) if number in chosen else ():
            disk.after(loss, after)
            state = _digest(after) + str(len(lines)).encode()
            if state not in seen:
                seen.add(state)
                outcome.counts["different disks"] += 1
                where = f"{name}, seed {seed}, call {number}, {loss.name}"
                outcome.broken += [f"{where}: {what}" for what in _broken(scenario, after, lines)]
            shutil.rmtree(after)
    told_of = [line for line in lines if line["state"] not in ("begun", "ready", "refused")]
    outcome.counts["acknowledged"] = len(told_of)
    return outcome


def _chosen(disk: Disk, calls: Sequence[syscalls.Call], seed: int, most: int) -> set[int]:
    """Return the calls after which the power is cut: those on both sides of each word that was
    said, and more by chance.
    """
    wrote: list[int] = []
    beside: set[int] = set()
    is_after_word = False
    for number, call in enumerate(calls):
        if _told(call):
            beside |= set(wrote[-1:])
            is_after_word = True
        elif disk.feed(call):
            wrote.append(number)
            beside |= {number} if is_after_word else set()
            is_after_word = False
    others = [number for number in wrote if number not in beside]
    count = min(len(others), max(0, most // 5 - len(beside)))
    return beside | set(random.Random(seed).sample(others, count))


def _broken(scenario: Scenario, after: Path, lines: list[Told]) -> list[str]:
    try:
        return list(scenario.broken(after, lines))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


def _told(call: syscalls.Call) -> list[Told]:
    if call.name != "write" or not call.rest.startswith("1,"):
        return []
    return [json.loads(line) for line in call.texts[0].decode().splitlines()]


def _tell(**facts: object) -> None:
    _tell_line(json.dumps(facts) + "\n")


def _tell_line(line: str) -> None:
    os.write(STDOUT, line.encode())


def _digest(folder: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _memory() -> str | None:
    """Return a folder in memory where there is one: the simulated disks need no real one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(options: Options) -> list[Row]:
    """Cut the power in every scenario; nothing is done where strace is not installed."""
    if not syscalls.is_available():
        return []
    began = time.monotonic()
    outcomes = cut(list(SCENARIOS), options.seed, options.rounds // 5)
    seconds = round(time.monotonic() - began, 1)
    return [_row(SCENARIOS[name], outcome, seconds) for name, outcome in outcomes.items()]


def _row(scenario: Scenario, outcome: Outcome, seconds: float) -> Row:
    disks = outcome.counts.pop("different disks")
    return Row(
        subject="power_cuts",
        fault="Power cut, simulated",
        promise=f"What was acknowledged is there, nothing in part: {scenario.promise}",
        rounds=disks,
        figures=dict(sorted(outcome.counts.items())),
        broken=tuple(outcome.broken),
        seconds=seconds,
    )


def main(place: Path, seed: int, names: Sequence[str]) -> None:
    """Do scenarios one after the other, each in a process of its own."""
    for name in names:
        _tell(state="begin", name=name)
        pid = os.fork()
        if pid == 0:
            SCENARIOS[name].act(place / name, seed)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0, f"{name} failed"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
