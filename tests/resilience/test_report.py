"""The guide shows what was measured, and what was measured kept its promises."""

import json
from pathlib import Path

import pytest

from tests.resilience.__main__ import SUBJECTS
from tests.resilience.report import BEGIN, END, GUIDE, REPORT, Row, table, write, write_table

ROWS = json.loads(REPORT.read_text("utf-8"))


def test_the_table_of_the_guide_is_the_report() -> None:
    assert f"{BEGIN}\n{table()}\n{END}" in GUIDE.read_text("utf-8")


def test_every_subject_was_measured_and_held() -> None:
    assert {row["subject"] for row in ROWS} >= set(SUBJECTS)
    assert [row["broken"] for row in ROWS] == [[]] * len(ROWS)
    assert sum(row["rounds"] for row in ROWS if row["subject"] == "kills") >= 1_000


def test_the_report_names_neither_machines_nor_folders() -> None:
    told = REPORT.read_text("utf-8")
    assert not any(part in told for part in ("/tmp", "/home", "/root", "/work"))


def test_a_subject_that_is_measured_again_replaces_its_rows(tmp_path: Path) -> None:
    file, guide = tmp_path / "report.json", tmp_path / "guide.md"
    guide.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    figures = {"bulk acknowledged": 2_000, "undo acknowledged": 5, "under way": 7}
    old = Row(subject="b", fault="old", promise="it holds", rounds=1)
    for rows in ([old], [Row(subject="a", fault="x", promise="y", rounds=1_200, figures=figures)]):
        write(rows, file, "command")
    write(
        [Row(subject="b", fault="new", promise="p", rounds=1, broken=("seed 3: lost",))], file, ""
    )
    assert [row["fault"] for row in json.loads(file.read_text("utf-8"))] == ["x", "new"]
    write_table(guide, file)
    lines = guide.read_text("utf-8").splitlines()
    assert (lines[0], lines[-1], "old" in lines) == ("before", "after", False)
    assert "| x | y | 1,200 | 2,005 acknowledged, 7 under way | 0 |" in lines
    assert lines[-3].endswith("| 1 |")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_subject_is_described(subject: str) -> None:
    assert f"`{subject}`" in GUIDE.read_text("utf-8")
