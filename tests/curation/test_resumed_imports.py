"""An import that was killed goes on behind the archives that it had finished, with right sums."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from blip2core.curation import import_images, imports, tally
from blip2core.intake import Reading, Sums, read
from blip2core.records import Problem, Unused, WebImage
from blip2core.storage import Database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.finished_archives import finished_archives
from blip2core.storage.items import purge_image
from blip2core.storage.run_problems import list_problems
from blip2core.storage.runs import get_run, list_runs
from blip2core.storage.schema import Caption, FinishedArchive, Image, Source
from tests.curation.conftest import web_image
from tests.intake.making import tarred

ARCHIVES = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Archives of three images with texts; in each also what cannot be used, and one that an
    earlier archive had.
    """
    (tmp_path / "tars").mkdir()
    for number in range(ARCHIVES):
        members: dict[str, bytes] = {"broken.png": b"\x89PNG\r\n\x1a\n", "lost.txt": b"no image"}
        for image in (2 * number, 2 * number + 1, 2 * number + 2):
            members[f"{image}.png"] = web_image(image).data
            members[f"{image}.txt"] = f"picture {image}\npicture {image}".encode()
        # What the archive before had without data is told more of here.
        told = {"text": f"picture {2 * number}", "score": number / 2}
        members[f"{2 * number}.json"] = json.dumps(told).encode()
        members[f"{2 * number}.cls"] = b"7"
        (tmp_path / "tars" / f"{number}.tar").write_bytes(tarred(members.items()))
    return tmp_path / "tars"


class Counted:
    """An import of a folder that counts what is read."""

    def __init__(self, database: Database, folder: Path, *, resumes: bool = True) -> None:
        self.database, self.sums, self.reading = database, Sums(), Reading()
        self._folder = folder
        self.images_read: list[str] = []
        self._resumes = resumes

    def __iter__(self) -> Iterator[imports.Imported]:
        reading = self.reading if self._resumes else None
        yield from import_images(
            self.database,
            dataset="web",
            inputs=self._found(reading),
            sums=self.sums,
            reading=reading,
        )

    def _found(self, reading: Reading | None) -> Iterator[WebImage | Problem | Unused]:
        for one in read(self._folder, reading=reading):
            if isinstance(one, WebImage):
                self.images_read.append(one.name)
            yield one

    def problems(self) -> list[tuple[str, str]]:
        with self.database.read() as session:
            run = list_runs(session)[0]
            assert run.status == "done" and run.sums == self.sums.as_json()
            assert run.done == self.sums.images_new + self.sums.images_known
            return [(one.name, one.reason) for one in list_problems(session, run_id=run.id)]


def stored(database: Database) -> list[Any]:
    """All that an import leaves, without times and numbers of runs."""
    with database.read() as session:
        images = session.execute(select(Image.id, Image.sha256).order_by(Image.id))
        said = (Caption.item_id, Caption.text, Caption.place, Caption.data)
        texts = session.execute(select(*said).order_by(Caption.id))
        sources = session.execute(select(Source.item_id, Source.name).order_by(Source.id))
        return [[tuple(row) for row in rows] for rows in (images, texts, sources)]


def finished(database: Database) -> int:
    with database.read() as session:
        number = find_dataset(session, name="web").id
        return len(finished_archives(session, dataset_id=number))


def interrupted(database: Database, folder: Path, results: int) -> Counted:
    """An import that is left after so many results."""
    begun = Counted(database, folder)
    with closing(iter(begun)) as steps:  # type: ignore[type-var]
        for _ in range(results):
            next(steps)
    return begun


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blip2core.curation.checking.UNIT", 4)


def test_sums_are_those_of_reading_all_again(database: Database, folder: Path) -> None:
    interrupted(database, folder, 14)
    skipped = finished(database)
    assert 0 < skipped < ARCHIVES
    resumed = Counted(database, folder)
    results = list(resumed)
    assert len(resumed.images_read) == 4 * (ARCHIVES - skipped)
    assert sum(one.skipped > 0 for one in results) == skipped
    told = resumed.problems()
    again = Counted(database, folder, resumes=False)
    list(again)
    left = "images_new", "images_known", "texts_new", "texts_known", "images_alike"
    first, second = resumed.sums.as_json(), again.sums.as_json()
    assert {k: v for k, v in first.items() if k not in left} == {
        k: v for k, v in second.items() if k not in left
    }
    assert first["images_new"] + first["images_known"] == second["images_known"] == 3 * ARCHIVES
    assert first["texts_new"] + first["texts_known"] == second["texts_known"]
    assert told == again.problems() and len(told) == 2 * ARCHIVES


def test_an_import_that_ended_is_read_again(database: Database, folder: Path) -> None:
    """So that images whose files were lost come back."""
    list(Counted(database, folder))
    assert finished(database) == 0
    for file in database.images.root.glob("??/*.png"):
        file.unlink()
    again = Counted(database, folder)
    list(again)
    assert len(again.images_read) == 4 * ARCHIVES
    assert len(list(database.images.root.glob("??/*.png"))) == 2 * ARCHIVES + 1


def test_an_archive_that_changed_is_read_again(database: Database, folder: Path) -> None:
    interrupted(database, folder, 14)
    members = {"new.png": web_image(99).data, "new.txt": b"a new one"}
    (folder / "0.tar").write_bytes(tarred(members.items()))
    resumed = Counted(database, folder)
    list(resumed)
    assert "new.png" in resumed.images_read and "0.png" not in resumed.images_read
    with database.read() as session:
        assert session.scalar(select(Caption.id).where(Caption.text == "a new one"))


def test_what_was_taken_down_meanwhile_is_not_called_there(
    database: Database, folder: Path
) -> None:
    interrupted(database, folder, 14)
    with database.write() as session:
        sha256 = session.scalars(select(Image.sha256).order_by(Image.id)).first()
        purge_image(session, sha256=str(sha256))
    resumed = Counted(database, folder)
    assert [one for one in resumed if one.problem and "taken down" in one.problem.reason]
    assert len(resumed.images_read) == 4 * ARCHIVES


def test_what_was_forgotten_while_it_was_passed_over_is_a_problem(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(database, folder, 14)
    monkeypatch.setattr(tally, "take_over_archive", lambda *_, **__: None)
    reasons = {one.problem.reason for one in Counted(database, folder) if one.problem}
    assert any("import the same again" in reason for reason in reasons)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_import_passes_over_what_one_that_ends_meanwhile_had_finished(
    database: Database, folder: Path
) -> None:
    """One server has many writers; SQLite has one."""
    first = iter(Counted(database, folder))
    for _ in range(14):
        next(first)
    skipped, reading, sums = finished(database), Reading(), Sums()

    def found_after_the_first_ended() -> Iterator[WebImage | Problem | Unused]:
        list(first)
        yield from read(folder, reading=reading)

    inputs = found_after_the_first_ended()
    second = import_images(database, dataset="web", inputs=inputs, reading=reading, sums=sums)
    results = list(second)
    assert sum(one.skipped > 0 for one in results) == skipped > 0
    assert not [one for one in results if one.problem and "import the same" in one.problem.reason]
    assert sums.images_new + sums.images_known == 3 * ARCHIVES
    assert finished(database) == 0


def test_an_archive_whose_images_a_table_may_name_is_not_called_finished(
    database: Database, folder: Path
) -> None:
    """Passed over, the row would be called a text without an image."""
    (folder / "texts.csv").write_text("image,text\n9.png,from the table\n", encoding="utf-8")
    interrupted(database, folder, 14)
    assert finished(database) == 0


def test_an_archive_with_very_many_problems_is_read_again(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept with what was finished."""
    monkeypatch.setattr(tally, "MOST_PROBLEMS", 1)
    interrupted(database, folder, 14)
    assert finished(database) == 0


def test_the_run_says_how_far_it_is(database: Database, folder: Path) -> None:
    begun = interrupted(database, folder, 14)
    assert begun.reading.images > 0
    with database.read() as session:
        run = list_runs(session)[0]
        assert run.status == "paused" and run.reading is not None
        assert run.reading["archives"] == ARCHIVES and run.reading["bytes"] > 0
        assert run.reading["total_bytes"] == sum(one.stat().st_size for one in folder.iterdir())


def test_a_run_that_begins_again_knows_what_it_had_finished(
    database: Database, folder: Path
) -> None:
    """As after the database was away: the same run, with its problems told anew."""
    interrupted(database, folder, 14)
    with database.read() as session:
        run_id = list_runs(session)[0].id
    reading, sums = Reading(), Sums()
    inputs = read(folder, reading=reading)
    steps = import_images(
        database, dataset="web", inputs=inputs, sums=sums, reading=reading, run_id=run_id
    )
    assert [one for one in steps if one.skipped]
    with database.read() as session:
        assert len(list_problems(session, run_id=run_id)) == 2 * ARCHIVES
        assert get_run(session, run_id=run_id).status == "done"
        assert session.scalars(select(FinishedArchive)).all() == []


def test_problems_survive_json() -> None:
    problem = Problem(name="a", reason="b", about="source", texts=2, count=3)
    assert Problem(**asdict(problem)) == problem


GROWTH = """
import gc, os, sys, tempfile, tracemalloc
from pathlib import Path
from blip2core.curation import checking, import_images
from blip2core.intake import Reading, read
from blip2core.storage import open_database
from tests.curation.conftest import web_image
from tests.intake.making import tarred

os.fsync = lambda _: None  # the disk is not what is measured
checking.UNIT = 20
folder = Path(sys.argv[1])
for number in range(105):
    members = [
        member
        for image in range(10 * number, 10 * number + 10)
        for member in ((f"{image}.png", web_image(image).data), (f"{image}.txt", b"a cat"))
    ]
    (folder / f"{number:02}.tar").write_bytes(tarred(members))
database = open_database(str(folder.parent / "data" / "studio.db"))
reading, memory = Reading(), []
steps = import_images(
    database, dataset="web", inputs=read(folder, reading=reading), reading=reading
)
tracemalloc.start()
for count, one in enumerate(steps, start=1):
    if count in (200, 1_000):
        gc.collect()
        memory.append(tracemalloc.get_traced_memory()[0])
database.close()
print((memory[1] - memory[0]) / 800)
"""


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    """Bytes held for each image that was imported; what is known of one would be 500."""
    (tmp_path / "tars").mkdir()
    command = [sys.executable, "-c", GROWTH, str(tmp_path / "tars")]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    assert float(done.stdout) < 100


@pytest.mark.parametrize("unit", [1, 2, 4, 6])
def test_after_kill_9_it_goes_on_and_the_database_is_the_same(
    tmp_path: Path, folder: Path, unit: int
) -> None:
    from blip2core.storage import open_database

    killed = str(tmp_path / "killed" / "studio.db")
    command = [sys.executable, "-m", "tests.curation.killed_import", killed, str(folder), str(unit)]
    assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL
    with (
        closing(open_database(killed)) as database,
        closing(open_database(str(tmp_path / "whole" / "studio.db"))) as whole,
    ):
        skipped = finished(database)
        resumed, plain = Counted(database, folder), Counted(whole, folder)
        list(resumed)
        list(plain)
        assert len(resumed.images_read) == 4 * (ARCHIVES - skipped)
        assert stored(database) == stored(whole), "not even a number differs"
        assert sum(data is not None for *_, data in stored(whole)[1]) == ARCHIVES
        assert resumed.problems() == plain.problems()
        assert skipped == {1: 0, 2: 0, 4: 1, 6: 2}[unit]
