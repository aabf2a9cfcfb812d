"""A session changes only where it should, whatever order its events come in."""

import copy

from PIL import Image

from app.chat.conversation import AnswerRating, ChatTurn, StoredConversation
from app.chat.session import REMEMBERED, ChatImage, ChatSession
from blip2core.records import Turn


def image(key: str, **known: object) -> ChatImage:
    return ChatImage(key=key, shown=Image.new("RGB", (4, 4)), **known)


def talking(*questions: str) -> ChatSession:
    """A session with an image and answered questions."""
    session = ChatSession()
    session.receive(image("old"))
    for question in questions:
        session.ask(question)
        session.change(session.open_turn.number, answer="yes", state="answered")
    return session


def test_first_image_is_taken_at_once() -> None:
    session = talking()
    session.receive(image("new"))
    assert (session.image.key, session.offered) == ("new", None)


def test_image_during_a_conversation_is_only_offered() -> None:
    session = talking("Who?")
    session.receive(image("new"))
    assert (session.image.key, session.offered.key, len(session.turns)) == ("old", "new", 1)


def test_accepted_image_ends_the_conversation() -> None:
    session = talking("Who?")
    session.receive(image("new"))
    session.accept_offer()
    assert (session.image.key, session.offered, session.turns) == ("new", None, ())


def test_kept_image_keeps_the_conversation() -> None:
    session = talking("Who?")
    session.receive(image("new"))
    session.decline_offer()
    assert (session.image.key, session.offered, len(session.turns)) == ("old", None, 1)


def test_the_same_image_again_changes_nothing() -> None:
    session = talking("Who?")
    session.receive(image("old"))
    assert (session.offered, len(session.turns)) == (None, 1)


def test_removed_image_stays_the_topic_of_its_conversation() -> None:
    silent, talked = talking(), talking("Who?")
    silent.remove()
    talked.remove()
    assert silent.image is None
    assert talked.image.key == "old"


def test_what_was_learned_is_found_again() -> None:
    session = talking()
    assert session.learn(image("old"), features="features", caption="a dog")
    session.receive(image("new"))
    session.receive(image("old"))
    assert (session.image.features, session.image.caption) == ("features", "a dog")


def test_what_comes_late_does_not_bring_an_image_back() -> None:
    session = talking()
    session.receive(image("new"))
    assert not session.learn(image("old"), caption="a dog")
    assert session.image.key == "new"


def test_few_images_are_remembered() -> None:
    session = ChatSession()
    for number in range(REMEMBERED + 1):
        session.receive(image(str(number)))
        session.learn(image(str(number)), caption="seen")
    session.receive(image("0"))
    assert session.image.caption == ""
    session.receive(image(str(REMEMBERED)))
    assert session.image.caption == "seen"


def test_conversation_holds_what_was_answered() -> None:
    session = talking("Who?", "Where?")
    session.ask("Why?")
    session.change(session.open_turn.number, answer="No answer", state="failed")
    session.ask("How?")
    session.change(session.open_turn.number, answer="by the")
    session.stop()
    session.ask("When?")
    session.stop()
    session.ask("Still open?")
    assert session.conversation.turns == (
        Turn(question="Who?", answer="yes"),
        Turn(question="Where?", answer="yes"),
        Turn(question="How?", answer="by the"),
    )


def test_stopped_answer_is_told_and_takes_no_more() -> None:
    session = talking()
    session.ask("Who?")
    turn = session.open_turn
    session.change(turn.number, answer="a")
    session.stop()
    assert turn.stop.is_set()
    assert not session.change(turn.number, answer="a dog")
    assert (session.turns[0].answer, session.turns[0].state) == ("a", "stopped")


def test_cleared_answer_does_not_come_back() -> None:
    session = talking()
    session.ask("Who?")
    turn = session.open_turn
    session.clear()
    session.ask("Where?")
    assert not session.change(turn.number, answer="a dog")
    assert session.open_turn.question == "Where?"


def test_each_visitor_starts_with_nothing() -> None:
    assert copy.deepcopy(talking("Who?")).turns == ()


def stored(kind: str = "import", key: str = "elsewhere") -> StoredConversation:
    turns = (ChatTurn(question="Who?", answer="a dog", state="answered"),)
    return StoredConversation(image=image(key), turns=turns, kind=kind)


def test_each_visitor_finds_the_example() -> None:
    first = copy.deepcopy(ChatSession(stored=stored("example")))
    second = copy.deepcopy(first)
    first.ask("Where?")
    assert (len(first.turns), len(second.turns)) == (2, 1)
    assert not first.is_untouched and second.is_untouched
    assert first.uid != second.uid


def test_imported_talk_asks_before_it_replaces_another() -> None:
    session = talking("Who?")
    session.receive_conversation(stored())
    assert (session.topic[:3], session.offered.key) == ("old", "elsewhere")
    session.decline_offer()
    session.accept_offer()
    assert session.image.key == "old" and len(session.turns) == 1
    session.receive_conversation(stored())
    session.accept_offer()
    assert (session.image.key, session.turns[0].answer) == ("elsewhere", "a dog")
    assert session.stored.kind == "import" and not session.is_untouched


def test_another_talk_about_the_same_image_is_another_topic() -> None:
    session = talking()
    topic = session.topic
    session.receive_conversation(stored(key="old"))
    assert session.image.key == "old" and session.topic != topic


def test_example_whose_image_is_chosen_begins_anew() -> None:
    session = ChatSession(stored=stored("example"))
    topic = session.topic
    session.receive(image("elsewhere"))
    assert session.turns == () and session.topic != topic


def test_an_image_offered_after_a_talk_comes_without_it() -> None:
    session = talking("Who?")
    session.receive_conversation(stored())
    session.receive(image("new"))
    session.accept_offer()
    assert (session.image.key, session.turns) == ("new", ())


def test_cut_takes_all_that_came_after() -> None:
    session = talking("Who?", "Where?")
    session.ask("Why?")
    waiting, second = session.open_turn, session.turns[1]
    assert session.cut(second.number) == second
    assert waiting.stop.is_set() and [e.question for e in session.turns] == ["Who?"]
    assert session.cut(second.number) is None


def test_only_answers_are_rated() -> None:
    session = talking("Who?")
    session.ask("Where?")
    answered, waiting = session.turns
    assert session.rate(waiting.number, AnswerRating(liked=True)) is None
    assert session.rate(answered.number, AnswerRating(liked=True)).rating.liked
    assert session.rate(answered.number, None).rating is None
