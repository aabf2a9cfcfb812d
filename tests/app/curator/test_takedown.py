"""Taking an image down in the curator: first what it does, then doing it."""

import pytest
from streamlit.testing.v1 import AppTest

from app import roles
from app.curator.thumbnails import shown_image
from app.roles import Role, Visitor
from blip2core.storage.database import Database
from blip2core.storage.export_records import finish_export, record_export
from blip2core.storage.freezing import create_snapshot
from blip2core.storage.items import image_of_item
from blip2core.storage.schema import Image, Item
from blip2core.storage.snapshot_selection import SnapshotPolicy
from tests.app.curator.conftest import Open
from tests.app.sample_dataset import accept_first


def take_down_button(page: AppTest):
    (found,) = [one for one in page.button if one.label == "Take down"]
    return found


def state_of(database: Database, item_id: int) -> tuple[str, str, bool]:
    """State of the image, status of the item, and whether the file is there."""
    with database.read() as session:
        image = image_of_item(session, item_id=item_id)
        status = session.get_one(Item, item_id).status
    return image.state, status, database.images.path(image.sha256, format=image.format).is_file()


def test_it_is_shown_then_confirmed_then_one_sentence(open_page: Open, database: Database) -> None:
    with database.read() as session:
        image = image_of_item(session, item_id=1)
    kept = (database.images, image.sha256, image.format, 900)
    assert isinstance(shown_image(*kept), bytes)  # is in memory from now on
    page = open_page("takedown", image="1")
    assert page.code[0].value == image.sha256
    row = page.dataframe[0].value.iloc[0]
    assert (row["image"], row["dataset"], row["texts"]) == ("#1", "samples", 3)
    assert take_down_button(page).disabled
    assert state_of(database, 1) == ("ok", "pending", True)
    page.checkbox[0].check().run()
    take_down_button(page).click().run()
    assert not page.exception
    assert r"\#1 is taken down\: 1 file deleted" in page.info[0].value
    assert page.text_input("image").value == "" and not page.code
    assert state_of(database, 1) == ("purged", "excluded", False)
    assert isinstance(shown_image(*kept), str)  # not from memory either
    page = open_page("takedown", image=image.sha256[:12])
    assert page.info[0].value == "This image was taken down before."


def test_snapshots_and_exports_that_hold_it_are_named(open_page: Open, database: Database) -> None:
    accept_first(database)
    snapshot = create_snapshot(
        database, dataset_id=1, name="v1", policy=SnapshotPolicy(), created_by=1
    )
    page = open_page("takedown", image="#1")
    assert "samples@v1: 1 pair" in [told.value for told in page.text]
    assert not page.warning
    with database.write() as session:
        export = record_export(session, snapshot_id=snapshot.id, format="coco")
        finish_export(
            session, export_id=export.id, manifest_sha256="0" * 64, pairs=1, location="/x/of-coco"
        )
    page = open_page("takedown", image="#1")
    assert "delete them, or export again" in page.warning[0].value
    assert page.code[1].value == "samples@v1 as coco: /x/of-coco"
    assert "No snapshot holds it." in [
        told.value for told in open_page("takedown", image="2").caption
    ]


def test_what_names_no_image_is_told(open_page: Open) -> None:
    assert "names no image" in open_page("takedown", image="<b>x</b>").error[0].value
    assert not [one for one in open_page("takedown").button if one.label == "Take down"]


def test_what_changed_meanwhile_is_not_taken_down(open_page: Open, database: Database) -> None:
    page = open_page("takedown", image="1")
    page.checkbox[0].check().run()
    with database.write() as session:
        pixels = session.get_one(Image, 1).pixel_sha256
        session.get_one(Image, 2).pixel_sha256 = pixels  # another file with the same pixels
    take_down_button(page).click().run()
    assert "changed since this was shown" in page.info[0].value
    assert state_of(database, 1) == ("ok", "pending", True)


def test_review_says_that_an_image_was_taken_down(open_page: Open, database: Database) -> None:
    page = open_page("takedown", image="7")
    page.checkbox[0].check().run()
    take_down_button(page).click().run()
    page = open_page("review", item="7")
    assert page.info[0].value == "Image 7 was taken down."
    assert not page.main.get("imgs") and not [
        one for one in page.main.get("html") if 'class="text' in one.value
    ]
    next(one for one in page.button if one.label == "Next").click().run()
    assert page.session_state["review"].item_id == 8


@pytest.mark.parametrize(
    ("role", "told"),
    [("visitor", "Only curators and owners may see this"), ("curator", "You are a curator here")],
)
def test_only_owners_do_it(
    role: Role, told: str, open_page: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = Visitor(role=role, name="bob")
    monkeypatch.setattr("app.curator.context.visitor_of", lambda headers: visitor)
    page = open_page("takedown", image="1")
    assert told in [*page.info, *page.error][0].value
    assert not page.button and not page.code
    assert state_of(database, 1) == ("ok", "pending", True)


def test_who_is_an_owner_no_more_takes_nothing_down(
    open_page: Open, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit calls what a button is for before the page is drawn anew."""
    page = open_page("takedown", image="1")
    page.checkbox[0].check().run()
    curator = Visitor(role="curator", name="ada")
    monkeypatch.setattr(roles, "_without_header", [curator])
    take_down_button(page).click().run()
    assert page.info[0].value == "Only owners take images down."
    assert state_of(database, 1) == ("ok", "pending", True)


def test_who_has_logged_in_is_named_and_cannot_be_another(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = Visitor(role="owner", name="bob <b>")
    monkeypatch.setattr("app.curator.context.visitor_of", lambda headers: visitor)
    page = open_page("takedown", image="1")
    name = page.sidebar.text_input[0]
    assert (name.value, name.disabled) == ("bob <b>", True)
    assert 'href="../logout"' in page.sidebar.get("html")[0].proto.body
