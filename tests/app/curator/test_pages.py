"""Every other page of the curator, drawn and used."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import streamlit
from sqlalchemy import func, select
from streamlit import config
from streamlit.testing.v1 import AppTest

from app import roles
from app import services as shared
from app.curator.main import PAGE_TITLES
from app.jobs import ExportJob
from app.roles import Visitor
from app.services import Services
from app.space import ROOT
from blip2core.config import FilterConfig
from blip2core.curation import apply_rules
from blip2core.exports import FORMATS
from blip2core.records import Problem
from blip2core.storage.batches import NewBatch
from blip2core.storage.captions import add_captions
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database, open_database
from blip2core.storage.items import image_of_item
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.run_problems import add_problem
from blip2core.storage.runs import NewRun, create_run, finish_run, get_run, start_run
from blip2core.storage.schema import Batch, Dataset, DecisionEvent, Item, Snapshot
from tests.app.curator.conftest import Open
from tests.app.curator.test_review_page import press
from tests.app.sample_dataset import HOSTILE, accept_first


def count(database: Database, table: type, **where: object) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(table).filter_by(**where))


def test_every_page_draws(open_page: Open) -> None:
    for name in PAGE_TITLES:
        assert open_page(name).main.children


def test_an_empty_studio_shows_the_way(
    services: Services, open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = open_database(str(tmp_path / "empty.db"))
    monkeypatch.setattr(shared, "_shared", [replace(services, database=empty)])
    for name in ("review", "thresholds", "runs", "export", "people"):
        told = open_page(name).info
        assert [one.value for one in told] == ["There is no dataset yet. Import images first."]
    for name in ("inbox", "feedback", "takedown"):
        assert open_page(name).main.children
    empty.close()


def test_a_dataset_that_is_not_there_is_no_error(open_page: Open) -> None:
    for name in PAGE_TITLES:
        page = open_page(name, dataset="nothing there")
        assert not page.exception


def test_who_left_is_told_and_sees_no_page(open_page: Open, database: Database) -> None:
    with database.write() as session:
        get_or_create_annotator(session, handle="ada").active = False
    page = open_page("inbox")
    assert [one.value for one in page.error] == ["ada is not active any more."]
    assert not page.main.button


def test_threshold_is_applied_only_when_confirmed_and_undone_as_one(
    open_page: Open, database: Database
) -> None:
    page = open_page("thresholds")
    apply = next(button for button in page.button if button.label == "Apply")
    assert apply.disabled
    assert any("`blip2 curate apply` follows all" in told.value for told in page.caption)
    page.number_input[-1].set_value(3).run()
    page.checkbox[-1].check().run()
    next(button for button in page.button if button.label == "Apply").click().run()
    assert r"36 texts decided; waiting in review for a check\: 3 images" in page.info[0].value
    assert count(database, DecisionEvent) == 36
    assert count(database, Item, status="audit") == 3
    next(button for button in page.button if button.label == "Undo").click().run()
    assert count(database, Batch) == 2
    assert count(database, Item, status="pending") == 12


def test_no_threshold_is_applied_where_the_images_are_gone(
    open_page: Open, database: Database
) -> None:
    page = open_page("thresholds")
    page.checkbox[-1].check().run()
    database.images.root.rename(database.images.root.with_name("elsewhere"))
    next(button for button in page.button if button.label == "Apply").click().run()
    assert "The folder of the images" in page.info[0].value
    assert "is not there, so nothing can be accepted" in page.info[0].value
    assert count(database, DecisionEvent) == count(database, Batch) == 0


def test_grid_accepts_nothing_about_a_missing_image(open_page: Open, database: Database) -> None:
    page = open_page("review", view="grid")
    for item in (1, 2):
        page.checkbox(f"tile-{item}").check()
    page.run()
    with database.read() as session:
        image = image_of_item(session, item_id=2)
    path = database.images.path(image.sha256, format=image.format)
    data = path.read_bytes()
    path.unlink()
    next(b for b in page.button if b.label == "Accept the best text of 2").click().run()
    assert "image of item 2 is missing or damaged" in page.info[0].value
    assert count(database, DecisionEvent) == 0
    for item in (1, 2):
        page.checkbox(f"tile-{item}").check()
    page.run()
    next(b for b in page.button if b.label == "Reject every text of 2").click().run()
    assert count(database, DecisionEvent, action="reject") == 6
    path.write_bytes(data)


def test_batch_of_the_command_line_is_told_with_its_threshold(
    open_page: Open, database: Database
) -> None:
    page = open_page("thresholds")  # makes Ada known
    rules = FilterConfig(threshold=0.25, drop_duplicates=False)
    batch = NewBatch(uid="cli", dataset_id=1, annotator_id=1)
    apply_rules(database, batch, rules=rules, expected=36, audit=0)
    told = [text.value for text in page.run().text]
    assert any("threshold 0.25, 36 texts" in line for line in told)


def test_precision_is_told_once_there_are_verdicts(open_page: Open) -> None:
    page = open_page("thresholds")
    assert "How right a threshold is" in page.info[0].value
    review = open_page("review")
    for key in "AXAA":
        press(review, key)
    labels = [metric.label for metric in open_page("thresholds").metric]
    assert labels[-2:] == ["Precision", "Recall"]


def test_threshold_of_the_dataset(open_page: Open, database: Database) -> None:
    page = open_page("thresholds")
    page.slider[0].set_value(0.8).run()
    next(button for button in page.button if button.label.startswith("Make it")).click().run()
    with database.read() as session:
        assert session.get_one(Dataset, 1).threshold == 0.8


def test_grid_decides_in_one_batch(open_page: Open, database: Database) -> None:
    page = open_page("review", view="grid")
    for item in (1, 2, 3):
        page.checkbox(f"tile-{item}").check()
    page.run()
    next(b for b in page.button if b.label == "Accept the best text of 3").click().run()
    assert not page.exception
    assert count(database, Item, status="decided") == 3
    next(b for b in page.button if b.label == "Undo the batch").click().run()
    assert count(database, Item, status="decided") == 0


def test_one_button_of_the_grid_chooses_all_or_none(open_page: Open) -> None:
    page = open_page("review", view="grid")

    def press(label: str) -> None:
        next(button for button in page.button if button.label == label).click().run()

    press("Choose all")
    assert all(page.checkbox(f"tile-{item}").value for item in (1, 2, 3))
    press("Choose none")
    assert not any(page.checkbox(f"tile-{item}").value for item in (1, 2, 3))
    press("Choose all")


def test_grid_overwrites_nobody(open_page: Open, database: Database) -> None:
    page = open_page("review", view="grid")
    page.checkbox("tile-1").check()
    page.checkbox("tile-2").check().run()
    accept_first(database)
    next(b for b in page.button if b.label == "Accept the best text of 2").click().run()
    assert r"Somebody decided about \#1 meanwhile" in page.info[0].value
    assert count(database, DecisionEvent) == 1


def test_second_review_shows_no_grid(open_page: Open) -> None:
    page = open_page("review", view="grid", second="true")
    assert "blind" in page.info[0].value
    assert not [one for one in page.checkbox if one.key.startswith("tile-")]


def test_snapshot_and_export(open_page: Open, services: Services, database: Database) -> None:
    press(open_page("review"), "A")
    page = open_page("export")
    next(b for b in page.button if b.label == "Freeze").click().run()
    assert r"v1\: 1 pair, frozen." in page.info[0].value
    assert count(database, Snapshot) == 1
    assert page.selectbox("format-1").options == [format.label for format in FORMATS.values()]
    page.selectbox("format-1").select("coco").run()
    page.button("export-1").click().run()
    page.checkbox("embed-1").check().run()
    page.button("export-1").click().run()
    plain = ExportJob(snapshot_id=1, format="coco", annotator_id=1)
    assert services.jobs.added == [plain, replace(plain, embed_texts=True)]


def test_names_stay_text_in_messages(open_page: Open) -> None:
    press(open_page("review"), "A")
    page = open_page("export")
    next(box for box in page.text_input if box.label == "Name").set_value(":red[v1] **x**").run()
    next(b for b in page.button if b.label == "Freeze").click().run()
    assert r"\:red\[v1\] \*\*x\*\*\: 1 pair, frozen." in page.info[0].value


def test_nothing_accepted_is_said(open_page: Open) -> None:
    page = open_page("export")
    next(b for b in page.button if b.label == "Freeze").click().run()
    assert "Nothing is accepted yet" in page.info[0].value


def test_agreement_of_two(open_page: Open, database: Database) -> None:
    page = open_page("people")
    page.number_input[0].set_value(2).run()
    next(b for b in page.button if b.label == "Save the rules").click().run()
    bob = open_page("review", who="bob")
    press(press(press(bob, "A"), "X"), "A")
    ada = open_page("review", second="true")
    press(press(ada, "A"), "A")
    page = open_page("people")
    assert page.metric[0].label.startswith("ada and bob, ")
    assert "the same" in page.metric[0].value


def test_guidelines_are_read_where_images_are_judged(open_page: Open) -> None:
    assert "Guidelines" not in [part.label for part in open_page("review").expander]
    page = open_page("people")
    page.text_area[0].set_value(f"Colours count. {HOSTILE}").run()
    next(b for b in page.button if b.label == "Save the rules").click().run()
    page = open_page("review")
    (found,) = [part for part in page.expander if part.label == "Guidelines"]
    assert "Colours count. &lt;img src=x" in found.get("html")[0].value


def test_two_runs_are_compared_on_the_same_images(open_page: Open, database: Database) -> None:
    with database.write() as session:
        new = NewRun(
            kind="capfilt",
            code_version="test",
            dataset_id=1,
            model="stickers-t5",
            revision="3" * 40,
            parameters={"captions": {"num": 2, "decode": {"mode": "beam"}}},
        )
        run = create_run(session, new)
        for item_id in range(1, 11):  # one full page
            add_captions(session, run_id=run.id, item_id=item_id, texts=["another text"])
    page = open_page("runs")
    assert page.dataframe[0].value.iloc[0]["settings"] == "num=2, mode=beam"
    first, second = page.metric
    assert first.label.startswith(r"1\: capfilt stickers-opt") and first.value.endswith("%")
    assert second.label.startswith(r"2\: capfilt stickers-t5")
    assert next(button for button in page.button if button.label == "More").disabled
    texts = [text.value for text in page.text]
    assert "another text" in texts and any(text.endswith("first text 0") for text in texts)


def test_runs_are_listed(open_page: Open) -> None:
    table = open_page("runs").dataframe[0].value
    assert table.iloc[0]["kind"] == "capfilt" and table.iloc[0]["model"] == "stickers-opt"


def test_what_failed_in_a_run_is_tried_again(open_page: Open, database: Database) -> None:
    with database.write() as session:
        finish_run(session, run_id=1, status="done")
        for item_id in (1, 2):
            problem = Problem(name=f"item {item_id}", reason="The image was away.")
            add_problem(session, run_id=1, problem=problem, item_id=item_id)
    page = open_page("runs")
    next(one for one in page.button if one.label == "Try 2 failed images again").click().run()
    assert not page.exception
    assert [one.value for one in page.info][:1] == ["2 images of run 1 will be tried again."]
    assert not [one for one in page.button if "failed image" in one.label]
    with database.read() as session:
        assert get_run(session, run_id=1).status == "queued"


def test_a_failed_import_is_imported_again(open_page: Open, database: Database) -> None:
    with database.write() as session:
        run = create_run(session, NewRun(kind="import", code_version="test", dataset_id=1))
        finish_run(session, run_id=run.id, status="done")
        add_problem(session, run_id=run.id, problem=Problem(name="a.svg", reason="No image."))
        note = Problem(name="t.csv", reason="Windows-1252.", about="note")
        add_problem(session, run_id=run.id, problem=note)
    page = open_page("runs")
    listed = page.dataframe[1].value
    assert listed.to_dict("list") == {
        "name": ["a.svg", "t.csv"],
        "about": ["image", "note"],
        "reason": ["No image.", "Windows-1252."],
    }
    assert any("Import the same again" in one.value for one in page.caption)
    assert not [one for one in page.button if "again" in one.label]


def test_a_run_that_gives_no_sign_of_life_is_not_called_running(
    open_page: Open, database: Database
) -> None:
    with database.write() as session:
        new = NewRun(kind="score", code_version="test", dataset_id=1, model="m", revision="0" * 40)
        run_id = create_run(session, new).id
        start_run(session, run_id=run_id)
    assert open_page("runs").dataframe[0].value.iloc[0]["status"] == "running"
    with database.write() as session:
        get_run(session, run_id=run_id).heartbeat_at = utc_now() - timedelta(hours=1)
    assert open_page("runs").dataframe[0].value.iloc[0]["status"] == "interrupted"


def test_a_run_that_was_done_again_is_not_called_interrupted(
    open_page: Open, database: Database
) -> None:
    new = NewRun(kind="import", code_version="test", dataset_id=1, parameters={"input": "a.zip"})
    with database.write() as session:
        killed, again = (create_run(session, new).id for _ in range(2))
        start_run(session, run_id=killed).heartbeat_at = utc_now() - timedelta(hours=1)
    titles = [one.value for one in open_page("inbox").text]
    assert titles.count("Import a.zip into samples: running") == 1
    with database.write() as session:
        start_run(session, run_id=again)
        finish_run(session, run_id=again, status="done")
    statuses = list(open_page("runs").dataframe[0].value["status"])
    assert statuses[:2] == ["done", f"done again by run {again}"]
    titles = [one.value for one in open_page("inbox").text]
    assert "Import a.zip into samples: done" in titles
    assert "Import a.zip into samples: running" not in titles


@pytest.mark.parametrize("name", PAGE_TITLES)
def test_whom_nobody_named_sees_nothing(
    name: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Served by the studio, every request has a header that says who asks."""
    monkeypatch.setattr("app.roles._without_header", [Visitor(role="visitor")])
    page = open_page(name)
    assert [one.value[:24] for one in page.error] == ["Only curators and owners"]
    assert not (page.button or page.selectbox or page.text_input or page.main.get("imgs"))


@pytest.mark.parametrize(
    ("address", "refused"), [(None, True), ("0.0.0.0", True), ("localhost", False)]
)
def test_alone_it_serves_this_machine_only(
    services: Services, monkeypatch: pytest.MonkeyPatch, address: str | None, refused: bool
) -> None:
    built: list[bool] = []

    def build(*_: object) -> Services:
        built.append(True)
        return services

    monkeypatch.setattr("app.services._shared", [])
    monkeypatch.setattr("app.roles._without_header", [Visitor(role="visitor")])
    monkeypatch.setattr("app.services.build_services", build)
    monkeypatch.setattr("blip2core.storage.database.open_database", lambda: None)
    before = streamlit.get_option("server.address")
    config.set_option("server.address", address)
    try:
        page = AppTest.from_file(
            str(ROOT / "app" / "curator" / "main.py"), default_timeout=60
        ).run()
    finally:
        config.set_option("server.address", before)
    assert not page.exception
    assert ["asks nobody" in one.value for one in page.error] == ([True] if refused else [])
    assert bool(built) != refused
    owners = [one.role for one in roles._without_header] == ["owner"]
    assert owners != refused, "it is told once, by who serves it so"
