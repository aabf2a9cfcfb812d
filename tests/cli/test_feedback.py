"""blip2 feedback."""

import csv
import io
from pathlib import Path

import pytest

from blip2core.storage import open_database
from blip2core.storage.feedback import NewRating, add_feedback
from blip2core.storage.people import get_or_create_annotator
from tests.cli.conftest import Shell

COLUMNS = "id created_at liked reason question answer prompt model revision image_sha256 annotator"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Opinions 1 to 60; the last is of ann, on a text that looks like a formula."""
    database = open_database(str(tmp_path / "studio.db"))
    with database.write() as session:
        for number in range(1, 61):
            opinion = NewRating(
                client_event_id=str(number),
                liked=number % 2 == 0,
                question="What is it?" if number < 60 else "＝1+1",
                answer="a bird, blue" if number < 60 else "=cmd|' /C calc'!A0\nand more",
                prompt="Question: What is it? Answer:",
                model="stickers-opt",
                revision=None if number < 60 else "f" * 40,
                image_sha256=None if number < 60 else "a" * 64,
                reason="" if number < 60 else "-wrong",
                annotator_id=None
                if number < 60
                else get_or_create_annotator(session, handle="@ann").id,
            )
            add_feedback(session, opinion)
    database.close()
    return tmp_path / "studio.db"


def test_json_has_every_opinion_newest_first(shell: Shell, file: Path) -> None:
    rows = shell.rows("feedback")
    assert [row["id"] for row in rows] == list(range(60, 0, -1))
    assert list(rows[0]) == COLUMNS.split()
    newest = dict(rows[0])
    assert newest.pop("created_at").endswith("+00:00")
    assert newest == {
        "id": 60,
        "liked": True,
        "reason": "-wrong",
        "question": "＝1+1",
        "answer": "=cmd|' /C calc'!A0\nand more",
        "prompt": "Question: What is it? Answer:",
        "model": "stickers-opt",
        "revision": "f" * 40,
        "image_sha256": "a" * 64,
        "annotator": "@ann",
    }
    assert (rows[1]["liked"], rows[1]["annotator"], rows[1]["revision"]) == (False, None, None)


def test_csv_is_safe_in_a_spreadsheet(shell: Shell, file: Path) -> None:
    text = "\n".join(shell.lines("feedback"))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == COLUMNS.split() and len(rows) == 60
    assert rows[0]["answer"] == "'=cmd|' /C calc'!A0\nand more"
    assert (rows[0]["question"], rows[0]["reason"]) == ("'＝1+1", "'-wrong")
    assert rows[0]["annotator"] == "'@ann"
    assert (rows[1]["id"], rows[1]["answer"], rows[1]["revision"]) == ("59", "a bird, blue", "")


def test_no_opinion_is_a_table_without_rows(shell: Shell, tmp_path: Path) -> None:
    open_database(str(tmp_path / "studio.db")).close()
    assert shell.lines("feedback") == [COLUMNS.replace(" ", ",")]
    assert shell.rows("feedback") == []


def test_reading_makes_no_database(shell: Shell, tmp_path: Path) -> None:
    assert "blip2 db upgrade" in shell.error("feedback")
    assert list(tmp_path.iterdir()) == []


def test_the_studio_may_run_meanwhile(shell: Shell, file: Path) -> None:
    database = open_database(str(file))
    assert len(shell.rows("feedback")) == 60
    database.close()
