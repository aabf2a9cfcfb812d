"""`capfilt`: imports, writes, scores, goes on; rules change without a model."""

import json
from pathlib import Path
from typing import Any

import pytest

from blip2core.curation import capfilt_run
from blip2core.errors import ModelUnavailableError
from blip2core.models import loading
from blip2core.records import Problem
from blip2core.storage import open_database
from blip2core.storage.run_problems import add_problem
from blip2core.storage.runs import NewRun, create_run, finish_run, get_run, heartbeat, start_run
from tests.cli.conftest import Shell
from tests.formats.files import exif, saved

RUN = ("capfilt", "run", "--dataset", "web", "--num", "2", "--batch", "2")


def test_a_folder_is_imported_captioned_and_scored(
    shell: Shell, folder: Path, loaded: list[str]
) -> None:
    rows = shell.rows(*RUN, folder)
    assert loaded == ["stickers-opt", "stickers-itm"]
    problem, note, counts, *texts, end = rows
    assert "SVG" in problem["problem"] and "broken.png" in problem["name"]
    assert "Control characters" in note["problem"]  # of the text of an image
    assert (counts["imported"], counts["known"], counts["problems"]) == (3, 0, 1)
    assert (counts["images_read"], counts["images_refused"], counts["texts_read"]) == (4, 1, 2)
    assert (end["status"], end["done"], end["failed"]) == ("done", 3, 0)
    assert end["accept"] + end["reject"] == len(texts)
    assert {text["source"] for text in texts} == {"web", "synthetic"}
    assert all(0 <= text["itm"] <= 1 and -1 <= text["itc"] <= 1 for text in texts)
    assert all(
        text["kept"] == (text["itm"] >= 0.5) for text in texts if "same" not in text["reason"]
    )


def test_texts_inside_images_are_imported_unless_told_otherwise(
    shell: Shell, tmp_path: Path, loaded: list[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/a.jpg").write_bytes(saved("JPEG", exif=exif({0x010E: b"a dog inside"})))
    without = shell.rows(*RUN, tmp_path / "a", "--no-metadata-texts")[0]
    assert (without["imported"], without["texts_read"]) == (1, 0)
    counts = shell.rows(*RUN, tmp_path / "a")[0]
    assert (counts["images_known"], counts["texts_new"]) == (1, 1)


def test_a_table_may_name_images_elsewhere_below_a_root(
    shell: Shell, tmp_path: Path, loaded: list[str]
) -> None:
    top = tmp_path / "coco"
    for name in ("annotations", "val"):
        (top / name).mkdir(parents=True)
    (top / "val/1.jpg").write_bytes(saved("JPEG"))
    table = top / "annotations/t.csv"
    table.write_text("file_name,text\n1.jpg,a dog\n", "utf-8")
    assert shell.rows(*RUN, table, "--root", top)[0]["texts_new"] == 1


@pytest.mark.parametrize("mode", ["sample", "greedy", "beam"])
def test_the_same_call_again_computes_nothing(
    shell: Shell, folder: Path, loaded: list[str], mode: str
) -> None:
    first = shell.rows(*RUN, "--mode", mode, folder)[-1]
    again = shell.rows(*RUN, "--mode", mode, folder)
    counts = again[-2]
    assert (counts["imported"], counts["known"], counts["problems"]) == (0, 3, 1)
    assert (counts["images_known"], counts["texts_known"], counts["texts_new"]) == (3, 2, 0)
    assert again[-1] == first


def test_notes_are_no_problems_and_what_was_not_used_is_told(
    shell: Shell, folder: Path, loaded: list[str]
) -> None:
    table = "file_name;legend\nbroken.png;caf\xe9 au lait\n"
    (folder / "t.csv").write_bytes(table.encode("latin-1"))
    lines = shell.lines(*RUN, folder)
    assert any(line.startswith("t.csv\tnote: The file is not UTF-8") for line in lines)
    assert "t.csv, column legend\tnot used: looks like texts: --text-column legend" in lines
    assert any(line.startswith("imported 3, known 0, problems 1;") for line in lines)


def test_hostile_texts_are_shown_on_one_harmless_line(
    shell: Shell, folder: Path, loaded: list[str]
) -> None:
    lines = shell.lines(*RUN, folder)
    assert not [line for line in lines if "\x1b" in line]
    assert [line for line in lines if "=cmd() <script>" in line]
    assert lines[-1].startswith("run 2 is done: 3 images, 0 problems")


def test_an_interrupted_run_is_resumed_as_it_was(
    shell: Shell, folder: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = capfilt_run.add_scores
    calls: list[int] = []

    def interrupted(*arguments: Any, **settings: Any) -> None:
        store(*arguments, **settings)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(capfilt_run, "add_scores", interrupted)
    assert shell.code(*RUN, "--seed", "9", folder) == 130
    (run, _) = (row for row in shell.rows("capfilt", "status") if "run" in row)
    assert (run["kind"], run["status"], run["done"]) == ("capfilt", "paused", 2)
    loaded.clear()
    end = shell.rows("capfilt", "run", "--dataset", "web", "--resume")[-1]
    assert loaded == ["tiny-blip2", "tiny-blip2"]  # those of the run, not the usual ones
    assert (end["run"], end["done"], end["status"]) == (run["run"], 3, "done")
    assert "No run over web waits" in shell.error("capfilt", "run", "--dataset", "web", "--resume")


@pytest.mark.usefixtures("loaded")
def test_a_run_that_was_killed_is_not_called_running(shell: Shell, folder: Path) -> None:
    shell.rows(*RUN, folder)
    database = open_database(str(shell.file))
    with database.write() as session:
        start_run(session, run_id=2)
    assert shell.rows("capfilt", "status")[1]["status"] == "running"  # its process lives
    database.close()
    assert shell.rows("capfilt", "status")[1]["status"] == "interrupted"
    line = shell.lines("capfilt", "status")[1]
    way_on = "blip2 capfilt run --dataset web --resume --captioner PATH_OF/tiny-blip2"
    assert line.endswith(f"resume with `{way_on}`")  # a model of no name in the table


@pytest.mark.usefixtures("loaded")
def test_an_import_that_was_done_again_is_not_called_interrupted(
    shell: Shell, folder: Path
) -> None:
    shell.rows(*RUN, folder)
    database = open_database(str(shell.file))
    with database.write() as session:
        start_run(session, run_id=1)  # the import, as if it had been killed
    database.close()
    killed = shell.rows("capfilt", "status")[-1]
    assert (killed["status"], killed["done_by"]) == ("interrupted", None)
    shell.rows(*RUN, folder)
    again, _, redone = shell.rows("capfilt", "status")[1:]
    assert (again["kind"], again["status"]) == ("import", "done")
    assert (redone["status"], redone["done_by"], redone["hint"]) == ("done again", again["run"], "")
    assert f"done again by run {again['run']}" in shell.lines("capfilt", "status")[-1]


@pytest.mark.usefixtures("loaded")
def test_a_run_that_another_did_is_not_resumed(shell: Shell, folder: Path) -> None:
    shell.rows(*RUN, folder)
    database = open_database(str(shell.file))
    with database.write() as session:
        done = get_run(session, run_id=2)
        new = NewRun(
            kind="capfilt",
            code_version="1",
            dataset_id=done.dataset_id,
            model=done.model,
            revision=done.revision,
            parameters=done.parameters,
        )
        later = create_run(session, new).id
        start_run(session, run_id=later)
        heartbeat(session, run_id=later, done=3)
        finish_run(session, run_id=later, status="done")
        finish_run(session, run_id=2, status="failed", error="killed")
    database.close()
    resume = ("capfilt", "run", "--dataset", "web", "--resume")
    assert "No run over web waits to be resumed" in shell.error(*resume)


@pytest.mark.usefixtures("loaded")
def test_rules_change_without_a_model(
    shell: Shell, folder: Path, loaded: list[str], tmp_path: Path
) -> None:
    shell.rows(*RUN, folder)
    loaded.clear()
    (low,) = shell.rows("capfilt", "rescore", "--dataset", "web", "--threshold", "0")
    (high,) = shell.rows("capfilt", "rescore", "--dataset", "web", "--threshold", "1")
    assert loaded == [] and low["items_kept"] == 3
    assert low["accept"] > high["accept"] == 0
    (ranked,) = shell.rows("capfilt", "rescore", "--dataset", "web", "--rules", "blip2")
    assert ranked["accept"] <= 6
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"threshold": 0.0, "top_k": 1}))
    (one,) = shell.rows("capfilt", "rescore", "--dataset", "web", "--rules", rules)
    assert one["accept"] == one["items_kept"] == 3
    (kept,) = shell.rows("capfilt", "rescore", "--dataset", "web")  # the rules of the dataset
    assert kept == one
    rules.write_text(json.dumps({"treshold": 0.0}))
    call = ("capfilt", "rescore", "--dataset", "web", "--rules")
    assert "unknown settings: treshold" in shell.error(*call, rules)
    assert "rules (mine) must be paper, blip2" in shell.error(*call, "mine")


def test_another_filter_scores_anew(shell: Shell, folder: Path, loaded: list[str]) -> None:
    shell.rows(*RUN, folder)
    loaded.clear()
    shell.rows("capfilt", "rescore", "--dataset", "web", "--filter", "stickers-itm")
    assert loaded == ["stickers-itm"]
    kinds = {row["kind"]: row["status"] for row in shell.rows("capfilt", "status") if "run" in row}
    assert kinds == {"import": "done", "capfilt": "done", "score": "done"}


@pytest.mark.usefixtures("loaded")
def test_status_tells_of_datasets_and_runs(shell: Shell, folder: Path) -> None:
    shell.rows(*RUN, folder)
    dataset, newest, oldest = shell.rows("capfilt", "status")
    assert dataset == {"dataset": "web", "items": 3, "statuses": {"pending": 3}}
    assert (newest["kind"], oldest["kind"], oldest["failed"]) == ("capfilt", "import", 1)
    lines = shell.lines("capfilt", "status")
    assert lines[0] == "web\t3 items\tpending 3"
    assert "\tdone\t3/3\t" in lines[1] and "\tdone\t3\t1 problem\t" in lines[2]
    assert "There is no dataset other" in shell.error("capfilt", "status", "--dataset", "other")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--captioner", "nonsense"), "There is no model 'nonsense'"),
        (("--captioner", "stickers-itm"), "stickers-itm is a matcher, not a generator"),
        (("--filter", "nonsense"), "There is no model 'nonsense'"),
        (("--threshold", "7"), "'--threshold': Input should be less than"),
        (("--threshold", "-0.5"), "threshold (-0.5) must be from 0 to 1"),
        (("--rules", "mine"), "rules (mine) must be paper, blip2"),
    ],
)
def test_a_wrong_call_imports_nothing(
    shell: Shell, folder: Path, loaded: list[str], options: tuple[str, ...], message: str
) -> None:
    assert message in shell.error(*RUN, *options, folder)
    assert loaded == []
    if shell.file.exists():
        assert shell.rows("capfilt", "status") == []


def test_a_model_that_cannot_be_had_imports_nothing(
    shell: Shell, folder: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ModelUnavailableError("not downloaded")

    monkeypatch.setattr(loading, "load_matcher", missing)
    assert "not downloaded" in shell.error(*RUN, folder)
    assert shell.rows("capfilt", "status") == []


@pytest.mark.usefixtures("loaded")
def test_mistakes_are_one_line(shell: Shell) -> None:
    assert "there are: none yet" in shell.error("capfilt", "run", "--dataset", "web")
    assert "num (9)" in shell.error(*RUN, "--mode", "beam", "--num", "9")


@pytest.mark.parametrize("kind", ["capfilt", "score"])
def test_what_failed_is_tried_again(
    shell: Shell, folder: Path, loaded: list[str], kind: str
) -> None:
    end = shell.rows(*RUN, folder)[-1]
    number = end["run"]
    if kind == "score":
        shell.rows("capfilt", "rescore", "--dataset", "web", "--filter", "stickers-itm")
        number += 1
    assert f"Nothing failed in run {number}" in shell.error("capfilt", "retry", str(number))
    database = open_database(str(shell.file))
    with database.write() as session:
        problem = Problem(name="item 1", reason="The image was away.")
        add_problem(session, run_id=number, problem=problem, item_id=1)
        get_run(session, run_id=number).failed += 1
    database.close()
    (queued,) = shell.rows("capfilt", "retry", str(number), "--queue")
    assert queued == {"run": number, "queued": 1}
    database = open_database(str(shell.file))
    with database.write() as session:
        add_problem(session, run_id=number, problem=problem, item_id=1)
        get_run(session, run_id=number).failed += 1
    database.close()
    loaded.clear()
    if kind == "score":  # a model that came from a folder has no name in the table
        last = shell.rows("capfilt", "retry", str(number), "--filter", "stickers-itm")[-1]
        assert loaded == ["stickers-itm"]
    else:
        last = shell.rows("capfilt", "retry", str(number), *PATHS)[-1]
        assert len(loaded) == 2
    assert (last["run"], last["status"], last["failed"]) == (number, "done", 0)
    assert "There is no run number 99" in shell.error("capfilt", "retry", "99")


PATHS = ("--captioner", "stickers-opt", "--filter", "stickers-itm")
