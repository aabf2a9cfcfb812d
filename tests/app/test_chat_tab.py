"""The handlers of the chat tab, without a browser."""

from pathlib import Path

import pytest
from PIL import Image

from app import lane
from app.panel import look, on_upload
from app.tabs.chat import on_ask, on_fresh, on_stop, respond
from app.visit import Visit
from blip2core.errors import ModelUnavailableError
from tests.app.visitor import ask, contents, upload
from tests.fakes import FakeGenerator, fake_services


def test_answers_stream_and_history_reaches_the_model(visit: Visit) -> None:
    generator = FakeGenerator(answers={"Who?": "a small dog", "Where?": "there"})
    on_ask(visit, " Who? ")
    steps = [contents(messages)[-1] for messages, _ in respond(fake_services(generator), visit)]
    assert steps == ["…", "a", "a small", "a small dog", "a small dog"]
    assert contents(ask(visit, generator, "Where?")) == ["Who?", "a small dog", "Where?", "there"]
    assert generator.prompts[-1] == "Question: Who? Answer: a small dog\nQuestion: Where? Answer:"


def test_prompt_is_shown_as_it_was_read(visit: Visit) -> None:
    generator = FakeGenerator()
    on_ask(visit, "Who?")
    *_, (_, prompt) = respond(fake_services(generator), visit)
    assert prompt == generator.prompts[-1] == "Question: Who? Answer:"


def test_dropped_turns_are_shown(visit: Visit) -> None:
    generator = FakeGenerator(answers={"Who?": "a dog"}, context_limit=50)  # 40 are the answer's
    ask(visit, generator, "Who?")
    messages = ask(visit, generator, "And where is it now?")
    left_out = messages[-2]
    assert "1" not in left_out["content"] and left_out["content"] == "Who? a dog"
    assert "lack of room" in left_out["metadata"]["title"]


@pytest.mark.parametrize(
    ("question", "notice"), [("  ", "Type a question"), ("Who?", "Choose a picture")]
)
def test_what_cannot_be_asked_is_said(question: str, notice: str, visit: Visit) -> None:
    asking = Visit() if question.strip() else visit
    _, box, said = on_ask(asking, question)
    assert notice in said
    assert "value" not in box  # what was typed stays
    assert asking.entries == ()


def test_second_question_waits_for_the_first(visit: Visit) -> None:
    on_ask(visit, "Who?")
    assert "Wait for the answer" in on_ask(visit, "Where?")[2]


def test_undecided_picture_comes_first(visit: Visit, tmp_path: Path) -> None:
    ask(visit, FakeGenerator(), "Who?")
    file = upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue"))
    _, _, _, decision, *_ = on_upload(visit, file)
    assert decision["visible"]
    assert "new picture" in on_ask(visit, "Where?")[2]


def test_failure_keeps_secrets_and_the_next_question_works(
    visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    generator = FakeGenerator(answers={"Who?": "!", "Where?": "there"})
    failed = contents(ask(visit, generator, "Who?"))[-1]
    assert "reference" in failed and "secret" not in failed
    reference = failed.partition("reference ")[2][:4]
    assert reference in caplog.text and "secret" in caplog.text
    assert contents(ask(visit, generator, "Where?"))[-1] == "there"
    assert "Who?" not in generator.prompts[-1]


def test_question_too_long_is_explained(visit: Visit) -> None:
    generator = FakeGenerator(context_limit=45)
    assert "fewer words" in contents(ask(visit, generator, "Is it " * 50))[-1]


def test_stop_keeps_what_there_is(visit: Visit) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    on_ask(visit, "Who?")
    answering = respond(fake_services(generator), visit)
    for _ in range(3):
        next(answering)
    messages, box = on_stop(visit)
    assert contents(messages)[-1] == "a small … (stopped)"
    assert box["submit_btn"] == "Ask"
    assert [contents(shown)[-1] for shown, _ in answering] == ["a small … (stopped)"]
    assert generator.running == 0


def test_closed_page_ends_the_answer(visit: Visit) -> None:
    generator = FakeGenerator(answers={"Who?": "a small brown dog"})
    on_ask(visit, "Who?")
    answering = respond(fake_services(generator), visit)
    for _ in range(3):
        next(answering)
    answering.close()
    assert generator.running == 0


def test_new_conversation_forgets(visit: Visit) -> None:
    generator = FakeGenerator()
    ask(visit, generator, "Who?")
    assert on_fresh(visit)[0] == []
    ask(visit, generator, "Where?")
    assert generator.prompts[-1] == "Question: Where? Answer:"


def test_visitors_share_nothing(visit: Visit) -> None:
    generator, other = FakeGenerator(), Visit()
    ask(visit, generator, "Who?")
    assert other.entries == () and other.picture is None


def test_question_waits_for_the_model(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "POLL_SECONDS", 0)
    services = fake_services(None)
    on_ask(visit, "Who?")
    answering = respond(services, visit)
    assert "loading" in contents(next(answering)[0])[-1]
    services.engine.pair("").loading.set_result(FakeGenerator(answers={"Who?": "a dog"}))
    assert contents([*answering][-1][0])[-1] == "a dog"


def test_model_that_could_not_be_loaded_is_explained(visit: Visit) -> None:
    services = fake_services(ModelUnavailableError("Run this and that."))
    on_ask(visit, "Who?")
    *_, (messages, _) = respond(services, visit)
    assert "Run this and that." in contents(messages)[-1]
    *_, (caption, notice) = look(services, visit)
    assert caption == "" and "Run this and that." in notice
