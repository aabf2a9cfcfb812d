"""A studio moves from one database to another with its images."""

from pathlib import Path

import pytest
from sqlalchemy import text

from blip2core.errors import StorageError
from blip2core.storage import Database, open_database
from blip2core.storage.missing_images import check_images
from blip2core.storage.studio_copy import copy_studio
from blip2core.storage.table_copy import table_sums
from tests.storage.conftest import new_postgres_url
from tests.storage.full_studio import fill_every_table
from tests.storage.world import facts, fill


@pytest.fixture
def server(postgres_cluster: str) -> str:
    """A database of PostgreSQL without tables."""
    return new_postgres_url(postgres_cluster)


def reader(url: str, data: Path) -> Database:
    return open_database(url, data=data, owner=False)


def test_from_sqlite_to_postgresql_and_back(tmp_path: Path, server: str) -> None:
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    studio = open_database(str(here / "studio.db"))
    fill_every_table(studio)
    studio.close()
    file = (here / "studio.db").read_bytes()
    source = reader(str(here / "studio.db"), here)
    copied = copy_studio(source, server, data=there)
    assert (copied.images, copied.problems, copied.others) == (6, (), 0)
    assert copied.images_folder == there / "images"
    with source.engine.connect() as connection:
        assert copied.tables == table_sums(connection)
    source.close()
    assert (here / "studio.db").read_bytes() == file  # unchanged
    source = reader(server, there)
    returned = copy_studio(source, str(back / "studio.db"), data=back)
    assert (returned.tables, returned.images) == (copied.tables, 6)
    source.close()
    again = open_database(str(back / "studio.db"))
    assert check_images(again.engine, again.images).problems == ()
    again.close()


def test_images_that_both_use_are_not_copied(database: Database, tmp_path: Path) -> None:
    fill(database, items=2)
    url = database.url.render_as_string(hide_password=False)
    database.close()
    source = reader(url, tmp_path)
    copied = copy_studio(source, str(tmp_path / "copy.db"), data=tmp_path)
    assert (copied.images, copied.tables["images"].rows) == (0, 2)
    source.close()


def test_nobody_writes_to_the_source_meanwhile(tmp_path: Path) -> None:
    studio = open_database(str(tmp_path / "studio.db"))
    source = reader(str(tmp_path / "studio.db"), tmp_path)
    with pytest.raises(StorageError, match="Another process owns"):
        copy_studio(source, str(tmp_path / "copy.db"))
    studio.close()
    with pytest.raises(StorageError, match="already; name another"):
        copy_studio(source, str(tmp_path / "studio.db"))
    source.close()
    assert not (tmp_path / "copy.db").exists()


def test_other_connections_to_a_server_are_told(
    server: str, tmp_path: Path, sqlite_database: Database
) -> None:
    studio = open_database(server, data=tmp_path)
    source = reader(server, tmp_path)
    with studio.read() as session:
        session.execute(text("SELECT 1"))
        copied = copy_studio(source, str(tmp_path / "copy.db"), data=tmp_path)
    assert copied.others == 1
    source.close()
    studio.close()


def test_what_does_not_fit_is_told_before_an_image_is_copied(
    sqlite_database: Database, server: str, tmp_path: Path
) -> None:
    fill(sqlite_database, items=1)
    with sqlite_database.write() as session:
        session.execute(text("UPDATE sources SET license = char(0)"))
    file = str(sqlite_database.url.database)
    sqlite_database.close()
    source = reader(file, tmp_path)
    with pytest.raises(StorageError, match="Row 1 of the table sources .* license has a NUL"):
        copy_studio(source, server, data=tmp_path / "there")
    assert not (tmp_path / "there").exists()
    source.close()


def test_missing_images_are_told_and_a_missing_folder_is_refused(
    database: Database, tmp_path: Path
) -> None:
    fill(database, items=2)
    url = database.url.render_as_string(hide_password=False)
    database.images.path(facts(0).sha256, format="PNG").unlink()
    database.close()
    lost = reader(url, tmp_path / "nowhere")
    with pytest.raises(StorageError, match="set BLIP2_DATA"):
        copy_studio(lost, str(tmp_path / "copy" / "a.db"), data=tmp_path / "copy")
    lost.close()
    source = reader(url, tmp_path)
    copied = copy_studio(source, str(tmp_path / "copy" / "b.db"), data=tmp_path / "copy")
    assert copied.images == 1 and facts(0).sha256 in copied.problems[0]
    source.close()
