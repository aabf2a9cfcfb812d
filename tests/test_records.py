"""The values that cross modules."""

from blip2core.records import Conversation, Generated, Turn


def test_a_text_was_not_stopped_unless_it_says_so():
    assert not Generated(text="a dog", tokens=(1, 2), logprobs=(-1.0, -2.0)).stopped


def test_a_conversation_grows_without_changing():
    start = Conversation()
    one = start.add("what is it?", "a dog")
    two = one.add("what colour?", "red")
    assert start.turns == () and one.turns == (Turn(question="what is it?", answer="a dog"),)
    assert [turn.answer for turn in two.turns] == ["a dog", "red"]
