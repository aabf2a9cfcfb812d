"""A database and its folder of images know each other; another folder is refused by name."""

import os
import shutil
from pathlib import Path

import pytest

from blip2core.errors import StorageError
from blip2core.storage import Database, ImageStore, open_database, store_id
from blip2core.storage.schema import ImageStoreRecord
from blip2core.storage.store_id import check_store, read_store_id, write_store_id
from tests.storage.world import World, facts, fill


def store(folder: Path) -> ImageStore:
    return ImageStore(folder / "images")


def put(database: Database, numbers: range, folder: Path | None = None) -> None:
    """Lay files where the images of `fill` belong."""
    images = database.images if folder is None else store(folder)
    for number in numbers:
        path = images.path(facts(number).sha256, format="PNG")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"image")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


@pytest.fixture
def world(database_url: str, shared: Path) -> World:
    """Three images in the database, and in the folder `shared`; closed again."""
    database = open_database(database_url, data=shared)
    made = fill(database, items=3)
    put(database, range(3))
    database.close()
    return made


def forget(database_url: str, shared: Path) -> None:
    """As version 0.1 left it: neither has an id."""
    database = open_database(database_url, data=shared)
    with database.write() as session:
        session.delete(session.get_one(ImageStoreRecord, 1))
    database.close()
    (shared / "images" / store_id.FILE).unlink()


def test_a_new_database_and_a_new_folder_get_one_id(database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        database = open_database(database_url, data=tmp_path / "new")
        with database.read() as session:
            uid = session.get_one(ImageStoreRecord, 1).uid
            check_store(session, database.images)
        assert read_store_id(database.images) == uid
        database.close()


@pytest.mark.usefixtures("world")
def test_another_folder_is_refused_and_the_right_one_named(
    database_url: str, shared: Path, tmp_path: Path
) -> None:
    for other in ("empty", "of another database"):
        if other != "empty":
            write_store_id(store(tmp_path / other), "another")
        with pytest.raises(StorageError) as told:
            open_database(database_url, data=tmp_path / other)
        assert f"that is {shared / 'images'} on " in str(told.value)
        assert "BLIP2_DATA" in str(told.value)
        reader = open_database(database_url, data=tmp_path / other, owner=False)
        assert "is not the image store of this database" in reader.note
        reader.close()
    open_database(database_url, data=shared).close()  # nothing was changed


def test_two_fresh_studios_that_share_no_folder(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Before there is any image: the second one is told, and not only when images are missing."""
    from tests.storage.conftest import new_postgres_url

    url = new_postgres_url(request.getfixturevalue("postgres_cluster"))
    open_database(url, data=tmp_path / "first").close()
    with pytest.raises(StorageError, match=f"that is {tmp_path / 'first'}"):
        open_database(url, data=tmp_path / "second")


@pytest.mark.usefixtures("world")
def test_what_version_0_1_left_takes_its_folder(
    database_url: str, shared: Path, tmp_path: Path
) -> None:
    forget(database_url, shared)
    with pytest.raises(StorageError, match="the folder in which its images lie"):
        open_database(database_url, data=tmp_path / "empty")
    assert not (tmp_path / "empty" / "images" / store_id.FILE).exists()
    store(shared).path(facts(1).sha256, format="PNG").unlink()  # one is lost: it is still the one
    open_database(database_url, data=shared).close()
    assert read_store_id(store(shared))


@pytest.mark.usefixtures("world")
def test_a_store_may_move_and_be_restored(database_url: str, shared: Path, tmp_path: Path) -> None:
    """With its file, or with all its images."""
    moved = tmp_path / "moved"
    shutil.copytree(shared / "images", moved / "images")
    database = open_database(database_url, data=moved)
    with database.read() as session:
        assert session.get_one(ImageStoreRecord, 1).location.startswith(f"{moved / 'images'} on ")
    database.close()
    (moved / "images" / store_id.FILE).unlink()
    open_database(database_url, data=moved).close()
    assert read_store_id(store(moved)) == read_store_id(store(shared))
    (moved / "images" / store_id.FILE).unlink()
    store(moved).path(facts(2).sha256, format="PNG").unlink()  # half of a copy is no store
    with pytest.raises(StorageError, match="is not the image store"):
        open_database(database_url, data=moved)


@pytest.mark.usefixtures("world")
def test_a_lost_store_is_replaced_where_that_is_asked_for(
    database_url: str, tmp_path: Path
) -> None:
    database = open_database(database_url, data=tmp_path / "new", adopt=True)
    with database.read() as session:
        assert session.get_one(ImageStoreRecord, 1).uid == read_store_id(database.images)
    database.close()
    open_database(database_url, data=tmp_path / "new").close()


@pytest.mark.usefixtures("world")
def test_a_folder_that_is_gone_is_no_folder_of_lost_images(database_url: str, shared: Path) -> None:
    database = open_database(database_url, data=shared)
    os.rename(shared / "images", shared / "away")
    with database.read() as session, pytest.raises(StorageError, match="is not the image store"):
        check_store(session, database.images)
    os.rename(shared / "away", shared / "images")
    with database.read() as session:
        check_store(session, database.images)
    database.close()


def test_the_first_id_of_a_folder_stays(tmp_path: Path) -> None:
    assert write_store_id(store(tmp_path), "first") == "first"
    assert write_store_id(store(tmp_path), "second") == "first"
    assert [file.name for file in store(tmp_path).root.iterdir()] == [store_id.FILE]
    assert store(tmp_path).sweep(lambda sha256: False, older_than=0) == 0
    assert read_store_id(store(tmp_path)) == "first"


def test_a_folder_that_cannot_be_written(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be (written|read)"):
        open_database(database_url, data=tmp_path / "file")
