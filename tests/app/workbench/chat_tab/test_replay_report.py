"""What a replay says: how far it is, which answers differ; nothing of it becomes markup."""

from dataclasses import replace

from app.chat.conversation import ChatTurn
from app.chat.replay import RepeatedAnswer, ReplayState
from app.workbench.chat_tab.replay_report import replay_html

HOSTILE = "<img src=x onerror=alert(1)>"


def repeated(before: str, now: str, state: str = "answered") -> RepeatedAnswer:
    turn = ChatTurn(question="Who?", answer=before, state=state, revision="old")  # type: ignore[arg-type]
    return RepeatedAnswer(turn=turn, answer=now)


def test_questions_and_answers_of_others_stay_text() -> None:
    turn = ChatTurn(question=f"{HOSTILE}1", answer=f"{HOSTILE}2", state="answered")
    answer = RepeatedAnswer(turn=turn, answer=f"{HOSTILE}3")
    html = replay_html(ReplayState(total=1, answers=(answer,)))
    assert "<img" not in html
    for number in "123":
        assert f"&lt;img src=x onerror=alert(1)&gt;{number}" in html


def test_the_answers_that_differ_are_counted_and_shown() -> None:
    answers = (repeated("a dog", "a dog"), repeated("red", "blue"))
    html = replay_html(ReplayState(total=2, answers=answers))
    assert "1 of 2 answers differ" in html and "<del>red</del> <ins>blue</ins>" in html
    assert "a dog" not in html
    assert "the answer is the same" in replay_html(ReplayState(total=1, answers=answers[:1]))
    assert "again: the answer differs" in replay_html(ReplayState(total=1, answers=answers[1:]))


def test_a_stopped_answer_is_the_same_where_the_new_one_begins_like_it() -> None:
    assert repeated("a d", "a dog", "stopped").is_same
    assert not repeated("a d", "a dog").is_same and not repeated("a c", "a dog", "stopped").is_same


def test_progress_and_a_stop_are_said_with_numbers() -> None:
    state = ReplayState(total=3, answers=(repeated("a", "a"),))
    assert "loading" in replay_html(replace(state, is_loading=True))
    assert replay_html(state) == "<p>Asking again: 2 of 3 …</p>"
    assert "Stopped after 1 of 3 answers" in replay_html(replace(state, is_stopped=True))
    assert "Stopped after 0 of 1 answer." in replay_html(ReplayState(total=1, is_stopped=True))
    assert "no answer to ask for again" in replay_html(ReplayState(total=0))


def test_other_weights_than_those_of_then_are_mentioned() -> None:
    state = ReplayState(total=1, answers=(repeated("a", "a"),), revision="old")
    assert "weights" not in replay_html(state)
    assert "weights" not in replay_html(replace(state, revision=""))
    assert "weights are not those of then" in replay_html(replace(state, revision="new"))
