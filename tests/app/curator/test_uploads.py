"""What comes in through the inbox, and what its jobs say."""

import pytest
from sqlalchemy import select

from app.jobs import Import
from app.services import Services
from blip2core.errors import StorageError
from blip2core.formats.files import TABLE_SUFFIXES
from blip2core.records import Problem
from blip2core.storage.database import Database
from blip2core.storage.datasets import get_or_create_dataset
from blip2core.storage.run_problems import add_problem
from blip2core.storage.runs import NewRun, create_run, finish_run, start_run
from blip2core.storage.schema import Dataset
from tests.app.curator.conftest import Open

FULL = "The disk is full."


@pytest.mark.parametrize(
    "path", ["/no/such/folder", "s3://bucket/images", "hf://datasets/ann/web", "file:///etc"]
)
def test_a_path_that_is_not_there_makes_no_dataset(
    open_page: Open, services: Services, database: Database, path: str
) -> None:
    page = open_page("inbox")
    page.text_input("into").set_value("mine").run()
    page.text_input("path-0").set_value(path).run()
    next(b for b in page.button if b.label == "Import").click().run()
    assert "no such folder or file" in page.info[0].value
    assert services.jobs.added == []
    with database.read() as session:
        assert session.scalars(select(Dataset.name)).all() == ["samples"]


def test_upload_becomes_a_job(open_page: Open, services: Services) -> None:
    page = open_page("inbox")
    assert set(page.file_uploader[0].proto.type) >= TABLE_SUFFIXES
    page.text_input("into").set_value("mine").run()
    page.file_uploader[0].upload("../evil.csv", b"file,text\n", "text/csv").run()
    next(b for b in page.button if b.label == "Import").click().run()
    (job,) = services.jobs.added
    assert isinstance(job, Import) and job.dataset == "mine" and job.then is not None
    (source,) = job.sources
    assert page.selectbox("dataset").value == "mine"  # what is imported is reviewed next
    assert source.content.name == "000000" and source.content.read_bytes() == b"file,text\n"


def test_uploads_that_do_not_fit_on_the_disk_are_told(
    open_page: Open, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    page = open_page("inbox")
    page.text_input("into").set_value("mine").run()
    page.file_uploader[0].upload("a.csv", b"file,text\n", "text/csv").run()
    monkeypatch.setattr("shutil.copyfileobj", full)
    next(b for b in page.button if b.label == "Import").click().run()
    place = services.database.images.root.parent
    assert f"No space left on device: {place}; free some space" in page.info[0].value.replace(
        "\\", ""
    )
    assert services.jobs.added == []
    assert not (place / "incoming").exists()


def test_uploads_that_cannot_be_recorded_are_told_and_stay_in_the_uploader(
    open_page: Open, services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: object) -> None:
        raise StorageError(FULL)

    monkeypatch.setattr(services.jobs, "add", refuse)
    page = open_page("inbox")
    page.file_uploader[0].upload("cats.zip", b"PK", "application/zip").run()
    next(one for one in page.button if one.label == "Import").click().run()
    assert not page.exception and page.info[0].value == FULL
    assert page.session_state["uploads"] == 0
    assert not (database.images.root.parent / "incoming").exists()
    next(one for one in page.button if one.label == "Load the sample set").click().run()
    assert not page.exception and page.info[0].value == FULL


def test_a_job_names_its_dataset_and_says_why_it_brought_nothing(
    open_page: Open, database: Database
) -> None:
    with database.write() as session:
        other = get_or_create_dataset(session, name="<b>other</b> :red[x]").id
        new = NewRun(
            kind="import",
            code_version="test",
            dataset_id=other,
            parameters={"input": "a.zip"},
        )
        run_id = create_run(session, new).id
        add_problem(session, run_id=run_id, problem=Problem(name="a", reason="Not a **image**."))
        start_run(session, run_id=run_id)
        finish_run(session, run_id=run_id, status="done")
    page = open_page("inbox")
    html = "".join(str(part.proto.body) for part in page.main.get("html"))
    assert "<b>1 image</b> Not a **image**.<ul><li>a</li></ul>" in html
    assert "Import a.zip into <b>other</b> :red[x]: done" in [text.value for text in page.text]
    assert "Caption and filter samples with stickers-opt: done" in [
        text.value for text in page.text
    ]
    assert "1 problem" in [part.label for part in page.expander]
