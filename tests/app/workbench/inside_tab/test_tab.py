"""The handlers of the tab that looks inside, with real tiny models and no browser."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from PIL import Image

from app.chat.example import shipped_example
from app.chat.session import ChatSession
from app.inference.explain_tasks import focus_of, patches_of
from app.services import Services
from app.workbench.image.panel import caption_image, on_upload
from app.workbench.inside_tab.tab import (
    ENDED,
    EXAMPLE,
    LookUpdate,
    asked_of,
    idle_box,
    on_caption,
    on_export_trace,
    on_inspected_text,
    on_look,
    on_mask,
    on_start,
    on_stop_look,
    on_test,
    on_topic,
    on_use_answer,
)
from app.workbench.inside_tab.table_link import on_look_inside
from blip2core.errors import ConfigError
from blip2core.models import Generator, Matcher
from blip2core.models.vision import share_encoder
from tests import tiny
from tests.app.visitor import upload
from tests.fakes import fake_services
from tests.stacks import HEADS, LAYERS, QUERIES, WORDS, make_trace

TEXT = "a red bird"


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Matcher]:
    """A generator and a matcher that share an image encoder, as the embedded ones do."""
    generator = tiny.generator(tiny.blip2())
    model, processor = tiny.retrieval()
    model.vision_model.load_state_dict(generator.model.vision_model.state_dict())
    matcher = tiny.matcher((model, processor))
    assert share_encoder(generator, matcher).shared
    return generator, matcher


@pytest.fixture
def services(pair: tuple[Generator, Matcher]) -> Services:
    return fake_services(*pair, max_new_tokens=5)


def last(updates: Iterator[Any]) -> Any:
    *_, update = updates
    return update


def finding(update: dict[str, Any]) -> dict[str, Any]:
    return update["findings"]


def seen_by(services: Services, session: ChatSession, text: str = TEXT) -> Any:
    """What a visitor has on screen after a look."""
    return last(on_look(services, session, text)).seen


def test_one_look_sends_everything(services: Services, session: ChatSession) -> None:
    updates = list(on_look(services, session, TEXT))
    whats = [finding(update.explorer)["what"] for update in updates[:-1]]
    assert whats == sorted(set(whats), key=whats.index) and len(whats) == 3
    seen, update = updates[-1]
    assert seen.key == session.image.key
    assert [word["text"] for word in update["value"]["words"]] == TEXT.split()
    assert update["value"]["image"]["src"].startswith("data:image/jpeg")
    assert update["findings"] == ENDED


def test_image_is_encoded_once_whatever_is_asked(
    pair: tuple[Generator, Matcher], services: Services, session: ChatSession
) -> None:
    before = pair[0].vision.calls
    list(caption_image(services, session))
    seen = seen_by(services, session)
    last(on_test(services, session, seen, {"signal": "gradcam"}))
    last(on_mask(services, session, seen, {"patches": [1]}))
    seen_by(services, session, "something else")
    assert pair[0].vision.calls == before + 1


def test_without_an_image_the_visitor_is_told(services: Services) -> None:
    update = on_start(ChatSession())
    assert "Choose an image first" in finding(update.explorer)["message"]
    assert update.text == idle_box()
    assert len(list(on_look(services, ChatSession(), TEXT))) == 1


def test_button_becomes_stop_at_once(session: ChatSession) -> None:
    update = on_start(session)
    assert update.text["stop_btn"] == "Stop" and update.text["submit_btn"] is False
    assert finding(update.explorer)["state"] == "running"


def test_stopped_look_gives_the_button_back() -> None:
    update = on_stop_look()
    assert update.text["submit_btn"] == "Look inside" and update.text["stop_btn"] is False
    assert update.explorer["findings"] == ENDED


def test_offered_image_comes_first(
    services: Services, session: ChatSession, tmp_path: Path
) -> None:
    session.ask("Who?")
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    assert "new image" in finding(on_start(session).explorer)["message"]
    assert [*on_look(services, session, TEXT)] == [LookUpdate()]


def test_text_of_a_table_comes_into_the_box(session: ChatSession) -> None:
    event = SimpleNamespace(_data={"text": "a red bird" * 100})
    update = on_look_inside(session, event)
    assert update.session is session and update.tabs.selected == "inside"
    assert update.inspected_text == session.inspected_text == ("a red bird" * 100)[:500]
    assert on_inspected_text(session)["value"] == update.inspected_text


def test_no_text_means_the_caption(services: Services, session: ChatSession) -> None:
    said = finding(last(on_look(services, session, " ")).explorer)
    assert "no caption yet" in said["message"]
    list(caption_image(services, session))
    stack = last(on_look(services, session, "")).explorer["value"]
    assert stack["text"] == session.image.caption


def test_loading_is_said(session: ChatSession) -> None:
    first = next(on_look(fake_services(None), session, TEXT))
    assert finding(first.explorer)["what"] == "The model is loading"


def test_trouble_has_a_reference_and_no_path(session: ChatSession) -> None:
    services = fake_services(RuntimeError("/home/someone/secret"), RuntimeError())
    message = finding(last(on_look(services, session, TEXT)).explorer)["message"]
    assert message.startswith("Could not look inside (reference ") and "secret" not in message


def test_matcher_without_queries_is_named(
    pair: tuple[Generator, Matcher], tiny_blip_matcher: Matcher, session: ChatSession
) -> None:
    services = fake_services(pair[0], tiny_blip_matcher)
    message = finding(last(on_look(services, session, TEXT)).explorer)["message"]
    assert "no Q-Former to look into" in message


def test_look_at_a_replaced_image_is_given_up(
    services: Services, session: ChatSession, tmp_path: Path
) -> None:
    looking = on_look(services, session, TEXT)
    next(looking)
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    assert list(looking) == []


def test_map_is_measured_against_chance(services: Services, session: ChatSession) -> None:
    seen = seen_by(services, session)
    updates = list(on_test(services, session, seen, {"signal": "attention", **whole(), "query": 1}))
    done = [finding(update)["done"] for update in updates[:-1]]
    assert done == sorted(done)
    result = finding(updates[-1])["result"]
    assert len(result["deletion"]) == len(result["random"]) == len(result["shown"])
    # The random weights of this model say nothing of any text: nothing is said for a map.
    assert "Deletion" in result["verdict"] and "do not read this map" in result["verdict"]
    assert (result["good"], result["sanity"]) == (False, "")
    assert json.dumps(updates[-1])


def test_answers_with_and_without_patches(
    pair: tuple[Generator, Matcher], services: Services, session: ChatSession
) -> None:
    list(caption_image(services, session))
    seen = seen_by(services, session)
    result = finding(last(on_mask(services, session, seen, {"patches": [0, 1, 2]})))["result"]
    assert result["before"]["answer"] == session.image.caption
    match = pair[1].match(session.image.features, [TEXT])[0]
    assert result["before"]["itm"] == pytest.approx(match.itm)
    assert result["after"]["itc"] != pytest.approx(result["before"]["itc"], abs=1e-6)
    assert (result["hidden"], result["patches"]) == (3, 4)


@pytest.mark.parametrize("sent", [None, {}, {"patches": []}, {"patches": [4]}, {"patches": ["0"]}])
def test_wrong_patches_are_refused_in_words(
    services: Services, session: ChatSession, sent: Any
) -> None:
    update = last(on_mask(services, session, seen_by(services, session), sent))
    assert finding(update)["message"].startswith("Not asked: ")
    assert "reference" not in finding(update)["message"]


def test_what_was_seen_of_another_image_is_not_tested(
    services: Services, session: ChatSession, tmp_path: Path
) -> None:
    seen = seen_by(services, session)
    on_upload(session, upload(tmp_path, "blue.png", Image.new("RGB", (40, 20), "blue")))
    for update in (
        last(on_test(services, session, seen, {"signal": "gradcam"})),
        last(on_mask(services, session, None, {"patches": [0]})),
    ):
        assert "Press “Look inside” first" in finding(update)["message"]


def test_another_topic_ends_what_was_seen(session: ChatSession) -> None:
    seen, update = on_topic(session)
    assert seen is None and update["value"] is None and update["findings"] == ENDED


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="there is no example")
def test_shipped_conversation_comes_with_its_look() -> None:
    arrived = ChatSession("stickers-opt", shipped_example())
    stack = on_topic(arrived).explorer["value"]
    assert stack["text"] == arrived.image.caption
    assert stack["answer"]["prompt"].endswith(f"{arrived.turns[-1].question} Answer:")


def test_box_shows_the_caption_and_leaves_the_value_alone() -> None:
    assert on_caption("a red bird") == {
        "__type__": "update",
        "placeholder": "Empty: its caption, a red bird",
    }


def test_latest_answer_is_followed(services: Services, session: ChatSession) -> None:
    read = "Question: What animal is there? Answer: a cow\nQuestion: Where? Answer:"
    for question, answer, prompt in (
        ("What animal is there?", "a cow", ""),
        ("Where?", "left", read),
    ):
        session.ask(question)
        session.change(session.turns[-1].number, state="answered", answer=answer, prompt=prompt)
    assert on_use_answer(session, "") == "left"
    asked = asked_of(services, session, session.model)
    assert (asked.question, asked.answer, asked.prompt) == ("Where?", "left", read)
    answer = last(on_look(services, session, TEXT)).explorer["value"]["answer"]
    assert answer["prompt"] == read
    assert "".join(token["text"] for token in answer["tokens"]).strip() == "left"


def answered_thrice(session: ChatSession) -> list[str]:
    """Give a session three turns, two of them with the same answer; return their prompts."""
    prompts = ["Question: A? Answer:", "Question: A? Answer: b\nQuestion: B? Answer:", "C? Answer:"]
    for question, answer, prompt in zip("ABC", "bbc", prompts, strict=True):
        dropped = session.conversation.turns if question == "C" else ()
        session.ask(f"{question}?")
        session.change(
            session.turns[-1].number,
            state="answered",
            answer=answer,
            prompt=prompt,
            dropped=dropped,
            model="stickers-opt",
        )
    return prompts


@pytest.mark.parametrize(("turn", "sent"), [(0, ""), (1, ", sent with 1 turn before it"), (2, "")])
def test_why_follows_the_answer_in_question_with_its_own_prompt(
    services: Services, session: ChatSession, turn: int, sent: str
) -> None:
    prompts = answered_thrice(session)
    asked_about = session.turns[turn]
    session.questioned, session.inspected_text = asked_about.number, asked_about.answer
    stack = last(on_look(services, session, asked_about.answer)).explorer["value"]
    assert stack["answer"]["prompt"] == prompts[turn]
    assert "".join(token["text"] for token in stack["answer"]["tokens"]).strip() == "bbc"[turn]
    assert stack["why"] is True
    start = f"“{asked_about.answer}” answered “{asked_about.question}”{sent}. Each word"
    assert stack["note"].startswith(start) and "is by" not in stack["note"]


def test_another_text_asks_no_more_of_that_answer(services: Services, session: ChatSession) -> None:
    prompts = answered_thrice(session)
    session.questioned = session.turns[0].number
    stack = last(on_look(services, session, TEXT)).explorer["value"]
    assert stack["answer"]["prompt"] == prompts[2] and "why" not in stack


def test_an_answer_that_is_gone_is_not_in_question(
    services: Services, session: ChatSession
) -> None:
    answered_thrice(session)
    session.questioned = session.turns[2].number
    session.cut(session.questioned)
    stack = last(on_look(services, session, "c")).explorer["value"]
    assert stack["answer"]["prompt"].endswith("Question: B? Answer:") and "why" not in stack


def test_why_names_the_model_of_an_answer_by_another_one(
    services: Services, session: ChatSession
) -> None:
    answered_thrice(session)
    session.questioned, session.model = session.turns[0].number, "stickers-t5"
    note = last(on_look(services, session, "b")).explorer["value"]["note"]
    assert note.endswith("The answer is by stickers-opt; what you see is how stickers-t5 reads it.")


def test_without_an_answer_the_caption_is_followed(
    services: Services, session: ChatSession
) -> None:
    assert on_use_answer(session, "my words") == "my words"
    list(caption_image(services, session))
    template = services.engine.pair(session.model).generator.spec.template
    asked = asked_of(services, session, session.model)
    assert (asked.prompt, asked.answer) == (template.caption, session.image.caption)


def test_numbers_can_be_taken_along(services: Services, session: ChatSession) -> None:
    seen = seen_by(services, session)
    files = {}
    for kind in ("npz", "json"):
        file = on_export_trace(seen, kind)["file"]
        assert file["name"] == f"attention-a-red-bird.{kind}"
        files[kind] = base64.b64decode(file["data"])
    arrays = numpy.load(io.BytesIO(files["npz"]), allow_pickle=False)
    assert arrays["alone_cross"].shape == tuple(seen.trace.alone.cross.shape)
    assert json.loads(files["json"])["text"] == TEXT
    assert "Press “Look inside” first" in finding(on_export_trace(None, "npz"))["message"]


def whole() -> dict[str, int]:
    return {"layer": -1, "head": -1}


def test_map_on_screen_becomes_method_and_focus() -> None:
    trace = make_trace()
    shown = {"signal": "attention", "layer": 1, "head": 0, "query": 3}
    method, focus = focus_of(trace, shown)
    assert method == "cross-attention"
    assert (focus.query, focus.layer, focus.head) == (3, LAYERS[1], 0)
    method, focus = focus_of(trace, shown | {"text": "text", "token": 2})
    assert (method, focus.word) == ("words", 2)
    assert focus_of(trace, shown | {"text": "text", "token": -1})[1].word is None
    assert focus_of(trace, shown | {"signal": "rollout"})[1].query == 3
    assert focus_of(trace, {"signal": "winner"})[0] == "winner"


@pytest.mark.parametrize(
    "shown",
    [
        None,
        {"signal": "__class__"},
        {"signal": ["attention"]},
        {"signal": "attention", "layer": len(LAYERS), "head": 0, "query": 0},
        {"signal": "attention", "layer": 0, "head": HEADS, "query": 0},
        {"signal": "attention", "layer": 0, "head": 0, "query": QUERIES},
        {"signal": "attention", "layer": 0, "head": 0, "query": True},
        {"text": "text", "token": len(WORDS)},
        {"text": "answer", "token": 0},
    ],
)
def test_what_the_browser_says_is_checked(shown: Any) -> None:
    with pytest.raises(ConfigError):
        focus_of(make_trace(), shown)


def test_patches_are_counted_once() -> None:
    assert patches_of(make_trace(), {"patches": [3, 1, 3]}) == [1, 3]
    with pytest.raises(ConfigError, match="from 0 to 15"):
        patches_of(make_trace(), {"patches": [-1]})
