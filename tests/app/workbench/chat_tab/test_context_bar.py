"""The bar that says how much room is left."""

from dataclasses import replace

import pytest

from app.chat.context_usage import ContextUsage
from app.workbench.chat_tab.context_bar import usage_html
from blip2core.records import Turn

TAKEN = ContextUsage(prompt="", image=16, history=10, question=4, answer=40, total=200)


@pytest.mark.parametrize(("history", "amber"), [(99, False), (100, True)])
def test_amber_from_four_fifths_on(history: int, amber: bool) -> None:
    taken = replace(TAKEN, history=history)
    assert (taken.used >= 160) == amber
    assert ("amber" in usage_html(taken)) == amber
    assert ("new conversation has all the room" in usage_html(taken)) == amber


def test_questions_cannot_bring_markup() -> None:
    html = usage_html(replace(TAKEN, dropped=(Turn(question="<b>", answer=""),)))
    assert "<b>" not in html and "&lt;b&gt;" in html


def test_turns_without_room_are_named() -> None:
    lost = Turn(question="What animal is there?", answer="a dog")
    html = usage_html(replace(TAKEN, dropped=(lost,)))
    assert "no longer know: “What animal is there?”" in html and "amber" in html
