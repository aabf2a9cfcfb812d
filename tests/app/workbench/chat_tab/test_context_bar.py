"""The bar that says how much room is left."""

from dataclasses import replace

import pytest

from app.chat.context_usage import ContextUsage
from app.workbench.chat_tab.context_bar import usage_html

TAKEN = ContextUsage(prompt="", image=16, history=10, question=4, answer=40, total=200)


@pytest.mark.parametrize(("history", "amber"), [(99, False), (100, True)])
def test_amber_from_four_fifths_on(history: int, amber: bool) -> None:
    taken = replace(TAKEN, history=history)
    assert (taken.used >= 160) == amber
    assert ("amber" in usage_html(taken)) == amber
    assert ("new conversation has all the room" in usage_html(taken)) == amber


@pytest.mark.parametrize(
    ("sent", "unsent", "words"),
    [
        (2, 0, ""),
        (3, 4, "Sent with the latest 3 of 7."),
        (1, 1, "Sent with the latest turn of 2."),
        (0, 2, "Sent without the turns before it."),
    ],
)
def test_which_turns_are_sent(sent: int, unsent: int, words: str) -> None:
    html = usage_html(replace(TAKEN, sent=sent, unsent=unsent))
    assert ("Sent" in html) == bool(words) and words in html and "amber" not in html


def test_lack_of_room_is_told() -> None:
    html = usage_html(replace(TAKEN, sent=1, unsent=1, is_crowded=True))
    assert "amber" in html and "no room for more" in html
