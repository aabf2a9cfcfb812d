"""Jobs: claimed once, paused, cancelled, resumed, and their problems page by page."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from blip2core.errors import StorageError
from blip2core.records import Problem
from blip2core.storage import Database
from blip2core.storage.captions import add_captions
from blip2core.storage.columns import utc_now
from blip2core.storage.run_problems import add_problem, count_problems, list_problems
from blip2core.storage.runs import (
    ComparedItem,
    NewRun,
    claim_run,
    compare_runs,
    create_run,
    done_again,
    finish_run,
    get_run,
    heartbeat,
    list_runs,
    refuse_alive,
    request_cancel,
    request_pause,
    resume_run,
    run_scores,
    start_run,
    unfinished_run,
    was_interrupted,
)
from blip2core.storage.schema import Run
from tests.storage.world import captioning, fill, score_item


def new_run(database: Database, **changes: object) -> int:
    with database.write() as session:
        return create_run(session, NewRun(**{"kind": "import", "code_version": "1"} | changes)).id


def claim(database: Database, **arguments: object) -> int | None:
    with database.write() as session:
        run = claim_run(session, kinds=["import"], **arguments)
        return run and run.id


def status(database: Database, run_id: int) -> str:
    with database.read() as session:
        return get_run(session, run_id=run_id).status


def test_each_run_is_claimed_once_oldest_first(database: Database) -> None:
    first, second = new_run(database), new_run(database)
    assert [claim(database), claim(database), claim(database)] == [first, second, None]
    assert status(database, first) == "running"


@pytest.mark.parametrize(("hours", "kept"), [(0, "pause"), (1, "")])
def test_what_is_asked_of_a_claimed_run_is_kept_until_it_starts(
    database: Database, hours: int, kept: str
) -> None:
    """Its models may load for minutes; of one that was killed, nobody remembers."""
    run_id = new_run(database)
    claim(database)
    with database.write() as session:
        request_pause(session, run_id=run_id).heartbeat_at = utc_now() - timedelta(hours=hours)
    with database.write() as session:
        start_run(session, run_id=run_id)
    with database.write() as session:
        assert heartbeat(session, run_id=run_id) == kept


def test_a_killed_run_is_claimed_again(database: Database) -> None:
    first = new_run(database)
    assert claim(database) == first
    with database.write() as session:
        session.get_one(Run, first).heartbeat_at = utc_now() - timedelta(seconds=90)
    assert claim(database, stale_after=100) is None
    assert claim(database) == first
    assert claim(database) is None


def test_a_run_without_signs_of_life_was_interrupted(database: Database) -> None:
    run_id = new_run(database)
    with database.write() as session:
        run = get_run(session, run_id=run_id)
        assert not was_interrupted(run, has_owner=False)  # it only waits
        start_run(session, run_id=run_id)
        assert not was_interrupted(run, has_owner=database.has_owner())
        assert was_interrupted(run, has_owner=False)
        run.heartbeat_at = utc_now() - timedelta(seconds=61)
        assert was_interrupted(run)
        finish_run(session, run_id=run_id, status="done")
        assert not was_interrupted(run, has_owner=False)


def ended(database: Database, status: str | None, done: int, **changes: Any) -> int:
    """A run with this end, or that was killed where `status` is None -> its number."""
    number = new_run(database, **changes)
    with database.write() as session:
        start_run(session, run_id=number)
        heartbeat(session, run_id=number, done=done)
        if status is None:
            session.get_one(Run, number).heartbeat_at = utc_now() - timedelta(hours=1)
        else:
            finish_run(session, run_id=number, status=status)
    return number


def test_a_run_that_was_done_again_is_not_left_over(database: Database) -> None:
    parameters = {"input": "birds.zip"}
    killed = ended(database, None, 3, parameters=parameters)
    failed = ended(database, "failed", 2, parameters=parameters)
    paused = ended(database, "paused", 5, parameters=parameters)
    cancelled = ended(database, "cancelled", 1, parameters=parameters)
    other = ended(database, None, 1, parameters={"input": "cats.zip"})
    longer = ended(database, None, 9, parameters=parameters)
    done = ended(database, "done", 5, parameters=parameters)
    alive = new_run(database, parameters=parameters)
    ended(database, "done", 9, parameters={"input": "else.zip"})
    later = ended(database, None, 1, parameters=parameters)
    with database.write() as session:
        start_run(session, run_id=alive)
    with database.read() as session:
        runs = list_runs(session)
        again = done_again(session, runs)
        assert again == {killed: done, failed: done, paused: done}
        assert not again.keys() & {cancelled, other, longer, alive, later, done}
        assert done_again(session, [get_run(session, run_id=done)]) == {}
    assert ended(database, "done", 5, parameters=parameters) > alive
    with database.read() as session:
        runs = list_runs(session)
        assert alive not in done_again(session, runs)
        assert alive in done_again(session, runs, has_owner=False)


def test_a_clock_that_was_set_back_keeps_no_killed_run_alive(database: Database) -> None:
    run_id = new_run(database)
    assert claim(database) == run_id
    with database.write() as session:
        run = get_run(session, run_id=run_id)
        run.heartbeat_at = utc_now() + timedelta(hours=6)  # by the clock of then
        assert was_interrupted(run)
    assert claim(database) == run_id
    assert claim(database) is None
    with database.write() as session:  # a studio on another machine may be seconds ahead
        get_run(session, run_id=run_id).heartbeat_at = utc_now() + timedelta(seconds=20)
    assert claim(database) is None
    assert claim(database, stale_after=0.0) == run_id  # of a studio that knows it is alone


def test_a_run_that_was_just_put_down_is_left_to_whoever_did(database: Database) -> None:
    run_id = new_run(database)
    assert claim(database, queued_for=60.0) is None
    with database.write() as session:
        get_run(session, run_id=run_id).created_at = utc_now() - timedelta(seconds=61)
    with database.write() as session:
        heartbeat(session, run_id=run_id)
    assert claim(database, queued_for=60.0) is None
    with database.write() as session:
        get_run(session, run_id=run_id).heartbeat_at = utc_now() - timedelta(seconds=61)
    assert claim(database, queued_for=60.0) == run_id


def test_counts_and_requests(database: Database) -> None:
    number = new_run(database, total=10)
    with database.write() as session:
        start_run(session, run_id=number)
        assert heartbeat(session, run_id=number, done=3) == ""
        assert heartbeat(session, run_id=number, done=2, failed=1, total=12) == ""
        request_pause(session, run_id=number)
        assert heartbeat(session, run_id=number) == "pause"
        run = finish_run(session, run_id=number, status="paused")
        assert (run.done, run.failed, run.total, run.finished_at) == (5, 1, 12, None)
        request_cancel(session, run_id=number)
    assert status(database, number) == "cancelled"
    with pytest.raises(StorageError, match="cancelled already"), database.write() as session:
        request_pause(session, run_id=number)
    with database.write() as session:
        resume_run(session, run_id=number)
    assert claim(database) == number


def test_a_waiting_run_is_paused_at_once(database: Database) -> None:
    number = new_run(database)
    with database.write() as session:
        request_pause(session, run_id=number)
    assert claim(database) is None
    with database.write() as session:
        resume_run(session, run_id=number)
    assert claim(database) == number
    with database.write() as session:
        failed = finish_run(session, run_id=number, status="failed", error="disk\0 full")
        assert (failed.error, failed.finished_at is not None) == ("disk full", True)
        finish_run(session, run_id=number, status="done")
    with pytest.raises(StorageError, match="done"), database.write() as session:
        resume_run(session, run_id=number)


def test_an_unfinished_run_is_found_by_its_parameters(database: Database) -> None:
    fill(database, items=1)
    settings = {"dataset_id": 1, "parameters": {"num": 3, "p": 0.9}}
    number = new_run(database, **settings)
    with database.write() as session:
        find = {"dataset_id": 1, "kind": "import"}
        found = unfinished_run(session, **find, parameters={"p": 0.9, "num": 3})
        assert found.id == number
        assert unfinished_run(session, **find, parameters={"num": 4}) is None
        finish_run(session, run_id=number, status="done")
        assert unfinished_run(session, **find, parameters=settings["parameters"]) is None


def test_problems_come_page_by_page(database: Database) -> None:
    number = new_run(database)
    with database.write() as session:
        for name in ("a\0", "b", "<script>"):
            add_problem(session, run_id=number, problem=Problem(name=name, reason="Bad."))
        first = list_problems(session, run_id=number, limit=2)
        rest = list_problems(session, run_id=number, after=first[-1].id)
        assert [one.name for one in [*first, *rest]] == ["a", "b", "<script>"]
        assert count_problems(session, run_id=number) == 3


def test_runs_are_listed_newest_first(database: Database) -> None:
    numbers = [new_run(database) for _ in range(3)]
    claim(database)
    with database.read() as session:
        assert [run.id for run in list_runs(session)] == numbers[::-1]
        assert [run.id for run in list_runs(session, before=numbers[2])] == numbers[1::-1]
        assert [run.id for run in list_runs(session, statuses=["running"])] == numbers[:1]
        assert list_runs(session, dataset_id=1) == []


def test_two_runs_on_the_same_items(database: Database) -> None:
    world = fill(database, items=3, itm=(0.3, 0.8))
    with database.write() as session:
        other = create_run(session, captioning(world.dataset_id)).id
        for item_id in (1, 3):
            add_captions(session, run_id=other, item_id=item_id, texts=["other"])
        score_item(session, world, 1, (0.3, 0.8, 0.6))
        found = compare_runs(session, first_id=world.run_id, second_id=other)
        assert found[0] == ComparedItem(
            item_id=1, first=(("a drawn bird 0", 0.8),), second=(("other", 0.6),)
        )
        assert found[1].second == (("other", None),)
        assert [one.item_id for one in found] == [1, 3]
        after = compare_runs(session, first_id=world.run_id, second_id=other, after=1)
        assert [one.item_id for one in after] == [3]
        assert run_scores(session, run_id=world.run_id) == [0.8, 0.8, 0.8]
        assert run_scores(session, run_id=world.run_id, item_ids_of=other) == [0.8, 0.8]
        assert run_scores(session, run_id=other) == [0.6]


def test_a_run_there_is_not(database: Database) -> None:
    with database.write() as session:
        for function in (get_run, start_run, heartbeat, request_pause):
            with pytest.raises(StorageError, match="no run number 9"):
                function(session, run_id=9)
        assert session.scalar(text("SELECT count(*) FROM runs")) == 0


def test_a_run_that_is_alive_is_refused(database: Database) -> None:
    run_id = new_run(database)
    with database.write() as session:
        refuse_alive(session, run_id=run_id)  # it waits
        start_run(session, run_id=run_id).heartbeat_at = utc_now() - timedelta(seconds=7)
    with (
        pytest.raises(StorageError, match=r"its last sign of life was 7 s ago"),
        database.write() as session,
    ):
        refuse_alive(session, run_id=run_id)
    with database.write() as session:
        get_run(session, run_id=run_id).heartbeat_at = utc_now() - timedelta(seconds=61)
    with database.write() as session:
        refuse_alive(session, run_id=run_id)
        finish_run(session, run_id=run_id, status="paused")
        refuse_alive(session, run_id=run_id)
