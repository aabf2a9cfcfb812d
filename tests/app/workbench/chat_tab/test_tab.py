"""The handlers of the chat tab, without a browser."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from app.chat.conversation import AnswerRating, StoredConversation
from app.chat.feedback import LONGEST_TEXT, AnswerFeedback
from app.chat.generation_settings import NAMES
from app.chat.session import ChatSession
from app.inference import pool
from app.workbench.chat_tab.handlers import (
    on_ask,
    on_edit,
    on_like,
    on_model_change,
    on_new_conversation,
    on_reason,
    on_refused,
    on_replay,
    on_retry,
    on_stop_answer,
    on_type,
    on_undo,
    respond,
    store_feedback,
)
from app.workbench.chat_tab.transcript import inert, turn_at
from app.workbench.events import SKIP
from app.workbench.image.panel import caption_image, on_upload
from blip2core.errors import ModelUnavailableError
from blip2core.records import Generated
from tests.app.chat.test_generation_settings import PAGE
from tests.app.visitor import answered, ask, contents, upload
from tests.app.workbench.chat_tab.test_saving import Spent
from tests.fakes import FakeGenerator, fake_services

CONTROLS = [PAGE[name] for name in NAMES]


def test_answers_stream_and_history_reaches_the_model(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small dog", "Where?": "there"})
    on_ask(session, " Who? ")
    answers = respond(fake_services(generator), session)
    steps = [contents(update.chat["value"])[-1] for update in answers]
    assert steps == ["…", "a", "a small", "a small dog", "a small dog"]
    assert contents(ask(session, generator, "Where?")) == ["Who?", "a small dog", "Where?", "there"]
    assert generator.prompts[-1] == "Question: Who? Answer: a small dog\nQuestion: Where? Answer:"


def test_prompt_is_shown_as_it_was_read(session: ChatSession) -> None:
    generator = FakeGenerator()
    on_ask(session, "Who?")
    *_, last = respond(fake_services(generator), session)
    assert last.prompt["label"] == "Prompt of the latest question"
    assert last.prompt["value"] == generator.prompts[-1] == "Question: Who? Answer:"


def test_a_line_is_drawn_above_the_turns_that_are_sent(session: ChatSession) -> None:
    """Three of them, with the embedded model."""
    generator = FakeGenerator(answers=dict.fromkeys("12345", "yes"))
    for question in "1234":
        messages = ask(session, generator, question)
    (place,) = (place for place, message in enumerate(messages) if "metadata" in message)
    assert contents(messages[:place]) == ["1", "yes"]
    ask(session, generator, "5")
    assert [number in generator.prompts[-1] for number in "1234"] == [False, True, True, True]


def test_how_many_turns_are_sent_can_be_chosen(session: ChatSession) -> None:
    generator = FakeGenerator(answers=dict.fromkeys("123", "yes"))
    services = fake_services(generator)
    for question in "12":
        ask(session, generator, question)
    chosen = [(PAGE | {"history": "1"})[name] for name in NAMES]
    typed = on_type(services, session, "3", *chosen)
    assert "1" not in typed.prompt["value"] and "Question: 2" in typed.prompt["value"]
    assert "metadata" in typed.chat["value"][2]  # the line moves at once
    assert on_type(services, session, "3 ", *chosen).chat is SKIP
    on_ask(session, "3", *chosen)
    list(respond(services, session))
    assert generator.prompts[-1].count("Question:") == 2


@pytest.mark.parametrize(
    ("question", "notice"), [("  ", "Type a question"), ("Who?", "Choose an image")]
)
def test_what_cannot_be_asked_is_said(question: str, notice: str, session: ChatSession) -> None:
    settings = ChatSession() if question.strip() else session
    update = on_ask(settings, question)
    assert notice in update.trouble and update.notice == ""
    assert "value" not in update.question  # what was typed stays
    assert settings.turns == ()


def test_second_question_waits_for_the_first(session: ChatSession) -> None:
    on_ask(session, "Who?")
    assert "Wait for the answer" in on_ask(session, "Where?").trouble


def test_undecided_image_comes_first(session: ChatSession, tmp_path: Path) -> None:
    ask(session, FakeGenerator(), "Who?")
    file = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    assert on_upload(session, file).decision["visible"]
    assert "new image" in on_ask(session, "Where?").trouble


def test_failure_keeps_secrets_and_the_next_question_works(
    session: ChatSession, caplog: pytest.LogCaptureFixture
) -> None:
    generator = FakeGenerator(answers={"Who?": "!", "Where?": "there"})
    failed = contents(ask(session, generator, "Who?"))[-1]
    assert "reference" in failed and "secret" not in failed
    reference = failed.partition("reference ")[2][:4]
    assert reference in caplog.text and "secret" in caplog.text
    assert contents(ask(session, generator, "Where?"))[-1] == "there"
    assert "Who?" not in generator.prompts[-1]


def test_question_too_long_is_explained(session: ChatSession) -> None:
    generator = FakeGenerator(context_limit=45)
    assert "fewer words" in contents(ask(session, generator, "Is it " * 50))[-1]


def test_stop_keeps_what_there_is(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    on_ask(session, "Who?")
    answering = respond(fake_services(generator), session)
    for _ in range(3):
        next(answering)
    stopped = on_stop_answer(session)
    assert contents(stopped.chat["value"])[-1] == "a small … (stopped)"
    assert stopped.question["submit_btn"] == "Ask"
    rest = [contents(update.chat["value"])[-1] for update in answering]
    assert rest == ["a small … (stopped)"]
    assert generator.running == 0


def test_closed_page_ends_the_answer(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    on_ask(session, "Who?")
    answering = respond(fake_services(generator), session)
    for _ in range(3):
        next(answering)
    answering.close()
    assert generator.running == 0


def test_question_that_found_no_room_in_the_queue_can_be_tried_again(session: ChatSession) -> None:
    on_ask(session, "Who?")
    refused = on_refused(session)
    assert "Too many" in contents(refused.chat["value"])[-1]
    assert refused.question["submit_btn"] == "Ask"
    on_retry(session, on(0))
    assert contents(answered(session, fake_services(FakeGenerator()))) == ["Who?", "Who?"]


def test_lost_connection_keeps_what_there_is(session: ChatSession) -> None:
    on_ask(session, "Who?")
    answering = respond(fake_services(FakeGenerator(answers={"Who?": "a small dog"})), session)
    for _ in range(3):
        next(answering)
    assert contents(on_refused(session).chat["value"])[-1] == "a small … (stopped)"


def test_new_conversation_forgets(session: ChatSession) -> None:
    generator = FakeGenerator()
    ask(session, generator, "Who?")
    assert on_new_conversation(session).chat["value"] == []
    ask(session, generator, "Where?")
    assert generator.prompts[-1] == "Question: Where? Answer:"


def test_visitors_share_nothing(session: ChatSession) -> None:
    generator, other = FakeGenerator(), ChatSession()
    ask(session, generator, "Who?")
    assert other.turns == () and other.image is None


def test_question_waits_for_the_model(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "POLL_SECONDS", 0)
    services = fake_services(None)
    on_ask(session, "Who?")
    answering = respond(services, session)
    assert "loading" in contents(next(answering).chat["value"])[-1]
    services.engine.pair("").loading.set_result(FakeGenerator(answers={"Who?": "a dog"}))
    assert contents([*answering][-1].chat["value"])[-1] == "a dog"


def test_model_that_could_not_be_loaded_is_explained(session: ChatSession) -> None:
    services = fake_services(ModelUnavailableError("Run this and that."))
    on_ask(session, "Who?")
    assert "Run this and that." in contents(answered(session, services))[-1]
    *_, last = caption_image(services, session)
    assert last.caption == "" and "Run this and that." in last.notice


def on(index: int, **data: Any) -> SimpleNamespace:
    """What Gradio says of the message that a button belongs to."""
    return SimpleNamespace(index=index, **data)


def talking(session: ChatSession, generator: FakeGenerator) -> None:
    for question in ("Who?", "Where?"):
        ask(session, generator, question)


def test_settings_decide_how_it_is_asked(session: ChatSession) -> None:
    generator = FakeGenerator()
    on_ask(session, "Who?", *CONTROLS)
    *_, last = respond(fake_services(generator), session)
    assert generator.prompts[-1] == "Question: Who? Short answer:"
    turn = session.turns[-1]
    assert (turn.settings.decode.mode, turn.settings.decode.seed) == ("sample", 7)
    assert (turn.model, turn.revision) == ("stickers-opt", generator.revision)
    assert turn.prompt == generator.prompts[-1] and turn.seconds is not None
    assert "7" in last.seed["info"] and "Room" in last.context_bar


def test_a_drawn_seed_is_kept_with_the_answer(session: ChatSession) -> None:
    on_ask(session, "Who?", *(PAGE[n] if n != "seed" else "" for n in NAMES))
    *_, last = respond(fake_services(FakeGenerator()), session)
    assert str(session.turns[-1].settings.decode.seed) in last.seed["info"]


def test_settings_that_cannot_be_are_said_and_the_question_stays(session: ChatSession) -> None:
    wrong = [40 if name == "min_new_tokens" else value for name, value in PAGE.items()]
    update = on_ask(session, "Who?", *wrong)
    assert "min_new_tokens (40)" in update.trouble and "value" not in update.question
    assert session.turns == ()


def test_retry_asks_the_latest_question_again(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    on_retry(session, on(2), *CONTROLS)
    messages = answered(session, fake_services(generator))
    assert contents(messages) == ["Who?", "Who?", "Where?", "Where?"]
    assert len(generator.prompts) == 3 and generator.prompts[-1].endswith("Short answer:")


def test_retry_after_a_failure_works(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "!"})
    ask(session, generator, "Who?")
    generator.answers["Who?"] = "a dog"
    on_retry(session, on(0))
    assert contents(answered(session, fake_services(generator))) == ["Who?", "a dog"]


@pytest.mark.parametrize("index", [99, -1, [7, 0]])
def test_messages_that_are_not_there_change_nothing(session: ChatSession, index: Any) -> None:
    talking(session, FakeGenerator())
    before = session.turns
    assert "nothing" in on_retry(session, on(index)).trouble
    assert "nothing" in on_edit(session, on(index, value="Why?")).trouble
    on_undo(session, "", on(index))
    on_like(session, on(index, liked=True))
    assert session.turns == before


def test_undo_gives_the_question_back(session: ChatSession) -> None:
    talking(session, FakeGenerator())
    update = on_undo(session, "", on(2))
    assert contents(update.chat["value"]) == ["Who?", "Who?"]
    assert update.question["value"] == "Where?"
    assert "value" not in on_undo(session, "half typed", on(0)).question
    assert session.turns == ()


def test_edited_question_takes_the_later_turns_with_it(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    on_edit(session, on(0, value="What?"))
    assert contents(answered(session, fake_services(generator))) == ["What?", "What?"]
    assert generator.prompts[-1] == "Question: What? Answer:"


def test_markup_in_a_question_is_edited_as_it_was_typed(session: ChatSession) -> None:
    ask(session, FakeGenerator(), "Who?")
    on_edit(session, on(0, value=inert("<b>Who</b> & what?")))
    assert session.open_turn.question == "<b>Who</b> & what?"


@pytest.mark.parametrize("words", ["  ", "x" * 2001])
def test_question_is_not_edited_away(session: ChatSession, words: str) -> None:
    talking(session, FakeGenerator())
    before = session.turns
    assert "role" in on_edit(session, on(0, value=words)).trouble
    assert session.turns == before


def test_retry_during_an_answer_stops_it(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    services = fake_services(generator)
    on_ask(session, "Who?")
    first = respond(services, session)
    for _ in range(3):
        next(first)
    on_retry(session, on(0))
    assert list(first)[-1].chat["value"][-1]["content"] == "…"
    assert contents(answered(session, services)) == ["Who?", "a small brown dog"]
    assert generator.running == 0


def test_thumb_and_reason_are_kept(session: ChatSession) -> None:
    kept: list[AnswerFeedback] = []
    services = replace(fake_services(FakeGenerator()), feedback=kept.append)
    talking(session, FakeGenerator())
    update = on_like(session, on(1, liked=False))
    assert update.chat["feedback_value"] == ["Dislike", None] and update.reason["visible"]
    assert "wrong" in update.reason["label"]
    assert store_feedback(services, session) == ""
    on_reason(session, "x" * 2000)
    assert session.turns[0].rating == AnswerRating(liked=False, reason="x" * 1000)
    on_reason(session, " wrong animal ")
    store_feedback(services, session)
    assert session.turns[0].rating == AnswerRating(liked=False, reason="wrong animal")
    assert [(f.liked, f.reason, f.question) for f in kept] == [
        (False, "", "Who?"),
        (False, "wrong animal", "Who?"),
    ]
    assert kept[0].event_id == kept[1].event_id and len(kept[0].image_sha256) == 64
    update = on_like(session, on(1, liked=""))
    store_feedback(services, session)
    assert update.chat["feedback_value"] == [None, None] and not update.reason["visible"]
    assert kept[-1].liked is None


def test_a_rating_takes_of_the_share_of_a_visitor(
    session: ChatSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To take one back is free."""
    kept: list[AnswerFeedback] = []
    services = replace(fake_services(FakeGenerator()), feedback=kept.append)
    talking(session, FakeGenerator())
    on_like(session, on(1, liked=True))
    monkeypatch.setattr("app.shares._shares", [Spent()])
    assert "No more ratings today" in store_feedback(services, session) and not kept
    on_like(session, on(1, liked=""))
    assert store_feedback(services, session) == "" and kept[0].liked is None


def test_a_rating_of_an_imported_turn_is_as_short_as_others(session: ChatSession) -> None:
    kept: list[AnswerFeedback] = []
    services = replace(fake_services(FakeGenerator()), feedback=kept.append)
    talking(session, FakeGenerator(answers={"Who?": "a" * 18_000}))
    on_like(session, on(1, liked=True))
    store_feedback(services, session)
    assert len(kept[0].answer) == LONGEST_TEXT


def test_feedback_that_cannot_be_stored_is_said(
    session: ChatSession, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(feedback: AnswerFeedback) -> None:
        raise OSError("/home/someone/disk full")

    talking(session, FakeGenerator())
    on_like(session, on(1, liked=True))
    services = replace(fake_services(FakeGenerator()), feedback=broken)
    said = store_feedback(services, session)
    assert "not stored" in said and "reference" in said and "someone" not in said
    assert session.turns[0].rating == AnswerRating(liked=True)


def test_typing_shows_prompt_and_room_without_the_model(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    before = (len(generator.prompts), generator.vision_calls)
    reading = on_type(fake_services(generator), session, "Why?", *CONTROLS)
    assert reading.prompt["value"].endswith(
        "Question: Where? Short answer: Where?\nQuestion: Why? Short answer:"
    )
    assert "typing" in reading.prompt["label"] and "question 4" in reading.context_bar
    reading = on_type(fake_services(generator), session, "", *CONTROLS)
    assert reading.prompt["value"] == generator.prompts[-1]
    assert (len(generator.prompts), generator.vision_calls) == before
    wrong = [40 if name == "min_new_tokens" else value for name, value in PAGE.items()]
    reading = on_type(fake_services(generator), session, "Why?", *wrong)
    assert "min_new_tokens (40)" in reading.context_bar and reading.prompt == SKIP
    assert on_type(fake_services(None), session, "Why?", *CONTROLS).context_bar == ""


def test_a_question_without_room_is_refused_with_the_count_while_it_is_typed(
    session: ChatSession,
) -> None:
    generator = FakeGenerator(context_limit=60)
    services, long = fake_services(generator), "Is there " * 20
    said = "The question is too long: 43 tokens, where the model has room for 30."
    assert said in on_type(services, session, long, *CONTROLS).context_bar
    assert said in on_ask(session, long, *CONTROLS).trouble
    assert session.turns == ()
    on_type(services, session, "Who?", *CONTROLS)
    assert on_ask(session, "Who?", *CONTROLS).trouble == ""
    assert len(session.turns) == 1


def test_typed_prompt_is_the_one_that_is_read(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    reading = on_type(fake_services(generator), session, "Why?", *CONTROLS)
    on_ask(session, "Why?", *CONTROLS)
    answered(session, fake_services(generator))
    assert reading.prompt["value"] == generator.prompts[-1]


def test_replay_says_which_answers_differ(session: ChatSession) -> None:
    generator = FakeGenerator()
    talking(session, generator)
    services = fake_services(generator)
    assert "all 2 answers are the same" in [*on_replay(services, session)][-1].replay_message
    generator.answers["Who?"] = "<b>another</b>"
    last = [*on_replay(services, session)][-1]
    assert "1 of 2 answers differ" in last.replay_message
    assert "<del>Who?</del> <ins>&lt;b&gt;another" in last.replay_message
    assert generator.prompts[-1] == generator.prompts[1], "history as it was then"
    assert last.question["submit_btn"] == "Ask" and not session.is_busy


def test_replay_stops(session: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    talking(session, generator)
    replaying = on_replay(fake_services(generator), session)
    assert next(replaying).question["stop_btn"] == "Stop"
    assert "Wait" in on_ask(session, "Why?").trouble
    next(replaying)
    on_stop_answer(session)
    assert "Stopped after 0 of 2" in [*replaying][-1].replay_message
    assert generator.running == 0 and not session.is_busy


def test_other_weights_are_said(session: ChatSession) -> None:
    talking(session, FakeGenerator(revision="1" * 64))
    words = [*on_replay(fake_services(FakeGenerator()), session)][-1].replay_message
    assert "weights are not those of then" in words


def test_no_replay_of_what_fails(session: ChatSession) -> None:
    talking(session, FakeGenerator())
    services = fake_services(FakeGenerator(answers={"Who?": "!"}))
    assert "No replay (reference" in [*on_replay(services, session)][-1].replay_message
    assert not session.is_busy


@pytest.mark.parametrize("question", ["a\ud800 dog", "\x00a dog", " a dog\u2028"])
def test_signs_that_cannot_be_shown_do_not_come_into_a_talk(
    session: ChatSession, question: str
) -> None:
    shown = ask(session, FakeGenerator(), question)
    assert contents(shown)[0] == "a dog"
    json.dumps(shown).encode("utf-8")
    assert "Type a question" in on_ask(session, "\ud800").trouble


def test_what_is_pasted_and_too_long_is_refused_with_the_count(session: ChatSession) -> None:
    words = "what animal " * 300
    told = on_type(fake_services(FakeGenerator()), session, words, *CONTROLS)
    assert "at most 2,000 characters; this one has 3,600" in str(told.context_bar)
    assert "this one has 3,599" in on_ask(session, words, *CONTROLS).trouble
    assert session.turns == ()


@pytest.mark.parametrize("index", [None, [], {}, "a", [None], ["1"], -1, 99, True, [[0]], 0.5])
def test_a_made_up_index_is_of_no_turn(session: ChatSession, index: Any) -> None:
    ask(session, FakeGenerator(), "Who?")
    assert turn_at(session, index) is None
    assert turn_at(session, 1) is turn_at(session, [1, 0]) is session.turns[0]


def test_what_a_model_is_sent_is_said(session: ChatSession) -> None:
    *_, history = on_model_change(ChatSession("stickers-opt"))
    assert ("This model's own: the latest 3, as measured", "own") in history["choices"]
    *_, history = on_model_change(ChatSession("blip2-opt-2.7b"))
    assert ("This model's own: the latest, up to 256 tokens", "own") in history["choices"]


def test_too_many_beams_for_the_memory_become_none(session: ChatSession) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch names it."""

    class Small(FakeGenerator):
        def stream_answer(self, features: Any, prompt: str, *, decode: Any, **_: Any) -> Any:
            if decode.mode == "beam":
                raise OutOfMemoryError
            yield Generated(text="a dog", tokens=(1, 2))

    on_ask(session, "Who?", *("beam" if name == "mode" else PAGE[name] for name in NAMES))
    messages = contents(answered(session, fake_services(Small())))
    assert messages[-1] == "a dog" and "too small for 4 beams" in messages[-2]
    assert session.turns[0].settings.decode.mode == "greedy"


def test_example_makes_room_unasked_until_it_is_talked_with(
    session: ChatSession, tmp_path: Path
) -> None:
    talking(session, FakeGenerator())
    example = StoredConversation(image=session.image, turns=session.turns, kind="example")
    file = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    untouched, touched = ChatSession(stored=example), ChatSession(stored=example)
    on_upload(untouched, file)
    assert (untouched.offered, untouched.turns, untouched.stored) == (None, (), None)
    generator = FakeGenerator()
    ask(touched, generator, "Why?")
    assert generator.prompts[-1].startswith("Question: Who? Answer: Who?")
    on_upload(touched, file)
    assert touched.offered is not None and len(touched.turns) == 3
