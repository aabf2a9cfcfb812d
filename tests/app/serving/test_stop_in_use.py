"""SIGTERM to a studio that captions: the batch is stored whole, and the next start goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text

from blip2core.curation import start_capfilt
from blip2core.storage.database import Database, open_database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.engine import connect, parse_url
from blip2core.storage.runs import get_run
from blip2core.storage.schema import Caption, Run, Score
from tests.resilience.quick_models import CAPTIONS, quick_capfilt
from tests.resilience.studio import DATASET, FIRST_IMAGES, Studio, fill
from tests.storage.postgres import cluster

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
BATCH = 2
"""Images that `quick_capfilt` does together."""


@pytest.fixture(params=["sqlite", "postgresql"])
def studio(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Studio]:
    if request.param == "sqlite":
        yield Studio(url=str(tmp_path / "data" / "studio.db"), folder=tmp_path / "data")
        return
    with cluster() as end:
        engine = connect(parse_url(f"postgresql:///postgres{end}&user=postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CREATE DATABASE studio"))
        engine.dispose()
        yield Studio(url=f"postgresql:///studio{end}&user=postgres", folder=tmp_path / "data")


class Process:
    """A studio in a process of its own, which takes some seconds for each batch."""

    def __init__(self, studio: Studio, seconds: float, begun: Path) -> None:
        known = {
            "BLIP2_DATA": str(studio.folder),
            "BLIP2_DATABASE_URL": studio.url,
            "BLIP2_LOG": "json",
            "BLIP2_OPEN_BROWSER": "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # as `run` sets it, before others are imported
            "GRADIO_TEMP_DIR": str(studio.folder / "uploads"),
            "PYTHONPATH": str(ROOT),
        }
        script = Path(__file__).with_name("slow_studio.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(seconds), str(begun)],
            cwd=ROOT,
            env=os.environ | known,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self) -> list[str]:
        """Send SIGTERM, and look at how it ends -> the messages of the log, which is all JSON."""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, said
        lines = [line for line in said.splitlines() if not line.startswith("BLIP-2 Studio: http")]
        messages: list[str] = [json.loads(line)["message"] for line in lines]
        assert messages[-1] == "Stopped." and "Traceback" not in said
        return messages

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def until(is_so) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def batches(begun: Path) -> int:
    return len(begun.read_text().splitlines()) if begun.exists() else 0


def reader(studio: Studio) -> closing[Database]:
    return closing(open_database(studio.url, data=studio.folder, owner=False))


def state(studio: Studio, run_id: int) -> Run:
    with reader(studio) as database, database.read() as session:
        return get_run(session, run_id=run_id)


def written(studio: Studio, run_id: int) -> dict[int, tuple[int, int]]:
    """Item -> how many texts the run wrote about it, and how many scores those have."""
    with reader(studio) as database, database.read() as session:
        mine = select(Caption.item_id, Caption.id).where(Caption.run_id == run_id)
        items = {caption: item for item, caption in session.execute(mine)}
        scores = Counter(
            items[caption] for caption in session.scalars(select(Score.caption_id))
            if caption in items
        )  # fmt: skip
        texts = Counter(items.values())
        return {item: (texts[item], scores[item]) for item in texts}


@pytest.mark.slow
def test_a_batch_under_way_is_stored_whole_and_the_run_goes_on(
    studio: Studio, tmp_path: Path
) -> None:
    studio.folder.mkdir()
    fill(studio)
    with closing(studio.open()) as database:
        with database.read() as session:
            dataset = find_dataset(session, name=DATASET).id
        run_id = start_capfilt(database, dataset_id=dataset, models=quick_capfilt())
    begun = tmp_path / "begun"
    with Process(studio, 1.0, begun) as first:
        until(lambda: batches(begun) == 2)  # one is stored, the second has begun
        messages = first.stop()
    assert "Stopping: the batch that is under way is finished first." in messages
    whole = (CAPTIONS.num, CAPTIONS.num * 2)  # ITM and ITC
    stopped, texts = state(studio, run_id), written(studio, run_id)
    assert batches(begun) == 2
    assert (stopped.status, stopped.done, stopped.failed) == ("queued", 2 * BATCH, 0)
    assert list(texts.values()) == [whole] * 2 * BATCH
    with Process(studio, 0.0, begun) as second:
        until(lambda: state(studio, run_id).status == "done")
        second.stop()
    done = state(studio, run_id)
    images = len(FIRST_IMAGES)
    assert (done.done, done.failed, done.error) == (images, 0, None)
    assert batches(begun) == images / BATCH, "an image was captioned twice"
    after = written(studio, run_id)
    assert list(after.values()) == [whole] * images
    assert texts.items() <= after.items()
