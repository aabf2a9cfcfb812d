"""Likes and dislikes of the chat, listed in the curator and saved as CSV."""

import csv
import io

from app.curator.feedback_table import feedback_csv
from blip2core.storage.database import Database
from blip2core.storage.feedback import FEEDBACK_COLUMNS, NewRating, add_feedback, feedback_rows
from blip2core.storage.people import get_or_create_annotator
from tests.app.curator.conftest import Open


def add(database: Database, number: int, **changes: object) -> None:
    """An opinion on the answer of this number."""
    values: dict[str, object] = {
        "client_event_id": f"answer-{number}",
        "liked": True,
        "question": f"question {number}",
        "answer": f"answer {number}",
        "prompt": "Question: ... Answer:",
        "model": "stickers-opt",
    }
    with database.write() as session:
        add_feedback(session, NewRating(**(values | changes)))


def test_opinions_are_listed_newest_first(open_page: Open, database: Database) -> None:
    page = open_page("feedback")
    assert "Nobody has liked or disliked" in page.info[0].value
    with database.write() as session:
        ada = get_or_create_annotator(session, handle="ada").id
    add(database, 1, annotator_id=ada)
    add(database, 2, liked=False, reason="<b>wrong</b>")
    page = open_page("feedback")
    assert "The newest 2: 1 liked, 1 disliked." in [told.value for told in page.caption]
    table = page.dataframe[0].value
    columns = ["answer was", "question", "answer", "reason", "who"]
    assert table[columns].values.tolist() == [
        ["disliked", "question 2", "answer 2", "<b>wrong</b>", ""],
        ["liked", "question 1", "answer 1", "", "ada"],
    ]


def test_every_page_of_opinions_is_read(database: Database) -> None:
    for number in range(5):
        add(database, number)
    found = [row["question"] for row in feedback_rows(database, page=2)]
    assert found == [f"question {number}" for number in (4, 3, 2, 1, 0)]


def test_the_csv_file_is_complete_and_safe_in_a_spreadsheet(database: Database) -> None:
    add(database, 1, question="=1+1", answer='two,\n"lines"', reason="-2", liked=False)
    (row,) = csv.DictReader(io.StringIO(feedback_csv(database).decode("utf-8"), newline=""))
    assert tuple(row) == FEEDBACK_COLUMNS
    assert (row["question"], row["reason"], row["liked"]) == ("'=1+1", "'-2", "False")
    assert (row["answer"], row["annotator"]) == ('two,\n"lines"', "")
