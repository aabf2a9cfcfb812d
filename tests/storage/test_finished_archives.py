"""What an import has finished is known until it ends, or until an image of it is taken down."""

from blip2core.storage import Database
from blip2core.storage.finished_archives import (
    finish_archive,
    finished_archives,
    forget_archives_of_run,
    take_over_archive,
)
from blip2core.storage.items import purge_image
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
