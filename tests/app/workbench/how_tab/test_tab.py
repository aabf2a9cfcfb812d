"""The way of an answer, followed with real tiny models and no browser."""

import html
import re
from types import SimpleNamespace

import pytest

from app.chat.features import generator_features
from app.chat.session import ChatSession
from app.inference.answer_steps import AnswerSteps, follow_answer
from app.inference.cancellable import CancellableTask
from app.inference.explain_tasks import ExplainedAnswer
from app.services import Services
from app.workbench.events import SKIP
from app.workbench.how_tab.tab import on_follow, on_open_step
from app.workbench.image.panel import caption_image
from blip2core.errors import ConfigError
from blip2core.explain.next_words import next_words
from blip2core.images import open_image
from blip2core.models import Generator
from tests import tiny
from tests.fakes import fake_services


@pytest.fixture(scope="module")
def services() -> Services:
    return fake_services(
        tiny.generator(tiny.blip2()), tiny.matcher(tiny.retrieval()), max_new_tokens=5
    )


def steps_of(services: Services, session: ChatSession, **said: str) -> AnswerSteps:
    features = generator_features(services.engine, session, session.image)
    explained = ExplainedAnswer(question="Who?", prompt="Question: Who? Answer:", **said)
    given = (features, open_image(session.image.data), explained, "a red bird")
    *_, last = services.engine.each(follow_answer, session.model, *given)
    return last.result


def tell(session: ChatSession, question: str, answer: str) -> None:
    """A question that was answered."""
    session.ask(question)
    assert session.change(session.turns[-1].number, state="answered", answer=answer)


def shown(services: Services, session: ChatSession) -> str:
    """Words of the page after an answer was followed."""
    *_, update = on_follow(services, session, CancellableTask())
    return re.sub(
        r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", update.message + update.table))
    )


def test_figures_are_those_of_the_models(services: Services, session: ChatSession) -> None:
    steps = steps_of(services, session, answer="a car")
    sizes, generator = steps.sizes, services.engine.pair(session.model).generator
    assert (sizes.side, sizes.patch, steps.grid) == (tiny.IMAGE_SIZE, 14, (2, 2))
    assert (sizes.encoder_layers, sizes.encoder_width) == (2, 24)
    assert (sizes.queries, sizes.qformer_width, sizes.qformer_layers) == (tiny.QUERIES, 16, 2)
    assert sizes.cross_layers == 1
    features = generator_features(services.engine, session, session.image)
    assert sizes.word_width == features.queries.shape[-1]
    assert steps.prompt_tokens == generator.count_tokens("Question: Who? Answer:")
    assert [one.share for one in steps.maps] == sorted(
        (one.share for one in steps.maps), reverse=True
    )
    assert sum(one.share for one in steps.maps) == pytest.approx(1)
    assert steps.match.text == "a red bird"
    assert "".join(word.written.piece for word in steps.words).strip() in "a car"


def test_an_answer_is_read_as_it_was_written_with_or_without_a_space(
    services: Services, session: ChatSession
) -> None:
    """A text is kept without its tokens, and the other way to cut it is an unlikely one."""
    steps = steps_of(services, session, answer="a car")
    generator: Generator = services.engine.pair(session.model).generator
    features = generator_features(services.engine, session, session.image)
    chances = []
    for text in ("a car", " a car"):
        tokens = generator.tokenizer(text, add_special_tokens=False).input_ids
        words = next_words(generator, features, "Question: Who? Answer:", tokens)
        chances.append(words[0].written.probability)
    assert chances[0] != chances[1]
    assert steps.words[0].written.probability == max(chances)


def test_without_an_answer_there_is_nothing_to_follow(
    services: Services, session: ChatSession
) -> None:
    with pytest.raises(ConfigError, match="no answer and no caption yet"):
        steps_of(services, session)
    assert "no answer and no caption yet" in shown(services, session)


def test_the_caption_is_followed_then_the_latest_answer(
    services: Services, session: ChatSession
) -> None:
    list(caption_image(services, session))
    said = shown(services, session)
    assert "Followed: the caption" in said
    assert "2 × 2 = 4 of 14 pixels" in said and "40 × 20 pixels" in said
    tell(session, "What <b>animal</b> is there?", "a <i>car</i>")
    said = shown(services, session)
    assert "Followed: the question “What <b>animal</b> is there?”" in said
    assert "“a <i>car</i>”" in said


def test_hostile_words_are_no_markup(services: Services, session: ChatSession) -> None:
    list(caption_image(services, session))
    tell(session, "<img src=x onerror=alert(1)>", "<script>a</script>")
    *_, update = on_follow(services, session, CancellableTask())
    assert "<img src=x" not in update.table and "&lt;img src=x" in update.table
    assert "<script>" not in update.table and "&lt;script&gt;" in update.table


def test_a_model_without_a_q_former_says_so(session: ChatSession) -> None:
    services = fake_services(
        tiny.generator(tiny.blip_captioner(), family="blip"),
        tiny.matcher(tiny.retrieval()),
        max_new_tokens=5,
    )
    list(caption_image(services, session))
    assert "has no Q-Former to look into" in shown(services, session)


@pytest.mark.parametrize("name", ["inside", "chat", "match"])
def test_a_step_opens_its_tab(name: str) -> None:
    assert on_open_step(SimpleNamespace(_data={"tab": name})).selected == name


@pytest.mark.parametrize("sent", [{"tab": "nonsense"}, {"tab": ["chat"]}, {}, None])
def test_a_step_opens_nothing_else(sent: object) -> None:
    assert on_open_step(SimpleNamespace(_data=sent)) == SKIP
