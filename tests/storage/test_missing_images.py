"""Missing and altered images are found, and nothing is accepted about them."""

import shutil
from pathlib import Path

import pytest

from blip2core.errors import StorageError
from blip2core.storage import Database, missing_images
from blip2core.storage.batches import Choice
from blip2core.storage.missing_images import (
    check_images,
    refuse_missing_images,
    wanted_images,
    with_images,
)
from blip2core.storage.takedown import plan_takedown, take_down
from tests.storage.world import facts, fill


def path_of(database: Database, number: int) -> Path:
    return database.images.path(facts(number).sha256, format="PNG")


def test_each_problem_is_named(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_images, "IMAGES_PER_PAGE", 2)
    fill(database, items=5)
    assert len(list(wanted_images(database.engine))) == 5
    assert check_images(database.engine, database.images).problems == ()
    gone, altered, short = (path_of(database, number) for number in (1, 2, 4))
    gone.unlink()
    altered.write_bytes(b"image X")
    short.write_bytes(b"")
    found = check_images(database.engine, database.images)
    assert found.images == 5
    assert found.problems == (
        f"the image {gone} is missing",
        f"the image {altered} was altered: its bytes have another hash",
        f"the image {short} has 0 bytes instead of 7",
    )
    quick = check_images(database.engine, database.images, quick=True)
    assert quick.problems == (found.problems[0], found.problems[2])


def test_a_folder_that_is_gone_is_one_problem(database: Database) -> None:
    assert check_images(database.engine, database.images).problems == ()  # there are no images
    fill(database, items=3)
    shutil.rmtree(database.images.root)
    (problem,) = check_images(database.engine, database.images, quick=True).problems
    assert problem.endswith("is not there: 3 are missing")


def test_what_was_taken_down_is_not_missing(database: Database) -> None:
    fill(database, items=2)
    take_down(database, plan_takedown(database, ["1"]))
    assert not path_of(database, 0).exists()
    found = check_images(database.engine, database.images)
    assert (found.images, found.problems) == (1, ())
    with database.read() as session:
        refuse_missing_images(session, database.images, item_ids=[1, 2])


def test_nothing_is_accepted_about_an_image_that_is_missing(database: Database) -> None:
    fill(database, items=3)
    path = path_of(database, 1)
    path.write_bytes(b"")
    with database.read() as session:
        refuse_missing_images(session, database.images, item_ids=[1, 3])
        told = rf"image of item 2 is missing or damaged \({path}\), so nothing can be accepted"
        with pytest.raises(StorageError, match=told):
            refuse_missing_images(session, database.images, item_ids=[1, 2, 3])
        shutil.rmtree(database.images.root)
        with pytest.raises(StorageError, match=f"folder of the images, {database.images.root}, is"):
            refuse_missing_images(session, database.images, item_ids=[1])


def test_a_batch_that_only_rejects_needs_no_image(database: Database) -> None:
    fill(database, items=2)
    path_of(database, 0).unlink()
    reject = Choice(item_id=1, caption_id=1, action="reject")
    accept = Choice(item_id=2, caption_id=3, action="accept")
    with database.read() as session:
        assert list(with_images(session, database.images, [reject, accept])) == [reject, accept]
        wrong = Choice(item_id=1, caption_id=2, action="accept")
        with pytest.raises(StorageError, match="item 1 is missing"):
            list(with_images(session, database.images, [accept, wrong]))
