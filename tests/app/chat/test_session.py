"""A visit changes only where it should, whatever order its events come in."""

import copy

from PIL import Image

from app.chat.conversation import AnswerRating, ChatTurn, StoredConversation
from app.chat.session import REMEMBERED, ChatImage, ChatSession
from blip2core.records import Turn


def picture(key: str, **known: object) -> ChatImage:
    return ChatImage(key=key, shown=Image.new("RGB", (4, 4)), **known)


def talking(*questions: str) -> ChatSession:
    """A visit with a picture and answered questions."""
    visit = ChatSession()
    visit.receive(picture("old"))
    for question in questions:
        visit.ask(question)
        visit.change(visit.open_entry.number, answer="yes", state="answered")
    return visit


def test_first_picture_is_taken_at_once() -> None:
    visit = talking()
    visit.receive(picture("new"))
    assert (visit.picture.key, visit.offered) == ("new", None)


def test_picture_during_a_conversation_is_only_offered() -> None:
    visit = talking("Who?")
    visit.receive(picture("new"))
    assert (visit.picture.key, visit.offered.key, len(visit.entries)) == ("old", "new", 1)


def test_accepted_picture_ends_the_conversation() -> None:
    visit = talking("Who?")
    visit.receive(picture("new"))
    visit.accept()
    assert (visit.picture.key, visit.offered, visit.entries) == ("new", None, ())


def test_kept_picture_keeps_the_conversation() -> None:
    visit = talking("Who?")
    visit.receive(picture("new"))
    visit.keep()
    assert (visit.picture.key, visit.offered, len(visit.entries)) == ("old", None, 1)


def test_the_same_picture_again_changes_nothing() -> None:
    visit = talking("Who?")
    visit.receive(picture("old"))
    assert (visit.offered, len(visit.entries)) == (None, 1)


def test_removed_picture_stays_the_topic_of_its_conversation() -> None:
    silent, talked = talking(), talking("Who?")
    silent.remove()
    talked.remove()
    assert silent.picture is None
    assert talked.picture.key == "old"


def test_what_was_learned_is_found_again() -> None:
    visit = talking()
    assert visit.learn(picture("old", features="features", caption="a dog"))
    visit.receive(picture("new"))
    visit.receive(picture("old"))
    assert (visit.picture.features, visit.picture.caption) == ("features", "a dog")


def test_what_comes_late_does_not_bring_a_picture_back() -> None:
    visit = talking()
    visit.receive(picture("new"))
    assert not visit.learn(picture("old", caption="a dog"))
    assert visit.picture.key == "new"


def test_few_pictures_are_remembered() -> None:
    visit = ChatSession()
    for number in range(REMEMBERED + 1):
        visit.receive(picture(str(number)))
        visit.learn(picture(str(number), caption="seen"))
    visit.receive(picture("0"))
    assert visit.picture.caption == ""
    visit.receive(picture(str(REMEMBERED)))
    assert visit.picture.caption == "seen"


def test_conversation_holds_what_was_answered() -> None:
    visit = talking("Who?", "Where?")
    visit.ask("Why?")
    visit.change(visit.open_entry.number, answer="No answer", state="failed")
    visit.ask("How?")
    visit.change(visit.open_entry.number, answer="by the")
    visit.stop()
    visit.ask("When?")
    visit.stop()
    visit.ask("Still open?")
    assert visit.conversation.turns == (
        Turn(question="Who?", answer="yes"),
        Turn(question="Where?", answer="yes"),
        Turn(question="How?", answer="by the"),
    )


def test_stopped_answer_is_told_and_takes_no_more() -> None:
    visit = talking()
    visit.ask("Who?")
    entry = visit.open_entry
    visit.change(entry.number, answer="a")
    visit.stop()
    assert entry.stop.is_set()
    assert not visit.change(entry.number, answer="a dog")
    assert (visit.entries[0].answer, visit.entries[0].state) == ("a", "stopped")


def test_cleared_answer_does_not_come_back() -> None:
    visit = talking()
    visit.ask("Who?")
    entry = visit.open_entry
    visit.clear()
    visit.ask("Where?")
    assert not visit.change(entry.number, answer="a dog")
    assert visit.open_entry.question == "Where?"


def test_each_visitor_starts_with_nothing() -> None:
    assert copy.deepcopy(talking("Who?")).entries == ()


def opening(kind: str = "import", key: str = "elsewhere") -> StoredConversation:
    entries = (ChatTurn(question="Who?", answer="a dog", state="answered"),)
    return StoredConversation(picture=picture(key), entries=entries, kind=kind)


def test_each_visitor_finds_the_example() -> None:
    first = copy.deepcopy(ChatSession(opening=opening("example")))
    second = copy.deepcopy(first)
    first.ask("Where?")
    assert (len(first.entries), len(second.entries)) == (2, 1)
    assert not first.is_untouched and second.is_untouched
    assert first.uid != second.uid


def test_imported_talk_asks_before_it_replaces_another() -> None:
    visit = talking("Who?")
    visit.receive_talk(opening())
    assert (visit.topic[:3], visit.offered.key) == ("old", "elsewhere")
    visit.keep()
    visit.accept()
    assert visit.picture.key == "old" and len(visit.entries) == 1
    visit.receive_talk(opening())
    visit.accept()
    assert (visit.picture.key, visit.entries[0].answer) == ("elsewhere", "a dog")
    assert visit.opening.kind == "import" and not visit.is_untouched


def test_another_talk_about_the_same_picture_is_another_topic() -> None:
    visit = talking()
    topic = visit.topic
    visit.receive_talk(opening(key="old"))
    assert visit.picture.key == "old" and visit.topic != topic


def test_example_whose_picture_is_chosen_begins_anew() -> None:
    visit = ChatSession(opening=opening("example"))
    topic = visit.topic
    visit.receive(picture("elsewhere"))
    assert visit.entries == () and visit.topic != topic


def test_a_picture_offered_after_a_talk_comes_without_it() -> None:
    visit = talking("Who?")
    visit.receive_talk(opening())
    visit.receive(picture("new"))
    visit.accept()
    assert (visit.picture.key, visit.entries) == ("new", ())


def test_cut_takes_all_that_came_after() -> None:
    visit = talking("Who?", "Where?")
    visit.ask("Why?")
    waiting, second = visit.open_entry, visit.entries[1]
    assert visit.cut(second.number) == second
    assert waiting.stop.is_set() and [e.question for e in visit.entries] == ["Who?"]
    assert visit.cut(second.number) is None


def test_only_answers_are_judged() -> None:
    visit = talking("Who?")
    visit.ask("Where?")
    answered, waiting = visit.entries
    assert visit.judge(waiting.number, AnswerRating(liked=True)) is None
    assert visit.judge(answered.number, AnswerRating(liked=True)).verdict.liked
    assert visit.judge(answered.number, None).verdict is None
