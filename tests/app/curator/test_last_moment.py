"""A press of a button that takes the focus from a field: what the field says by then counts."""

from pathlib import Path

from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app.jobs import Import
from app.services import Services
from blip2core.storage.database import Database
from blip2core.storage.schema import Annotator, Batch, Dataset, DecisionEvent, Snapshot
from tests.app.curator.conftest import Open
from tests.app.sample_dataset import accept_first


def press(page: AppTest, label: str) -> None:
    """Together with whatever was typed since the page was drawn, as a browser sends it."""
    next(one for one in page.button if one.label.startswith(label)).click().run()
    assert not page.exception


def test_an_import_goes_into_the_dataset_that_is_named(
    open_page: Open, services: Services, tmp_path: Path
) -> None:
    page = open_page("inbox")
    page.text_input("path-0").set_value(str(tmp_path)).run()
    page.text_input("into").set_value("other")
    page.checkbox[0].uncheck()
    press(page, "Import")
    (job,) = services.jobs.added
    assert isinstance(job, Import) and job.dataset == "other" and job.then is None
    assert page.selectbox("dataset").value == "other" and page.text_input("path-1").value == ""


def test_a_snapshot_has_the_name_and_the_shares_that_stand_there(
    open_page: Open, database: Database
) -> None:
    accept_first(database)
    page = open_page("export")
    next(one for one in page.text_input if one.label == "Name").set_value("first")
    next(one for one in page.number_input if "test" in one.label).set_value(0.3)
    press(page, "Freeze")
    with database.read() as session:
        (made,) = session.scalars(select(Snapshot))
    assert made.name == "first" and made.policy["test"] == 0.3


def test_the_rules_are_those_that_stand_there(open_page: Open, database: Database) -> None:
    page = open_page("people")
    page.text_area[0].set_value("Colours count.")
    press(page, "Save the rules")
    with database.read() as session:
        assert session.scalars(select(Dataset.guidelines)).all() == ["Colours count."]


def test_the_check_has_as_many_images_as_stand_there(open_page: Open, database: Database) -> None:
    page = open_page("thresholds")
    page.checkbox[0].check().run()
    next(one for one in page.number_input if "at random" in one.label).set_value(2)
    press(page, "Apply")
    with database.read() as session:
        (batch,) = session.scalars(select(Batch))
    assert batch.settings["audit"] == 2


def test_an_image_that_is_no_longer_ticked_is_not_decided(
    open_page: Open, database: Database
) -> None:
    page = open_page("review", view="grid")
    tiles = [one for one in page.checkbox if one.key and one.key.startswith("tile-")]
    for tile in tiles[:2]:
        tile.check()
    page.run()
    page.checkbox(tiles[0].key).uncheck()
    press(page, "Accept the best text of 2")
    with database.read() as session:
        decided = session.scalars(select(DecisionEvent.item_id)).all()
    assert [f"tile-{item}" for item in decided] == [tiles[1].key]


def test_a_verdict_is_by_who_is_named_beside_it(open_page: Open, database: Database) -> None:
    page = open_page("review")
    page.text_input("who").set_value("ben")
    press(page, "Accept")
    with database.read() as session:
        query = select(Annotator.handle).join(
            DecisionEvent, DecisionEvent.annotator_id == Annotator.id
        )
        assert session.scalars(query).all() == ["ben"]
