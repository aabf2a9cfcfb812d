"""What the thresholds page says of a threshold, before anybody applies it."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app.curator.threshold_quality import advice
from blip2core.calibration import Estimate, ThresholdEstimate
from blip2core.storage.captions import texts_of
from blip2core.storage.database import Database
from blip2core.storage.decisions import NewDecision, record_decision
from blip2core.storage.people import get_or_create_annotator
from tests.app.curator.conftest import Open

POINT = ThresholdEstimate(
    threshold=0.42,
    kept=1_234,
    verdicts=7,
    precision=Estimate(value=0.95, low=0.91, high=0.97),
    recall=Estimate(value=0.8, low=0.71, high=0.86),
)


def test_advice_names_threshold_texts_and_recall() -> None:
    assert advice(POINT, 0.9) == (
        "The lowest threshold that surely does: 0.42. It keeps 1,234 texts, and finds "
        "80% (71% to 86%) of the right ones."
    )
    assert "keeps 1 text, and finds" in advice(replace(POINT, kept=1), 0.9)
    assert advice(None, 0.9) == (
        "No threshold surely gives a precision of 90% yet: review more texts."
    )


@pytest.fixture
def judged(database: Database) -> None:
    """Ada accepts every text of the images 7 to 12, which score best."""
    with database.write() as session:
        ada = get_or_create_annotator(session, handle="ada").id
        for item_id in range(7, 13):
            for text in texts_of(session, item_id=item_id):
                new = NewDecision(
                    client_event_id=f"event-{text.caption_id}",
                    item_id=item_id,
                    annotator_id=ada,
                    action="accept",
                    caption_id=text.caption_id,
                )
                record_decision(session, new)


@pytest.mark.usefixtures("judged")
def test_the_page_advises_by_the_wanted_precision(open_page: Open) -> None:
    page = open_page("thresholds")
    wanted = next(box for box in page.number_input if box.label == "Wanted precision")
    assert wanted.value == 0.9
    sure = advice_on(page)
    wanted.set_value(0.5).run()
    lower = advice_on(page)
    wanted.set_value(0.999).run()
    assert advice_on(page).startswith("No threshold surely gives a precision of 100% yet")
    assert lower.startswith("The lowest threshold that surely does: 0.")
    assert lower != sure


def advice_on(page: AppTest) -> str:
    """The sentence about the wanted precision."""
    (found,) = [told.value for told in page.markdown if "surely" in told.value]
    return found


@pytest.mark.usefixtures("judged")
def test_verdicts_of_one_side_make_the_recall_a_guess(open_page: Open) -> None:
    guess = "Nobody has reviewed a text below the threshold yet: the recall is a guess."
    page = open_page("thresholds")
    page.slider[0].set_value(0.2).run()
    assert guess in [told.value for told in page.caption]
    page.slider[0].set_value(0.9).run()
    assert guess not in [told.value for told in page.caption]


def test_no_more_images_are_checked_than_are_decided(open_page: Open) -> None:
    page = open_page("thresholds")
    drawn = next(box for box in page.number_input if box.label.startswith("Images drawn"))
    assert drawn.value == 12  # of 20 that are usual


def test_one_source_is_judged_by_its_own_texts(open_page: Open, judged: None) -> None:
    page = open_page("thresholds")
    assert any("from 18 verdicts" in told.value for told in page.caption)
    page = open_page("thresholds", texts="web")
    assert any("from 6 verdicts" in told.value for told in page.caption)
