"""The handlers of the chat tab, without a browser."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from app.chat.conversation import AnswerRating, StoredConversation
from app.chat.feedback import Feedback
from app.chat.generation_settings import NAMES
from app.chat.session import ChatSession
from app.chat.transcript import inert
from app.workbench import events
from app.workbench.chat_tab.tab import (
    keep_feedback,
    on_ask,
    on_edit,
    on_fresh,
    on_like,
    on_model,
    on_reason,
    on_refused,
    on_replay,
    on_retry,
    on_stop,
    on_type,
    on_undo,
    respond,
)
from app.workbench.image.panel import caption_image, on_upload
from blip2core.errors import ModelUnavailableError
from tests.app.chat.test_generation_settings import PAGE
from tests.app.visitor import answered, ask, contents, upload
from tests.fakes import FakeGenerator, fake_services

CONTROLS = [PAGE[name] for name in NAMES]


def test_answers_stream_and_history_reaches_the_model(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small dog", "Where?": "there"})
    on_ask(visit, " Who? ")
    steps = [contents(chat["value"])[-1] for chat, *_ in respond(fake_services(generator), visit)]
    assert steps == ["…", "a", "a small", "a small dog", "a small dog"]
    assert contents(ask(visit, generator, "Where?")) == ["Who?", "a small dog", "Where?", "there"]
    assert generator.prompts[-1] == "Question: Who? Answer: a small dog\nQuestion: Where? Answer:"


def test_prompt_is_shown_as_it_was_read(visit: ChatSession) -> None:
    generator = FakeGenerator()
    on_ask(visit, "Who?")
    *_, (_, prompt, _, _) = respond(fake_services(generator), visit)
    assert prompt["label"] == "Prompt of the latest question"
    assert prompt["value"] == generator.prompts[-1] == "Question: Who? Answer:"


def test_dropped_turns_are_shown(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a dog"}, context_limit=50)  # 40 are the answer's
    ask(visit, generator, "Who?")
    messages = ask(visit, generator, "And where is it now?")
    left_out = messages[-2]
    assert "1" not in left_out["content"] and left_out["content"] == "Who? a dog"
    assert "lack of room" in left_out["metadata"]["title"]


@pytest.mark.parametrize(
    ("question", "notice"), [("  ", "Type a question"), ("Who?", "Choose a picture")]
)
def test_what_cannot_be_asked_is_said(question: str, notice: str, visit: ChatSession) -> None:
    asking = ChatSession() if question.strip() else visit
    _, box, *_, said, _ = on_ask(asking, question)
    assert notice in said
    assert "value" not in box  # what was typed stays
    assert asking.entries == ()


def test_second_question_waits_for_the_first(visit: ChatSession) -> None:
    on_ask(visit, "Who?")
    assert "Wait for the answer" in on_ask(visit, "Where?")[-2]


def test_undecided_picture_comes_first(visit: ChatSession, tmp_path: Path) -> None:
    ask(visit, FakeGenerator(), "Who?")
    file = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    _, _, _, decision, *_ = on_upload(visit, file)
    assert decision["visible"]
    assert "new picture" in on_ask(visit, "Where?")[-2]


def test_failure_keeps_secrets_and_the_next_question_works(
    visit: ChatSession, caplog: pytest.LogCaptureFixture
) -> None:
    generator = FakeGenerator(answers={"Who?": "!", "Where?": "there"})
    failed = contents(ask(visit, generator, "Who?"))[-1]
    assert "reference" in failed and "secret" not in failed
    reference = failed.partition("reference ")[2][:4]
    assert reference in caplog.text and "secret" in caplog.text
    assert contents(ask(visit, generator, "Where?"))[-1] == "there"
    assert "Who?" not in generator.prompts[-1]


def test_question_too_long_is_explained(visit: ChatSession) -> None:
    generator = FakeGenerator(context_limit=45)
    assert "fewer words" in contents(ask(visit, generator, "Is it " * 50))[-1]


def test_stop_keeps_what_there_is(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    on_ask(visit, "Who?")
    answering = respond(fake_services(generator), visit)
    for _ in range(3):
        next(answering)
    chat, box, *_ = on_stop(visit)
    assert contents(chat["value"])[-1] == "a small … (stopped)"
    assert box["submit_btn"] == "Ask"
    assert [contents(shown["value"])[-1] for shown, *_ in answering] == ["a small … (stopped)"]
    assert generator.running == 0


def test_closed_page_ends_the_answer(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    on_ask(visit, "Who?")
    answering = respond(fake_services(generator), visit)
    for _ in range(3):
        next(answering)
    answering.close()
    assert generator.running == 0


def test_question_that_found_no_room_in_the_queue_can_be_tried_again(visit: ChatSession) -> None:
    on_ask(visit, "Who?")
    chat, box, *_ = on_refused(visit)
    assert "Too many" in contents(chat["value"])[-1] and box["submit_btn"] == "Ask"
    on_retry(visit, on(0))
    assert contents(answered(visit, fake_services(FakeGenerator()))) == ["Who?", "Who?"]


def test_lost_connection_keeps_what_there_is(visit: ChatSession) -> None:
    on_ask(visit, "Who?")
    answering = respond(fake_services(FakeGenerator(answers={"Who?": "a small dog"})), visit)
    for _ in range(3):
        next(answering)
    assert contents(on_refused(visit)[0]["value"])[-1] == "a small … (stopped)"


def test_new_conversation_forgets(visit: ChatSession) -> None:
    generator = FakeGenerator()
    ask(visit, generator, "Who?")
    assert on_fresh(visit)[0]["value"] == []
    ask(visit, generator, "Where?")
    assert generator.prompts[-1] == "Question: Where? Answer:"


def test_visitors_share_nothing(visit: ChatSession) -> None:
    generator, other = FakeGenerator(), ChatSession()
    ask(visit, generator, "Who?")
    assert other.entries == () and other.picture is None


def test_question_waits_for_the_model(visit: ChatSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "POLL_SECONDS", 0)
    services = fake_services(None)
    on_ask(visit, "Who?")
    answering = respond(services, visit)
    assert "loading" in contents(next(answering)[0]["value"])[-1]
    services.engine.pair("").loading.set_result(FakeGenerator(answers={"Who?": "a dog"}))
    assert contents([*answering][-1][0]["value"])[-1] == "a dog"


def test_model_that_could_not_be_loaded_is_explained(visit: ChatSession) -> None:
    services = fake_services(ModelUnavailableError("Run this and that."))
    on_ask(visit, "Who?")
    assert "Run this and that." in contents(answered(visit, services))[-1]
    *_, (caption, notice) = caption_image(services, visit)
    assert caption == "" and "Run this and that." in notice


def on(index: int, **data: Any) -> SimpleNamespace:
    """What Gradio says of the message that a button belongs to."""
    return SimpleNamespace(index=index, **data)


def talking(visit: ChatSession, generator: FakeGenerator) -> None:
    for question in ("Who?", "Where?"):
        ask(visit, generator, question)


def test_settings_decide_how_it_is_asked(visit: ChatSession) -> None:
    generator = FakeGenerator()
    on_ask(visit, "Who?", *CONTROLS)
    *_, (_, _, meter, seed) = respond(fake_services(generator), visit)
    assert generator.prompts[-1] == "Question: Who? Short answer:"
    entry = visit.entries[-1]
    assert (entry.asking.decode.mode, entry.asking.decode.seed) == ("sample", 7)
    assert (entry.model, entry.revision) == ("stickers-opt", generator.revision)
    assert entry.prompt == generator.prompts[-1] and entry.seconds is not None
    assert "7" in seed["info"] and "Room" in meter


def test_a_drawn_seed_is_kept_with_the_answer(visit: ChatSession) -> None:
    on_ask(visit, "Who?", *(PAGE[n] if n != "seed" else "" for n in NAMES))
    *_, (*_, seed) = respond(fake_services(FakeGenerator()), visit)
    assert str(visit.entries[-1].asking.decode.seed) in seed["info"]


def test_settings_that_cannot_be_are_said_and_the_question_stays(visit: ChatSession) -> None:
    wrong = [40 if name == "min_new_tokens" else value for name, value in PAGE.items()]
    _, box, *_, said, _ = on_ask(visit, "Who?", *wrong)
    assert "min_new_tokens (40)" in said and "value" not in box and visit.entries == ()


def test_retry_asks_the_latest_question_again(visit: ChatSession) -> None:
    generator = FakeGenerator()
    talking(visit, generator)
    on_retry(visit, on(2), *CONTROLS)
    messages = answered(visit, fake_services(generator))
    assert contents(messages) == ["Who?", "Who?", "Where?", "Where?"]
    assert len(generator.prompts) == 3 and generator.prompts[-1].endswith("Short answer:")


def test_retry_after_a_failure_works(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "!"})
    ask(visit, generator, "Who?")
    generator.answers["Who?"] = "a dog"
    on_retry(visit, on(0))
    assert contents(answered(visit, fake_services(generator))) == ["Who?", "a dog"]


@pytest.mark.parametrize("index", [99, -1, [7, 0]])
def test_messages_that_are_not_there_change_nothing(visit: ChatSession, index: Any) -> None:
    talking(visit, FakeGenerator())
    before = visit.entries
    assert "nothing" in on_retry(visit, on(index))[-2]
    assert "nothing" in on_edit(visit, on(index, value="Why?"))[-2]
    on_undo(visit, "", on(index))
    on_like(visit, on(index, liked=True))
    assert visit.entries == before


def test_undo_gives_the_question_back(visit: ChatSession) -> None:
    talking(visit, FakeGenerator())
    chat, box, *_ = on_undo(visit, "", on(2))
    assert contents(chat["value"]) == ["Who?", "Who?"] and box["value"] == "Where?"
    assert "value" not in on_undo(visit, "half typed", on(0))[1]
    assert visit.entries == ()


def test_edited_question_takes_the_later_turns_with_it(visit: ChatSession) -> None:
    generator = FakeGenerator()
    talking(visit, generator)
    on_edit(visit, on(0, value="What?"))
    assert contents(answered(visit, fake_services(generator))) == ["What?", "What?"]
    assert generator.prompts[-1] == "Question: What? Answer:"


def test_markup_in_a_question_is_edited_as_it_was_typed(visit: ChatSession) -> None:
    ask(visit, FakeGenerator(), "Who?")
    on_edit(visit, on(0, value=inert("<b>Who</b> & what?")))
    assert visit.open_entry.question == "<b>Who</b> & what?"


@pytest.mark.parametrize("words", ["  ", "x" * 2001])
def test_question_is_not_edited_away(visit: ChatSession, words: str) -> None:
    talking(visit, FakeGenerator())
    before = visit.entries
    assert "role" in on_edit(visit, on(0, value=words))[-2]
    assert visit.entries == before


def test_retry_during_an_answer_stops_it(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    services = fake_services(generator)
    on_ask(visit, "Who?")
    first = respond(services, visit)
    for _ in range(3):
        next(first)
    on_retry(visit, on(0))
    assert list(first)[-1][0]["value"][-1]["content"] == "…"
    assert contents(answered(visit, services)) == ["Who?", "a small brown dog"]
    assert generator.running == 0


def test_thumb_and_reason_are_kept(visit: ChatSession) -> None:
    kept: list[Feedback] = []
    services = replace(fake_services(FakeGenerator()), feedback=kept.append)
    talking(visit, FakeGenerator())
    chat, why = on_like(visit, on(1, liked=False))
    assert chat["feedback_value"] == ["Dislike", None] and why["visible"]
    assert keep_feedback(services, visit) == ""
    on_reason(visit, " wrong animal ")
    keep_feedback(services, visit)
    assert visit.entries[0].verdict == AnswerRating(liked=False, reason="wrong animal")
    assert [(f.liked, f.reason, f.question) for f in kept] == [
        (False, "", "Who?"),
        (False, "wrong animal", "Who?"),
    ]
    assert kept[0].event_id == kept[1].event_id and len(kept[0].image_sha256) == 64
    chat, why = on_like(visit, on(1, liked=""))
    keep_feedback(services, visit)
    assert chat["feedback_value"] == [None, None] and not why["visible"]
    assert kept[-1].liked is None


def test_feedback_that_cannot_be_stored_is_said(
    visit: ChatSession, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(feedback: Feedback) -> None:
        raise OSError("/home/someone/disk full")

    talking(visit, FakeGenerator())
    on_like(visit, on(1, liked=True))
    services = replace(fake_services(FakeGenerator()), feedback=broken)
    said = keep_feedback(services, visit)
    assert "not stored" in said and "reference" in said and "someone" not in said
    assert visit.entries[0].verdict == AnswerRating(liked=True)


def test_typing_shows_prompt_and_room_without_the_model(visit: ChatSession) -> None:
    generator = FakeGenerator()
    talking(visit, generator)
    before = (len(generator.prompts), generator.vision_calls)
    prompt, meter = on_type(fake_services(generator), visit, "Why?", *CONTROLS)
    assert prompt["value"].endswith(
        "Question: Where? Short answer: Where?\nQuestion: Why? Short answer:"
    )
    assert "typing" in prompt["label"] and "question 4" in meter
    prompt, _ = on_type(fake_services(generator), visit, "", *CONTROLS)
    assert prompt["value"] == generator.prompts[-1]
    assert (len(generator.prompts), generator.vision_calls) == before
    wrong = [40 if name == "min_new_tokens" else value for name, value in PAGE.items()]
    assert "min_new_tokens (40)" in on_type(fake_services(generator), visit, "Why?", *wrong)[1]
    assert on_type(fake_services(None), visit, "Why?", *CONTROLS)[1] == ""


def test_typed_prompt_is_the_one_that_is_read(visit: ChatSession) -> None:
    generator = FakeGenerator()
    talking(visit, generator)
    prompt, _ = on_type(fake_services(generator), visit, "Why?", *CONTROLS)
    on_ask(visit, "Why?", *CONTROLS)
    answered(visit, fake_services(generator))
    assert prompt["value"] == generator.prompts[-1]


def test_replay_says_which_answers_differ(visit: ChatSession) -> None:
    generator = FakeGenerator()
    talking(visit, generator)
    services = fake_services(generator)
    assert "all 2 answers are the same" in [*on_replay(services, visit)][-1][1]
    generator.answers["Who?"] = "<b>another</b>"
    box, words = [*on_replay(services, visit)][-1]
    assert "1 of 2 answers differ" in words
    assert "<del>Who?</del> <ins>&lt;b&gt;another" in words
    assert generator.prompts[-1] == generator.prompts[1], "history as it was then"
    assert box["submit_btn"] == "Ask" and not visit.is_busy


def test_replay_stops(visit: ChatSession) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    talking(visit, generator)
    replaying = on_replay(fake_services(generator), visit)
    box, _ = next(replaying)
    assert box["stop_btn"] == "Stop"
    assert "Wait" in on_ask(visit, "Why?")[-2]
    next(replaying)
    on_stop(visit)
    assert "Stopped after 0 of 2" in [*replaying][-1][1]
    assert generator.running == 0 and not visit.is_busy


def test_other_weights_are_said(visit: ChatSession) -> None:
    talking(visit, FakeGenerator(revision="1" * 64))
    words = [*on_replay(fake_services(FakeGenerator()), visit)][-1][1]
    assert "weights are not those of then" in words


def test_no_replay_of_what_fails(visit: ChatSession) -> None:
    talking(visit, FakeGenerator())
    services = fake_services(FakeGenerator(answers={"Who?": "!"}))
    assert "No replay (reference" in [*on_replay(services, visit)][-1][1]
    assert not visit.is_busy


def test_suggestions_are_what_the_model_knows() -> None:
    assert [state["value"] for state in on_model(ChatSession("stickers-opt"))][
        0
    ] == "What animal is there?"
    photos = on_model(ChatSession("blip2-opt-2.7b"))
    assert "animal" not in str(photos) and all(state["visible"] for state in photos)
    assert not any(
        state["visible"] for state in on_model(ChatSession("blip-image-captioning-base"))
    )


def test_too_many_beams_for_the_memory_become_none(visit: ChatSession) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch names it."""

    class Small(FakeGenerator):
        def stream(self, features: Any, prompt: str, *, decode: Any, stop: Any) -> Any:
            if decode.mode == "beam":
                raise OutOfMemoryError
            yield "a dog"

    on_ask(visit, "Who?", *("beam" if name == "mode" else PAGE[name] for name in NAMES))
    messages = contents(answered(visit, fake_services(Small())))
    assert messages[-1] == "a dog" and "too small for 4 beams" in messages[-2]
    assert visit.entries[0].asking.decode.mode == "greedy"


def test_example_makes_room_unasked_until_it_is_talked_with(
    visit: ChatSession, tmp_path: Path
) -> None:
    talking(visit, FakeGenerator())
    example = StoredConversation(picture=visit.picture, entries=visit.entries, kind="example")
    file = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    untouched, touched = ChatSession(opening=example), ChatSession(opening=example)
    on_upload(untouched, file)
    assert (untouched.offered, untouched.entries, untouched.opening) == (None, (), None)
    generator = FakeGenerator()
    ask(touched, generator, "Why?")
    assert generator.prompts[-1].startswith("Question: Who? Answer: Who?")
    on_upload(touched, file)
    assert touched.offered is not None and len(touched.entries) == 3
