"""What programs are told of an answer."""

from collections.abc import Sequence

from app.inference.endpoint_tasks import answer_question
from blip2core.config import DecodeConfig
from blip2core.models.specs import find_spec
from blip2core.records import Conversation, Generated
from blip2core.stickers.taught import CAN_DO
from tests.fakes import FakeFeatures, FakeGenerator, fake_services


class Brief(FakeGenerator):
    """Its answers are cut off."""

    def answer(
        self, features: FakeFeatures, prompts: Sequence[str], **_: object
    ) -> list[Generated]:
        return [Generated(text="a small", tokens=(1, 2), cut_off=True) for _ in prompts]


def test_what_was_never_taught_is_not_asked() -> None:
    generator = FakeGenerator(spec=find_spec("stickers-opt"), caption_text="two red cars")
    pair = fake_services(generator).engine.pair("any")
    asked = FakeFeatures(sizes=((4, 4),)), "Why?", Conversation(), DecodeConfig()
    told = answer_question(pair, *asked)
    assert (told["taught"], told["answer"], told["can_do"]) == (False, "", CAN_DO)
    assert told["try"][0] == "How many cars are there?" and generator.prompts == []
    (first, *_) = answer_question(pair, *asked, True)["try"]
    assert first == "What animal is there?", "nothing is made of an image in doubt"
    told = answer_question(pair, asked[0], "What animal is there?", *asked[2:])
    assert (told["taught"], told["answer"]) == (True, "What animal is there?")


def test_an_answer_comes_with_the_prompt_that_was_read_and_whether_it_was_cut_off() -> None:
    pair = fake_services(Brief()).engine.pair("any")
    talk = Conversation()
    for question in "ABCDE":
        talk = talk.add(f"{question}?", "yes")
    found = answer_question(pair, FakeFeatures(sizes=((4, 4),)), " F? ", talk, DecodeConfig())
    turns = [f"Question: {question}? Answer: yes" for question in "CDE"]
    assert found == {
        "answer": "a small",
        "cut_off": True,
        "prompt": "\n".join([*turns, "Question: F? Answer:"]),
        "dropped": 2,
    }
