"""Which folders and addresses an import may read, and how far its jobs are."""

from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app.jobs import Import
from app.roles import MAY, Visitor
from app.services import Services
from blip2core.intake import Reading, Sums
from blip2core.storage.database import Database
from blip2core.storage.runs import NewRun, create_run, finish_run, get_run, note_sums, start_run
from blip2core.storage.schema import Dataset
from tests.app.curator.conftest import Open, change_settings

FETCH = "Fetch images from the addresses in tables"


def import_path(page: AppTest, path: Path) -> None:
    """Fills in a folder or file of the machine, and imports it."""
    page.text_input("into").set_value("mine").run()
    page.text_input("path-0").set_value(str(path)).run()
    next(one for one in page.button if one.label == "Import").click().run()
    assert not page.exception


@pytest.fixture
def root(tmp_path: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that imports may read."""
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    change_settings(monkeypatch, services, import_root=root)
    return root


@pytest.mark.parametrize("path", ["beside", "root/../beside", "root/link", "missing"])
def test_no_folder_outside_the_root_is_read_or_told_of(
    root: Path, open_page: Open, services: Services, database: Database, path: str
) -> None:
    (root / "link").symlink_to(root.parent / "beside")
    page = open_page("inbox")
    import_path(page, root.parent / path)
    assert page.info[0].value == "That folder may not be read from here."
    assert services.jobs.added == []
    with database.read() as session:
        assert session.scalars(select(Dataset.name)).all() == ["samples"]


def test_a_folder_in_the_root_is_imported(
    root: Path, open_page: Open, services: Services, database: Database
) -> None:
    page = open_page("inbox")
    import_path(page, root / "folder")
    (job,) = services.jobs.added
    assert isinstance(job, Import) and job.sources == [root / "folder"]
    assert (job.label, job.dataset, job.downloads) == ("folder", "mine", False)
    assert page.text_input("path-1").value == ""


def test_who_may_not_import_has_no_button_for_it(
    services: Services, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    judges = MAY["curator"] - {"import"}
    monkeypatch.setitem(MAY, "curator", judges)
    visitor = Visitor(role="curator", name="bob")
    monkeypatch.setattr("app.curator.context.visitor_of", lambda headers: visitor)
    page = open_page("inbox")
    assert page.info[0].value == "You are a curator here: curators of the studio import images."
    assert not {"Import", "Load the sample set"} & {one.label for one in page.button}
    assert services.jobs.added == []


def test_who_may_come_from_elsewhere_names_no_folder(
    open_page: Open, services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    change_settings(monkeypatch, services, users=tmp_path / "users")
    assert "path-0" not in [box.key for box in open_page("inbox").text_input]


@pytest.mark.parametrize("fetch", [True, False])
def test_addresses_are_fetched_only_where_that_is_wanted(
    open_page: Open,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fetch: bool,
) -> None:
    assert FETCH not in [box.label for box in open_page("inbox").checkbox]
    change_settings(monkeypatch, services, downloads=True)
    page = open_page("inbox")
    if fetch:
        next(box for box in page.checkbox if box.label == FETCH).check().run()
    import_path(page, tmp_path)
    (job,) = services.jobs.added
    assert isinstance(job, Import) and job.downloads is fetch


def test_a_job_that_does_more_than_it_was_to_do_is_full(
    open_page: Open, database: Database
) -> None:
    with database.write() as session:
        new = NewRun(kind="score", code_version="test", dataset_id=1, model="m", revision="0" * 40)
        run_id = create_run(session, new).id
        start_run(session, run_id=run_id)
        run = get_run(session, run_id=run_id)
        run.total, run.done = 2, 3
    page = open_page("inbox")
    (bar,) = page.main.get("progress")
    assert bar.proto.value == 100 and bar.proto.text == "3 of 2 images"


def test_a_running_import_says_how_far_it_is(open_page: Open, database: Database) -> None:
    reading = Reading(total_bytes=3_000_000_000, bytes=750_000_000, archives=8, archive=2)
    with database.write() as session:
        run_id = create_run(session, NewRun(kind="import", code_version="t", dataset_id=1)).id
        start_run(session, run_id=run_id)
        stored = reading.as_json() | {"images": 12_340, "seconds": 60.0}
        note_sums(session, run_id=run_id, sums=Sums().as_json(), reading=stored)
    (bar,) = open_page("inbox").main.get("progress")
    assert bar.proto.value == 25
    told = "750 MB of 3.0 GB, archive 2 of 8, 12,340 images, about 3 minutes left"
    assert bar.proto.text == told
    with database.write() as session:
        finish_run(session, run_id=run_id, status="done")
    assert not open_page("inbox").main.get("progress"), "one that has ended does not go on"
