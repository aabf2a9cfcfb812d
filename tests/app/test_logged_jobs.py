"""Jobs in the background are in the log, with counts and without what they work on."""

import io
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from app.inference.engine import Engine
from app.jobs import ExportJob, Import, Jobs
from app.serving.logs import LogHandler, TextFormatter
from app.settings import AppSettings
from blip2core.config import CaptionConfig
from blip2core.storage.database import Database, open_database
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.runs import list_runs
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.app.sample_dataset import accept_first
from tests.capfilt.conftest import tiny_pair
from tests.fakes import FakeModels

MARK = "Zaubermaus"
"""Stands in each text, name and image of the import."""
PATIENCE = 60.0


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that anybody logs, at the lowest level."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = LogHandler(with_texts=False), root.level
    handler.setFormatter(TextFormatter())
    handler.setStream(stream)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images with hostile texts and names, and two files that are no images."""
    folder = tmp_path / f"{MARK}\n2026 forged"
    folder.mkdir()
    for number in range(2):
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Comment", MARK)
        image = Image.new("RGB", (40, 40), (number * 90, 0, 0))
        image.save(folder / f"{MARK}\n{number}.png", pnginfo=notes)
        (folder / f"{MARK}\n{number}.txt").write_text(f"{MARK} =cmd()")
    (folder / f"{MARK}.png").write_text(MARK)
    (folder / f"{MARK}.zip").write_text(MARK)
    return folder


def until(message: str, written: io.StringIO) -> None:
    end = time.monotonic() + PATIENCE
    while message not in written.getvalue():
        assert time.monotonic() < end, written.getvalue()
        time.sleep(0.05)


def test_import_captions_filter_and_export_without_a_word_of_them(
    tmp_path: Path, folder: Path, written: io.StringIO
) -> None:
    database = open_database(str(tmp_path / "studio.db"))
    jobs = Jobs(database, Engine(FakeModels(*tiny_pair())), AppSettings(import_root=tmp_path))
    jobs.start()
    try:
        jobs.add(Import(dataset=MARK, sources=[folder], label=MARK, then=CaptionConfig()))
        until("(capfilt) is ", written)
        jobs.add(ExportJob(snapshot_id=snapshot(database), format="csv", annotator_id=1))
        until("is done: 1 pair", written)
    finally:
        jobs.close()
        with database.read() as session:
            failed = [(run.kind, run.error) for run in list_runs(session) if run.error]
        database.close()
    lines = written.getvalue().splitlines()
    assert failed == []
    assert [line for line in lines if MARK in line or " forged" in line] == []
    ours = [line.partition("[-] ")[2] for line in lines if "blip2core." in line]
    for said in ("Run 1 (import) begins", "Run 1 (import) is done: 2 items done, 2 failed in "):
        assert any(line.startswith(said) for line in ours), ours
    assert any(line.startswith("Run 2 (capfilt) is done: 2 items done, 0 failed") for line in ours)
    assert any(line.startswith("Export 1 (csv) of snapshot 1 is done: 1 pair") for line in ours)


def snapshot(database: Database) -> int:
    accept_first(database)
    with database.write() as session:
        person = get_or_create_annotator(session, handle="ada").id
    made = create_snapshot(
        database, dataset_id=1, name=MARK, policy=SnapshotPolicy(), created_by=person
    )
    return made.id
