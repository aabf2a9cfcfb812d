"""The handlers of the chat tab, without a browser."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.tabs import chat
from app.tabs.chat import look, on_ask, on_change, on_example, on_fresh, on_stop, on_upload, respond
from app.visit import Visit
from blip2core.errors import ModelUnavailableError
from tests.fakes import FakeGenerator, fake_services


def upload(folder: Path, name: str, content: bytes | Image.Image, **how: Any) -> dict[str, str]:
    """A file as Gradio hands it over."""
    file = folder / name
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        content.save(file, **how)
    return {"path": str(file), "orig_name": name}


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    """A visitor with a red picture."""
    visit = Visit()
    on_upload(visit, upload(tmp_path, "red.png", Image.new("RGB", (40, 20), "red")))
    return visit


def ask(visit: Visit, generator: FakeGenerator, question: str) -> list[dict[str, Any]]:
    """Ask and take the whole answer; the conversation as shown."""
    on_ask(visit, question)
    *_, (messages, _) = respond(fake_services(generator), visit)
    return messages


def contents(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages]


def test_caption_streams_and_the_picture_is_encoded_once(visit: Visit) -> None:
    generator = FakeGenerator(caption_text="a red bird")
    captions = [caption for caption, _ in look(fake_services(generator), visit)]
    assert captions == ["a", "a red", "a red bird", "a red bird"]
    ask(visit, generator, "Who?")
    ask(visit, generator, "Where?")
    assert generator.vision_calls == 1
    assert visit.picture.pixels is None


def test_going_back_to_a_picture_encodes_nothing(visit: Visit, tmp_path: Path) -> None:
    generator = FakeGenerator()
    services = fake_services(generator)
    files = [
        upload(tmp_path, f"{colour}.png", Image.new("RGB", (40, 20), colour))
        for colour in ("blue", "red", "blue")
    ]
    list(look(services, visit))
    for file in files:
        on_upload(visit, file)
        list(look(services, visit))
    assert generator.vision_calls == 2


def test_caption_of_a_picture_that_was_replaced_is_given_up(visit: Visit, tmp_path: Path) -> None:
    services = fake_services(FakeGenerator(caption_text="a red bird"))
    looking = look(services, visit)
    assert next(looking)[0] == "a"
    on_upload(visit, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    assert list(looking) == []
    assert visit.picture.caption == ""
    assert [*look(services, visit)][-1][0] == "a red bird"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"Dear diary,\n", "note.png: The file is not a picture but a text."), (b"", "is empty")],
)
def test_wrong_file_is_named_and_the_picture_stays(
    visit: Visit, tmp_path: Path, content: bytes, message: str
) -> None:
    _, shown, _, _, notice, *_ = on_upload(visit, upload(tmp_path, "note.png", content))
    assert message in notice
    assert str(tmp_path) not in notice
    assert shown is visit.picture.shown


def test_bomb_is_refused(visit: Visit, tmp_path: Path) -> None:
    bomb = upload(tmp_path, "bomb.png", Image.new("1", (20_000, 20_000)))
    notice = on_upload(visit, bomb)[4]
    assert "bomb.png" in notice and "pixels" in notice


def test_picture_is_shown_upright_and_small(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # stored lying on its side
    photo = upload(tmp_path, "photo.jpg", Image.new("CMYK", (2000, 1000)), exif=exif)
    shown = on_upload(Visit(), photo)[1]
    assert (shown.size, shown.mode) == ((384, 768), "RGB")


def test_example_is_taken_like_an_upload(tmp_path: Path) -> None:
    file = upload(tmp_path, "sample.png", Image.new("RGB", (40, 20)))
    visit = Visit()
    on_example(Path(file["path"]), visit)
    assert visit.picture is not None


def test_message_cannot_bring_markup(visit: Visit, tmp_path: Path) -> None:
    file = upload(tmp_path, "x.png", b"text") | {"orig_name": "<script>alert(1)</script>.png"}
    assert "<script>" not in on_upload(visit, file)[4]


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


def test_emptied_field_says_what_is_talked_about(visit: Visit) -> None:
    ask(visit, FakeGenerator(), "Who?")
    assert "still talk" in on_change(visit, None)[4]


def test_visitors_share_nothing(visit: Visit) -> None:
    generator, other = FakeGenerator(), Visit()
    ask(visit, generator, "Who?")
    assert other.entries == () and other.picture is None


def test_question_waits_for_the_model(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "POLL_SECONDS", 0)
    services = fake_services(None)
    on_ask(visit, "Who?")
    answering = respond(services, visit)
    assert "loading" in contents(next(answering)[0])[-1]
    services.generator.set_result(FakeGenerator(answers={"Who?": "a dog"}))
    assert contents([*answering][-1][0])[-1] == "a dog"


def test_model_that_could_not_be_loaded_is_explained(visit: Visit) -> None:
    services = fake_services(ModelUnavailableError("Run this and that."))
    on_ask(visit, "Who?")
    *_, (messages, _) = respond(services, visit)
    assert "Run this and that." in contents(messages)[-1]
    *_, (caption, notice) = look(services, visit)
    assert caption == "" and "Run this and that." in notice


def test_upload_of_nothing_changes_nothing(visit: Visit) -> None:
    before = visit.picture
    on_upload(visit, None)
    assert visit.picture is before


def test_pixels_reach_the_model_in_full_size(tmp_path: Path) -> None:
    generator, visit, buffer = FakeGenerator(), Visit(), io.BytesIO()
    Image.new("RGB", (1500, 900)).save(buffer, "PNG")
    on_upload(visit, upload(tmp_path, "large.png", buffer.getvalue()))
    list(look(fake_services(generator), visit))
    assert visit.picture.features.sizes == ((1500, 900),)
