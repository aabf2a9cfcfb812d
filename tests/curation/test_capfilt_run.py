"""Each image is looked at once, whatever happens in between."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select

from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.curation import start_capfilt, start_rescore, work
from blip2core.errors import StorageError
from blip2core.storage import open_database
from blip2core.storage.captions import texts_of
from blip2core.storage.retries import retry_run
from blip2core.storage.run_problems import list_problems
from blip2core.storage.runs import get_run, list_runs, request_cancel, request_pause
from blip2core.storage.schema import Caption, Image, Run, RunProblem, Score, Scorer
from tests import tiny
from tests.curation.conftest import filled, web_image
from tests.resilience.quick_models import quick_capfilt

ROOT = Path(__file__).parents[2]


def run_of(database: Any, run_id: int) -> Run:
    with database.read() as session:
        return get_run(session, run_id=run_id)


def count(database: Any, table: Any) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def everything(database: Any) -> list[tuple[Any, ...]]:
    """Texts and scores in an order that does not depend on when they were stored."""
    query = (
        select(Caption.item_id, Caption.text, Scorer.head, Score.value)
        .join(Score, Score.caption_id == Caption.id)
        .join(Scorer, Scorer.id == Score.scorer_id)
    )
    with database.read() as session:
        return sorted(tuple(row) for row in session.execute(query))


def test_captions_and_scores_from_one_look(database, models, seen):
    dataset = filled(database, [web_image(n, "a cat") for n in range(5)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    steps = list(work(database, run_id, models))
    assert seen.images == 5 and len(steps) == 5
    run = run_of(database, run_id)
    assert (run.kind, run.status, run.done, run.failed, run.total) == ("capfilt", "done", 5, 0, 5)
    assert (run.model, run.seed) == (models.generator.spec.name, 5)
    with database.read() as session:
        for step in steps:
            texts = texts_of(session, item_id=step.item_id)
            assert {number for number, _ in step.scored} == {text.caption_id for text in texts}
            assert texts[0].source == "web" and len(texts) > 1
    assert count(database, Score) == 2 * count(database, Caption)


def test_the_same_again_looks_at_nothing(database, models, seen):
    dataset = filled(database, [web_image(n) for n in range(3)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    list(work(database, run_id, models))
    before, seen.images = everything(database), 0
    assert start_capfilt(database, dataset_id=dataset, models=models) == run_id
    assert list(work(database, run_id, models)) == []
    assert seen.images == 0 and everything(database) == before
    filled(database, [web_image(9, "new")])
    assert len(list(work(database, run_id, models))) == 1 and seen.images == 1


@pytest.mark.parametrize("mode", ["greedy", "beam"])
def test_so_it_does_where_nothing_is_sampled_and_no_seed_is_needed(database, models, seen, mode):
    captions = CaptionConfig(num=1, decode=DecodeConfig(mode=mode, max_new_tokens=4))
    models = replace(models, captions=captions)
    dataset = filled(database, [web_image(1)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    list(work(database, run_id, models))
    before, seen.images = everything(database), 0
    assert start_capfilt(database, dataset_id=dataset, models=models) == run_id
    assert list(work(database, run_id, models)) == []
    assert seen.images == 0 and everything(database) == before


def test_other_settings_are_another_run(database, models):
    dataset = filled(database, [web_image(1)])
    first = start_capfilt(database, dataset_id=dataset, models=models)
    other = CaptionConfig(num=1, decode=DecodeConfig(max_new_tokens=4))
    changed = replace(models, captions=other)
    assert start_capfilt(database, dataset_id=dataset, models=changed) != first
    assert start_capfilt(database, dataset_id=dataset, models=models) == first


def test_without_a_seed_a_done_run_is_not_taken_up(database, models):
    decode = replace(models.captions.decode, seed=None)
    unseeded = replace(models, captions=replace(models.captions, decode=decode))
    dataset = filled(database, [web_image(1)])
    first = start_capfilt(database, dataset_id=dataset, models=unseeded)
    assert start_capfilt(database, dataset_id=dataset, models=unseeded) == first
    list(work(database, first, unseeded))
    assert start_capfilt(database, dataset_id=dataset, models=unseeded) != first


def test_a_run_left_early_goes_on(database, models, seen):
    dataset = filled(database, [web_image(n, "a") for n in range(6)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    steps = work(database, run_id, models)
    done = [next(steps).item_id for _ in range(2)]
    steps.close()
    assert run_of(database, run_id).status == "paused"
    seen.images = 0
    rest = [step.item_id for step in work(database, run_id, models)]
    assert seen.images == 4 and not set(done) & set(rest)
    assert run_of(database, run_id).done == 6


@pytest.mark.parametrize(
    ("ask", "status"), [(request_pause, "paused"), (request_cancel, "cancelled")]
)
def test_a_run_does_what_it_is_asked(database, models, seen, ask, status):
    dataset = filled(database, [web_image(n) for n in range(10)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    results = []
    for step in work(database, run_id, models):
        results.append(step)
        if len(results) == 1:
            with database.write() as session:
                ask(session, run_id=run_id)
    assert 2 <= len(results) <= 4
    assert run_of(database, run_id).status == status and run_of(database, run_id).request == ""
    seen.images = 0
    list(work(database, run_id, models))
    assert seen.images == 10 - len(results) and run_of(database, run_id).status == "done"


def test_stop_pauses(database, models):
    dataset = filled(database, [web_image(1)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    stop = Event()
    stop.set()
    assert list(work(database, run_id, models, stop=stop)) == []
    assert run_of(database, run_id).status == "paused"


def test_a_lost_image_is_a_problem_and_not_tried_again(database, models):
    dataset = filled(database, [web_image(n, "a") for n in range(3)])
    with database.read() as session:
        lost = session.scalars(select(Image).order_by(Image.id)).all()[1]
    database.images.delete(lost.sha256, format=lost.format)
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    steps = list(work(database, run_id, models))
    assert [step.problem is None for step in steps] == [True, False, True]
    with database.read() as session:
        (problem,) = list_problems(session, run_id=run_id)
    run = run_of(database, run_id)
    assert problem.item_id == steps[1].item_id and (run.done, run.failed) == (2, 1)
    assert list(work(database, run_id, models)) == []


def test_a_run_fails_whole_where_its_images_are_away(database, models, seen):
    """In the middle of it: no item has a problem, and all of them are done when it goes on."""
    dataset = filled(database, [web_image(n, "a") for n in range(12)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    root, away = database.images.root, database.images.root.with_name("away")
    steps = work(database, run_id, models)
    first = next(steps)
    root.rename(away)
    with pytest.raises(StorageError, match="is not the image store of this database"):
        list(steps)
    run = run_of(database, run_id)
    assert (run.status, run.failed) == ("failed", 0) and str(root) in run.error
    assert first.problem is None and 1 <= run.done < 12
    with pytest.raises(StorageError, match="is not the image store"):
        list(work(database, run_id, models))
    away.rename(root)
    list(work(database, run_id, models))
    run = run_of(database, run_id)
    assert (run.status, run.done, run.failed, run.error) == ("done", 12, 0, None)
    assert count(database, RunProblem) == 0


def test_an_import_begins_no_store_where_its_own_is_away(database):
    filled(database, [web_image(1)])
    root, away = database.images.root, database.images.root.with_name("away")
    root.rename(away)
    with pytest.raises(StorageError, match="is not the image store"):
        filled(database, [web_image(2)])
    assert not root.exists()
    assert run_of(database, 2).status == "failed"


def test_what_failed_is_tried_again_and_nothing_else(database, models, seen):
    dataset = filled(database, [web_image(n, "a") for n in range(4)])
    with database.read() as session:
        lost = session.scalars(select(Image).order_by(Image.id)).all()[1]
    path = database.images.path(lost.sha256, format=lost.format)
    data = path.read_bytes()
    path.unlink()
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    list(work(database, run_id, models))
    before, texts = run_of(database, run_id), everything(database)
    assert (before.status, before.done, before.failed) == ("done", 3, 1)
    seen.images = 0
    assert database.run_write(lambda session: retry_run(session, run_id=run_id)) == 1
    again = run_of(database, run_id)
    assert (again.status, again.done, again.failed) == ("queued", 3, 0)
    list(work(database, run_id, models))  # it is still away
    assert (run_of(database, run_id).failed, everything(database)) == (1, texts)
    path.write_bytes(data)
    assert database.run_write(lambda session: retry_run(session, run_id=run_id, claim=True)) == 1
    assert run_of(database, run_id).status == "running"
    list(work(database, run_id, models, claimed=True))
    after = run_of(database, run_id)
    assert (after.status, after.done, after.failed) == ("done", 4, 0)
    assert seen.images == 1 and set(texts) < set(everything(database))
    with pytest.raises(StorageError, match="Nothing failed in run"):
        database.run_write(lambda session: retry_run(session, run_id=run_id))


def test_a_captioner_without_words_is_told_once(database, models, monkeypatch):
    dataset = filled(database, [web_image(1, "a")])
    monkeypatch.setattr(
        "blip2core.capfilt.pipeline.write_captions", lambda *args, **_: [[] for _ in args[2]]
    )
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    (step,) = work(database, run_id, models)
    assert len(step.scored) == 1
    with database.read() as session:
        (problem,) = list_problems(session, run_id=run_id)
    assert "wrote nothing" in problem.reason
    assert list(work(database, run_id, models)) == []
    with pytest.raises(StorageError, match="Nothing failed"):  # the same again would be the same
        database.run_write(lambda session: retry_run(session, run_id=run_id))


def test_an_error_is_the_end_of_a_run_and_is_kept(database, models, monkeypatch):
    dataset = filled(database, [web_image(1)])
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    monkeypatch.setattr("blip2core.curation.capfilt_run.add_scores", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(work(database, run_id, models))
    run = run_of(database, run_id)
    assert run.status == "failed" and "ZeroDivisionError" in run.error
    assert count(database, Caption) == 0  # texts and scores are one unit


def test_another_filter_scores_what_is_there(database, models, seen):
    dataset = filled(database, [web_image(n, "a cat") for n in range(3)])
    list(work(database, start_capfilt(database, dataset_id=dataset, models=models), models))
    captions, scores = count(database, Caption), count(database, Score)
    other = tiny.matcher(tiny.retrieval(seed=4), revision="b" * 40)
    filter_only = replace(models, matcher=other, generator=None)
    run_id = start_rescore(database, dataset_id=dataset, models=filter_only)
    seen.images = 0
    assert len(list(work(database, run_id, filter_only))) == 3
    assert seen.images == 0  # the captioner's encoder has nothing to do with it
    assert (count(database, Caption), count(database, Score)) == (captions, scores + 2 * captions)
    assert list(work(database, run_id, filter_only)) == []
    with database.read() as session:
        assert {run.kind: run.status for run in list_runs(session)}["score"] == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_killed_anywhere_it_goes_on_and_computes_nothing_twice(tmp_path, models, seen):
    whole = open_database(str(tmp_path / "whole" / "studio.db"))
    dataset = filled(whole, [web_image(n, "a cat", f"text {n}") for n in range(12)])
    list(work(whole, start_capfilt(whole, dataset_id=dataset, models=models), models))
    expected = everything(whole)
    whole.close()

    file = tmp_path / "killed" / "studio.db"
    started = open_database(str(file))
    filled(started, [web_image(n, "a cat", f"text {n}") for n in range(12)])
    started.close()
    script = [sys.executable, "-m", "tests.curation.killed_run", str(file)]
    killed = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert killed.returncode == 0, killed.stderr
    again = open_database(str(file))
    (run,) = (run for run in _runs(again) if run.kind == "capfilt")
    assert run.status == "running"  # nobody could say otherwise
    done = run.done
    assert done == 2 + 4  # a batch before the torn one, then two
    seen.images = 0
    run_id = start_capfilt(again, dataset_id=run.dataset_id, models=models)
    assert run_id == run.id
    rest = list(work(again, run_id, models))
    assert len(rest) == seen.images == 12 - done
    assert everything(again) == [(*row[:3], pytest.approx(row[3], abs=1e-6)) for row in expected]
    again.close()


def test_a_run_that_was_taken_over_captions_nothing_twice(database):
    """As after a jump of the clock: the first worker goes on, and knows of no other."""
    dataset = filled(database, [web_image(n, "a cat") for n in range(6)])
    models = quick_capfilt()  # whose texts are new each time
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    first = work(database, run_id, models)
    next(first)
    assert len(list(work(database, run_id, models, claimed=True))) == 4
    list(first)
    assert count(database, Caption) == 6 + 6 * models.captions.num
    assert count(database, Score) == 2 * count(database, Caption)


def _runs(database: Any) -> list[Run]:
    with database.read() as session:
        return list_runs(session)
