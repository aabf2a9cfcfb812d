"""Ratings of answers, in the database as soon as they are given."""

from dataclasses import replace
from pathlib import Path

from app.chat.conversation import AnswerRating, ChatTurn
from app.chat.feedback import feedback_on, feedback_store
from app.chat.session import ChatSession
from blip2core.storage import open_database
from blip2core.storage.feedback import feedback_rows

TURN = ChatTurn(number=3, question="Who?", answer="a dog", state="answered", prompt="Q: Who?")


def test_a_rating_is_stored_changed_and_taken_back(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'studio.db'}")
    store, session = feedback_store(database), ChatSession()
    bad = replace(TURN, rating=AnswerRating(liked=False, reason="it is a cat"))
    for turn in (replace(TURN, rating=AnswerRating(liked=True)), bad):
        store(feedback_on(session, turn))
        (row,) = feedback_rows(database)
        assert turn.rating is not None
        assert (row["liked"], row["reason"]) == (turn.rating.liked, turn.rating.reason)
        assert (row["question"], row["answer"], row["prompt"]) == ("Who?", "a dog", "Q: Who?")
    store(feedback_on(session, replace(TURN, number=4, rating=AnswerRating(liked=True))))
    store(feedback_on(session, TURN))  # takes the rating of turn 3 back
    assert [row["liked"] for row in feedback_rows(database)] == [True]
    database.close()
