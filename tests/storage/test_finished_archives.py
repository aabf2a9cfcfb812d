"""What an import has finished is known until it ends, or until an image of it is taken down."""

from datetime import timedelta

import pytest

from blip2core.storage import Database
from blip2core.storage.columns import utc_now
from blip2core.storage.finished_archives import (
    finish_archive,
    finished_archives,
    forget_archives_of_run,
    take_over_archive,
)
from blip2core.storage.items import purge_image
from blip2core.storage.runs import RUN_STALE_SECONDS, finish_run, start_run
from blip2core.storage.schema import Run
from tests.storage.world import World, facts, fill, new_world

KEY = "a" * 64
OUTCOME = {"sums": {"images_new": 3}, "problems": []}


def finish(database: Database, world: World, key: str = KEY) -> None:
    with database.write() as session:
        finish_archive(
            session,
            dataset_id=world.dataset_id,
            run_id=world.run_id,
            key=key,
            name="00001\0.tar",
            outcome=OUTCOME,
        )


def end(database: Database, world: World, *, is_alone: bool = False) -> None:
    with database.write() as session:
        finish_run(session, run_id=world.run_id, status="done")
        forget_archives_of_run(session, run_id=world.run_id, is_alone=is_alone)


def known(database: Database, world: World) -> list[str]:
    with database.read() as session:
        return list(finished_archives(session, dataset_id=world.dataset_id))


def test_a_later_run_takes_it_over(database: Database) -> None:
    with database.write() as session:
        world, later = new_world(session), new_world(session)
        other = new_world(session, "other")
    finish(database, world)
    finish(database, world)  # twice is once
    assert (known(database, world), known(database, other)) == ([KEY], [])
    where = {"dataset_id": later.dataset_id, "run_id": later.run_id}
    with database.write() as session:
        assert take_over_archive(session, key=KEY, **where) == OUTCOME
        assert take_over_archive(session, key="b" * 64, **where) is None
        forget_archives_of_run(session, run_id=world.run_id)
    assert known(database, world) == [KEY], "it is of the later run now"
    with database.write() as session:
        forget_archives_of_run(session, run_id=later.run_id)
    assert known(database, world) == []


@pytest.mark.parametrize(("heartbeat", "left"), [(0, [KEY]), (2 * RUN_STALE_SECONDS, [])])
def test_what_another_import_may_have_passed_over_is_forgotten_when_that_ends(
    database: Database, heartbeat: float, left: list[str]
) -> None:
    """But where that was killed it does not end any more."""
    with database.write() as session:
        world, other = new_world(session), new_world(session)
        new_world(session, "other")
        for one in (world, other):
            start_run(session, run_id=one.run_id)
        run = session.get_one(Run, other.run_id)
        run.heartbeat_at = utc_now() - timedelta(seconds=heartbeat)
    finish(database, world)
    end(database, world)
    assert known(database, world) == left
    end(database, other)
    assert known(database, world) == []


def test_where_no_other_import_can_be_under_way_all_is_forgotten(database: Database) -> None:
    """One that was killed a moment ago looks as if it were."""
    with database.write() as session:
        world, killed = new_world(session), new_world(session)
        start_run(session, run_id=killed.run_id)
    finish(database, world)
    end(database, world, is_alone=True)
    assert known(database, world) == []


def test_a_takedown_forgets_what_was_finished_in_its_datasets(database: Database) -> None:
    """Else an import that passes over the archive would call the image there."""
    world = fill(database, items=1)
    with database.write() as session:
        other = new_world(session, "other")
    finish(database, world)
    finish(database, other)
    with database.write() as session:
        purge_image(session, sha256=facts(0).sha256)
    assert (known(database, world), known(database, other)) == ([], [KEY])
