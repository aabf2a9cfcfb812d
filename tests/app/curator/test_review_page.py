"""One image after the other: what each key does, and what is on disk afterwards."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app.curator.review_decisions import decide_item
from app.curator.review_session import ReviewRules
from blip2core.storage.cards import card, save_draft
from blip2core.storage.database import Database
from blip2core.storage.datasets import get_or_create_dataset, update_dataset
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.people import get_or_create_annotator
from blip2core.storage.schema import Caption, DecisionEvent, Lease, Verdict
from tests.app.curator.conftest import Open
from tests.app.sample_dataset import HOSTILE


def press(page: AppTest, key: str) -> AppTest:
    """The button that a key stands for."""
    button(page, f"key-{key}").click().run()
    assert not page.exception
    return page


def button(page: AppTest, key: str):
    """A button of the item on screen."""
    return page.button(f"{key}-{item_of(page)}")


def item_of(page: AppTest) -> int:
    return page.session_state["review"].item_id


def acts(database: Database) -> list[tuple[str, int, int | None]]:
    """(action, item, caption) of every decision."""
    with database.read() as session:
        query = select(DecisionEvent).order_by(DecisionEvent.id)
        return [(one.action, one.item_id, one.caption_id) for one in session.scalars(query)]


def text_of(database: Database, caption_id: int) -> str:
    with database.read() as session:
        return session.get_one(Caption, caption_id).text


def test_nearest_to_the_threshold_comes_first(open_page: Open) -> None:
    page = open_page("review")
    assert item_of(page) == 7  # image 6 of 12: its best text scores 0.5
    body = "".join(part.value for part in page.main.get("html"))
    assert "&lt;img src=x onerror=alert(1)&gt; **bold**" in body and HOSTILE not in body


def test_the_marked_text_stands_above_the_buttons_as_text(open_page: Open) -> None:
    page = open_page("review")
    assert "<b>Text 2:</b> first text 6" in meant(page)
    button(page, "pick-1").click().run()
    assert "<b>Text 1:</b> web text 6 &lt;img" in meant(page)


def meant(page: AppTest) -> str:
    """What the page says A, X and E mean."""
    (found,) = [part.value for part in page.main.get("html") if 'class="meant"' in part.value]
    return found


def test_accept_is_on_disk_and_the_next_comes(open_page: Open, database: Database) -> None:
    page = open_page("review")
    press(page, "A")
    ((action, item, caption),) = acts(database)
    assert (action, item, text_of(database, caption)) == ("accept", 7, "first text 6")
    assert item_of(page) == 8  # one of its texts scores 0.47


def test_reject_takes_the_next_text_until_none_is_left(open_page: Open, database: Database) -> None:
    page = open_page("review")
    for _ in range(3):
        assert item_of(page) == 7
        press(page, "X")
    assert item_of(page) != 7
    said = [text_of(database, caption) for _, _, caption in acts(database)]
    assert said == ["first text 6", "second text 6", f"web text 6 {HOSTILE}"]


def test_several_texts_may_be_right(open_page: Open, database: Database) -> None:
    page = press(open_page("review"), "Shift+A")
    assert item_of(page) == 7
    button(page, "pick-3").click().run()
    press(page, "A")
    assert [text_of(database, caption) for _, _, caption in acts(database)] == [
        "first text 6",
        "second text 6",
    ]


def test_skip_flag_and_the_way_back(open_page: Open, database: Database) -> None:
    page = press(open_page("review"), "S")
    second = item_of(page)
    press(page, "F")
    button(page, "reason-2").click().run()
    assert [action for action, _, _ in acts(database)] == ["skip", "flag"]
    with database.read() as session:
        reasons = session.scalars(select(DecisionEvent.reason).order_by(DecisionEvent.id)).all()
    assert reasons == [None, "watermark"]
    press(page, "Left")
    assert item_of(page) == second
    press(page, "Left")
    assert item_of(page) == 7
    press(page, "Right")
    assert item_of(page) == second


def test_the_sidebar_counts_every_image(open_page: Open) -> None:
    page = press(press(open_page("review"), "A"), "S")
    (bar,) = page.sidebar.get("progress")
    assert bar.proto.text == "1 decided, 10 left, 1 skipped"


def test_undo_works_in_another_session(open_page: Open, database: Database) -> None:
    press(open_page("review"), "A")
    page = press(open_page("review"), "Z")
    assert item_of(page) == 7
    assert [action for action, _, _ in acts(database)] == ["accept", "undo"]
    with database.read() as session:
        assert session.scalars(select(Verdict)).all() == []
    press(page, "Z")
    assert "nothing to undo" in page.info[0].value


def test_double_click_is_one_decision(open_page: Open, database: Database) -> None:
    page = open_page("review")
    review = page.session_state["review"]
    context, rules = page.session_state["context"], ReviewRules()
    with database.read() as session:
        shown = card(session, item_id=7, annotator_id=context.annotator_id)
    for _ in range(2):  # as two browser tabs that show the same would send it
        twice = replace(review)
        decide_item(context, rules, twice, shown, "accept")
        assert twice.message == ""
    assert [(action, item) for action, item, _ in acts(database)] == [("accept", 7)]


def test_somebody_else_was_first(open_page: Open, database: Database) -> None:
    page = open_page("review")
    with database.write() as session:
        bob = get_or_create_annotator(session, handle="bob")
        new = NewDecision(client_event_id="b", item_id=7, annotator_id=bob.id, action="skip")
        record_decision(session, new)
    press(page, "A")
    assert "bob was first" in page.info[0].value
    assert [action for action, _, _ in acts(database)] == ["skip"]


def test_filters_are_in_the_address(open_page: Open) -> None:
    page = open_page("review", search="text 3", status="pending")
    assert item_of(page) == 4
    assert page.text_input("search").value == "text 3"
    assert page.query_params["item"] in ("4", ["4"])


@pytest.mark.parametrize("item", ["-1", "x", "<script>", "7.5"])
def test_nonsense_in_the_address_is_ignored(open_page: Open, item: str) -> None:
    page = open_page("review", item=item)
    assert item_of(page) == 7 and page.query_params["item"] in ("7", ["7"])
    assert [told.value for told in page.info] == []


def test_an_address_names_an_item(open_page: Open) -> None:
    assert item_of(open_page("review", item="3")) == 3


def test_an_item_that_is_not_there_is_told_and_the_queue_goes_on(open_page: Open) -> None:
    page = open_page("review", item="9999")
    assert "9999" in page.info[0].value and "item" not in page.query_params
    next(one for one in page.button if one.label == "Look again").click().run()
    assert item_of(page) == 7


def test_an_item_of_another_dataset_is_not_shown(open_page: Open, database: Database) -> None:
    with database.write() as session:
        get_or_create_dataset(session, name="other")
    page = open_page("review", item="3", dataset="other")
    assert page.info[0].value == "That image is in another dataset."
    assert not page.main.get("imgs")


def test_queue_ends(open_page: Open, database: Database) -> None:
    page = open_page("review")
    for _ in range(12):
        press(page, "A")
    assert "Nothing is left" in page.info[-1].value
    assert len(acts(database)) == 12


@pytest.mark.parametrize("view", ["one", "grid"])
def test_a_search_that_finds_nothing_is_not_an_end(open_page: Open, view: str) -> None:
    page = open_page("review", search="no such words", view=view)
    assert "fits the search and the filters" in page.info[0].value


def test_second_review_is_blind(open_page: Open, database: Database) -> None:
    with database.write() as session:
        update_dataset(session, dataset_id=1, overlap=2)
    press(open_page("review", who="bob"), "A")
    page = open_page("review", second="true")
    assert item_of(page) == 7
    assert "bob" not in "".join(part.value for part in page.main.get("html"))
    press(page, "X")
    with database.read() as session:
        rounds = session.scalars(select(DecisionEvent.round).order_by(DecisionEvent.id)).all()
    assert rounds == [1, 2]


def test_a_draft_belongs_to_its_text(open_page: Open, database: Database) -> None:
    page = open_page("review")
    review = page.session_state["review"]
    other = review.chosen + 1
    with database.write() as session:
        save_draft(session, item_id=7, annotator_id=1, text="half a", caption_id=review.chosen)
    page = open_page("review")
    assert editor_of(page) == ("half a", [7, review.chosen])
    button(page, "pick-3").click().run()
    assert page.session_state["review"].chosen == other
    press(page, "E")
    assert editor_of(page) == (text_of(database, other), [7, other])


def test_no_verdict_passes_over_an_open_editor(open_page: Open, database: Database) -> None:
    review = open_page("review").session_state["review"]
    with database.write() as session:
        save_draft(session, item_id=7, annotator_id=1, text="half a", caption_id=review.chosen)
    page = open_page("review")
    for key in ("A", "Shift+A", "X", "S", "F"):
        assert button(page, f"key-{key}").disabled
    next(one for one in page.button if one.label == "Throw the draft away").click().run()
    assert not button(page, "key-A").disabled


def editor_of(page: AppTest) -> tuple[str, list[int]]:
    """Text in the editor, and the item and caption that it says it is for."""
    (proto,) = [
        one.proto
        for one in page.main.get("bidi_component")
        if one.proto.component_name.endswith("caption_editor")
    ]
    data = json.loads(proto.json)
    return data["text"], [data["item"], data["caption"]]


def test_an_item_that_was_left_is_free_again(open_page: Open, database: Database) -> None:
    page = press(open_page("review"), "Right")
    with database.read() as session:
        assert session.scalars(select(Lease.item_id)).all() == [item_of(page)]
