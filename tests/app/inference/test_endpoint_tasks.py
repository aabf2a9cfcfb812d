"""What programs are told of an answer."""

from collections.abc import Sequence

from app.inference.endpoint_tasks import answer_question
from blip2core.config import DecodeConfig
from blip2core.records import Conversation, Generated
from tests.fakes import FakeFeatures, FakeGenerator, fake_services


class Brief(FakeGenerator):
    """Its answers are cut off."""

    def answer(
        self, features: FakeFeatures, prompts: Sequence[str], **_: object
    ) -> list[Generated]:
        return [Generated(text="a small", tokens=(1, 2), cut_off=True) for _ in prompts]


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
