"""The values that cross modules."""

from blip2core.records import Conversation, Turn


def test_a_conversation_grows_without_changing():
    start = Conversation()
    one = start.add("what is it?", "a dog")
    two = one.add("what colour?", "red")
    assert start.turns == () and one.turns == (Turn(question="what is it?", answer="a dog"),)
    assert [turn.answer for turn in two.turns] == ["a dog", "red"]
