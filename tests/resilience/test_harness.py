"""A handful of rounds, so that the harness itself stays whole; and its judges are no rubber stamps.

All rounds are in `make resilience`.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from blip2core.storage import Database
from blip2core.storage.backup_folder import list_backups
from blip2core.storage.schema import Batch, Caption, DecisionEvent, Feedback, Image, Item, Score
from tests.resilience import faults, power_cuts, syscalls
from tests.resilience.judge import Promises, Told, broken_promises, take_over, unexpected
from tests.resilience.lost_writes import Disk, Loss, losses
from tests.resilience.report import ROOT
from tests.resilience.studio import Studio, Studios
from tests.resilience.syscalls import Call
from tests.resilience.writers import Writer


def measured(folder: Path, subject: str, rounds: int) -> list[dict[str, object]]:
    """Run the command for one subject -> the rows it wrote."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "tests.resilience", subject, "--report", str(report)]
    command += ["--rounds", str(rounds), "--seed", str(random.randrange(1 << 30))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text("utf-8"))


def test_some_rounds_of_kill(tmp_path: Path) -> None:
    rows = measured(tmp_path, "kills", 4)
    assert sum(row["rounds"] for row in rows) == 4
    assert [row["broken"] for row in rows] == [[]] * len(rows)


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["kills", "power_cuts", "full_disk", "clock_jumps"])
def test_more_rounds(tmp_path: Path, subject: str) -> None:
    if subject == "power_cuts" and not syscalls.is_available():
        pytest.skip("strace is not installed, or may not trace here")
    if subject in ("full_disk", "clock_jumps") and not faults.is_available():
        pytest.skip("there is no C compiler")
    rows = measured(tmp_path, subject, 60)
    assert rows and [row["broken"] for row in rows] == [[]] * len(rows)


@pytest.mark.slow
def test_failing_models(tmp_path: Path) -> None:
    assert all(row["broken"] == [] for row in measured(tmp_path, "failing_models", 1))


@pytest.fixture(scope="module")
def studios(tmp_path_factory: pytest.TempPathFactory) -> Studios:
    return Studios(tmp_path_factory.mktemp("studios"))


@pytest.fixture
def studio(studios: Studios) -> Studio:
    return studios.new()


def acted(studio: Studio, *operations: str) -> list[Told]:
    """What a writer says that does these and ends."""
    lines: list[str] = []
    with closing(studio.open()) as database:
        writer = Writer(studio, database, "ann", "1", lines.append)
        for operation in operations:
            writer.do(operation)
    return [json.loads(line) for line in lines]


ALL = (
    "capfilt",
    "decide",
    "bulk",
    "rate",
    "rate",
    "rate",
    "import_some",
    "snapshot",
    "keep",
    "takedown",
)
FLAWS = {
    "lost: decide": lambda session: session.execute(
        update(DecisionEvent)
        .where(DecisionEvent.batch_id.is_(None))
        .values(client_event_id=DecisionEvent.client_event_id + "x")
    ),
    "torn: batch": lambda session: session.execute(
        update(Batch).values(expected=Batch.expected + 1)
    ),
    "lost: the rating": lambda session: session.execute(delete(Feedback)),
    "texts about item": lambda session: session.execute(
        insert(Caption).values(
            item_id=1, run_id=2, source="synthetic", origin_key="run:2:x", text="again"
        )
    ),
    "scores, not 2": lambda session: session.execute(
        delete(Score).where(
            Score.caption_id.in_(select(func.max(Caption.id)).where(Caption.run_id.is_not(None)))
        )
    ),
    "lost: the file": lambda session: session.execute(
        update(Image).where(Image.state == "purged").values(state="ok")
    ),
    "was taken down and is shown": lambda session: session.execute(
        update(Item).values(status="pending")
    ),
}
"""What a judge says -> how the database was made wrong."""


def judged(studio: Studio, database: Database, lines: list[Told]) -> list[str]:
    promises = Promises()
    return broken_promises(studio, database, promises, promises.add(lines))


@pytest.fixture(scope="module")
def written(studios: Studios) -> tuple[Studio, list[Told]]:
    """A studio in which everything was done once, and what was said."""
    studio = studios.new()
    return studio, acted(studio, *ALL)


@pytest.mark.parametrize("said", FLAWS)
def test_what_is_wrong_in_the_database_is_found(
    written: tuple[Studio, list[Told]], tmp_path: Path, said: str
) -> None:
    original, lines = written
    assert unexpected(lines) == []
    shutil.copytree(original.folder, tmp_path / "copy")
    studio = Studio(url=str(tmp_path / "copy/studio.db"), folder=tmp_path / "copy")
    with closing(take_over(studio)) as database:
        assert judged(studio, database, lines) == []
        engine = database.engine.execution_options(blip2_write=True)
        with engine.begin() as connection:  # the tables guard their log against everybody
            for trigger in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).all():
                connection.exec_driver_sql(f"DROP TRIGGER {trigger[0]}")
            FLAWS[said](connection)
        found = judged(studio, database, lines)
        assert any(said in problem for problem in found), found


def test_what_is_wrong_on_the_disk_is_found(studio: Studio) -> None:
    lines = acted(studio, "bulk", "snapshot", "import_some", "backup")
    (export,) = [path for path in studio.exports.iterdir() if path.is_dir()]
    next(studio.folder.glob("images/??/*.png")).write_bytes(b"torn")
    (export / "manifest.json").unlink()
    (lost,) = list_backups(studio.backups)
    shutil.rmtree(lost)
    with closing(take_over(studio)) as database:
        found = judged(studio, database, lines)
    assert {line.partition(" ")[0] for line in found} == {"torn:", "lost:"}
    assert any("no manifest" in line for line in found) and any("backup" in line for line in found)


@pytest.mark.parametrize(
    ("file", "said"), [("*Z/studio.db", "was altered"), ("images/??/*.png", "another hash")]
)
def test_a_backup_that_is_not_whole_is_found(studio: Studio, file: str, said: str) -> None:
    """Also one of an earlier round, which nobody speaks of any more."""
    acted(studio, "import_some", "backup")
    torn = next(studio.backups.glob(file))
    torn.write_bytes(torn.read_bytes()[:-1] + b"x")
    with closing(take_over(studio)) as database:
        found = judged(studio, database, [])
    assert len(found) == 1 and found[0].startswith("torn: backup") and said in found[0]


def test_of_many_backups_the_newest_stays_and_is_looked_at_again(studio: Studio) -> None:
    lines = acted(studio, "backup", "import_some", "backup")
    made = [line["name"] for line in lines if line.get("operation") == "backup" and "name" in line]
    with closing(take_over(studio)) as database:
        assert judged(studio, database, lines) == []
        assert [path.name for path in list_backups(studio.backups)] == made[1:]
        assert judged(studio, database, []) == []


def test_refusals_without_a_reason_and_crashes_are_found() -> None:
    wrong = [
        {"state": "refused", "operation": "bulk", "error": "The database failed: a bug."},
        {"state": "crashed", "error": "Traceback"},
    ]
    right = {"state": "refused", "operation": "bulk", "error": "Nothing is accepted yet."}
    assert len(unexpected([*wrong, right])) == 2
    assert len(unexpected([*wrong, right], outage=True)) == 1


def call(name: str, *texts: str, rest: str = "", result: int = 0) -> Call:
    return Call(name=name, texts=tuple(map(str.encode, texts)), rest=rest, result=result)


def after(disk: Disk, loss: Loss, folder: Path) -> dict[str, bytes]:
    disk.after(loss, folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_not_synced_is_lost(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    (root / "old").write_bytes(b"old")
    disk = Disk(root)
    everything, nothing, names, data, *_ = losses(0)
    told = [
        call("openat", f"{root}/new", rest="AT_FDCWD, _, O_WRONLY|O_CREAT", result=3),
        call("write", "1234", rest="3, _, 4", result=4),
    ]
    for one in told:
        assert disk.feed(one)
    assert after(disk, everything, tmp_path / "1") == {"old": b"old"}
    assert after(disk, nothing, tmp_path / "2") == {"old": b"old", "new": b"1234"}
    assert after(disk, names, tmp_path / "3") == {"old": b"old", "new": b""}
    assert after(disk, data, tmp_path / "4") == {"old": b"old"}
    disk.feed(call("fsync", rest="3"))
    disk.feed(call("rename", f"{root}/new", f"{root}/old", rest="_, _"))
    assert after(disk, everything, tmp_path / "5") == {"old": b"old"}
    assert after(disk, names, tmp_path / "6") == {"old": b"1234"}
    disk.feed(call("openat", str(root), rest="AT_FDCWD, _, O_RDONLY", result=4))
    disk.feed(call("fsync", rest="4"))
    assert after(disk, everything, tmp_path / "7") == {"old": b"1234"}


def test_writes_are_torn_by_sectors_and_come_in_any_order(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    root.mkdir()
    (root / "file").write_bytes(b"a" * 2_048)
    disk = Disk(root)
    disk.feed(call("openat", f"{root}/file", rest="AT_FDCWD, _, O_RDWR", result=3))
    disk.feed(call("pwrite64", "b" * 1_024, rest="3, _, 1024, 0", result=1_024))
    disk.feed(call("pwrite64", "c" * 1_024, rest="3, _, 1024, 1024", result=1_024))
    seen = set()
    for seed in range(60):
        (content,) = after(disk, losses(seed)[-1], tmp_path / str(seed)).values()
        seen.add(bytes(content[start] for start in range(0, 2_048, 512)).decode())
        assert all(len(set(content[start : start + 512])) == 1 for start in range(0, 2_048, 512))
    assert {"aaaa", "aacc", "bbaa"} <= seen
    assert any(one[:2] in ("ab", "ba") for one in seen)


@pytest.mark.slow
@pytest.mark.skipif(not syscalls.is_available(), reason="strace is not installed, or may not trace")
def test_a_disk_that_only_says_it_has_synced_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Disk, "_do_fsync", lambda self, call: False)
    outcomes = power_cuts.cut(["verdicts-wal", "users"], seed=1, most=30)
    for outcome in outcomes.values():
        assert any("lost: " in what for what in outcome.broken)


@pytest.mark.skipif(not syscalls.is_available(), reason="strace is not installed, or may not trace")
def test_system_calls_are_read_with_their_data(tmp_path: Path) -> None:
    text = 'a "quoted" line\n'
    program = f"import os; h = os.open('{tmp_path}/a', os.O_CREAT | os.O_WRONLY); "
    program += (
        f"os.write(h, {text.encode()!r}); os.fsync(h); os.rename('{tmp_path}/a', '{tmp_path}/b')"
    )
    syscalls.record([sys.executable, "-c", program], tmp_path / "log")
    calls = [
        one
        for one in syscalls.read(tmp_path / "log")
        if str(tmp_path).encode() in b"".join(one.texts)
    ]
    assert [one.name for one in calls] == ["openat", "rename"]
    assert any(
        one.name == "write" and one.texts == (text.encode(),)
        for one in syscalls.read(tmp_path / "log")
    )


@pytest.mark.skipif(not faults.is_available(), reason="there is no C compiler")
def test_the_disk_gets_full_and_the_clock_jumps(tmp_path: Path) -> None:
    program = """
import os, sys, time
from tests.resilience import faults
before = time.time()
faults.shift_clock(-7200)
print(round((before - time.time()) / 3600))
handle = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
with faults.room(5):
    print(os.write(handle, b"1234"), os.write(handle, b"5678"))
    try:
        os.write(handle, b"9")
    except OSError as error:
        print(error.strerror)
print(os.write(handle, b"9"))
"""
    environment = os.environ | {"LD_PRELOAD": str(faults.build(tmp_path))}
    command = [sys.executable, "-c", program, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["2", "4 1", "No space left on device", "1"], done.stderr
    assert (tmp_path / "file").read_bytes() == b"123459"
    assert done.returncode != -signal.SIGSEGV
