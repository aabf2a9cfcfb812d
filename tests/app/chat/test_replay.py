"""What a replay says of an imported conversation: nothing of it becomes markup."""

from app.chat.conversation import ChatTurn
from app.chat.replay import Replayed, report

HOSTILE = "<img src=x onerror=alert(1)>"


def test_questions_and_answers_of_others_stay_text() -> None:
    entry = ChatTurn(question=f"{HOSTILE}1", answer=f"{HOSTILE}2", state="answered")
    html = report([Replayed(entry=entry, answer=f"{HOSTILE}3")], "Asked again")
    assert "<img" not in html
    for number in "123":
        assert f"&lt;img src=x onerror=alert(1)&gt;{number}" in html
