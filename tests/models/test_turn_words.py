"""No caption and no answer holds words of a prompt, such as "question:"."""

from types import SimpleNamespace

import pytest
import torch

from blip2core.config import DecodeConfig
from blip2core.images import open_image
from blip2core.models import Generator, load_generator
from blip2core.models.specs import INSTRUCTION, SHORT, PromptTemplate
from blip2core.models.turn_words import TurnWords
from tests.test_embedded import SAMPLES


@pytest.fixture(scope="module", params=["stickers-opt", "stickers-t5"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return load_generator(request.param, device="cpu")


def ids(generator: Generator, text: str) -> list[int]:
    found: list[int] = generator.tokenizer(text, add_special_tokens=False).input_ids
    return found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a dog question: what", "a dog"),
        ("a dog\nQuestion : what", "a dog"),
        ("a dog question", "a dog"),
        ("a dog? answer: red", "a dog?"),
        ("Question: who", ""),
        ("fourquestion: who", "four"),
        ("a questionable dog", "a questionable dog"),
        ("the answer is 5", "the answer is 5"),
        ("a dog: red", "a dog: red"),
        ("a dog", "a dog"),
    ],
)
def test_an_unfinished_text_ends_before_them(generator: Generator, text: str, left: str) -> None:
    assert generator.turn_words.before(text) == left


def test_short_answer_goes_as_a_whole(generator: Generator) -> None:
    words = TurnWords(generator.tokenizer, SHORT)
    assert words.before("a red car short answer: red") == "a red car"
    assert words.before("a short answer:") == "a"


def test_a_template_without_such_words_has_none(generator: Generator) -> None:
    words = TurnWords(generator.tokenizer, INSTRUCTION)
    tokens = ids(generator, " a dog question: who")
    assert words.before("question: who") == "question: who"
    assert words.openers == () and words.length_before(tokens, sampled=True) is None
    assert words.ended(torch.tensor([tokens[:-1]]), sampled=True).tolist() == [False]


def test_tokens_before_them(generator: Generator) -> None:
    words, dog = generator.turn_words, ids(generator, " a dog")
    with_colon, alone = ids(generator, " question: who"), ids(generator, " question")
    for sampled in (True, False):
        assert words.length_before([*dog, *with_colon], sampled=sampled) == len(dog)
        assert words.length_before(with_colon, sampled=sampled) == 0
        assert words.length_before(dog, sampled=sampled) is None
    assert words.length_before([*dog, *alone], sampled=True) == len(dog)
    assert words.length_before([*dog, *alone], sampled=False) is None


def test_only_the_rows_that_lead_into_them_end(generator: Generator) -> None:
    texts = [" a dog question:", " a small dog:", " a red cat question"]
    rows = [ids(generator, text) for text in texts]
    longest = max(map(len, rows))
    padded = torch.tensor([[generator.reader.pad_token] * (longest - len(r)) + r for r in rows])
    assert generator.turn_words.ended(padded, sampled=False).tolist() == [True, False, False]
    assert generator.turn_words.ended(padded, sampled=True).tolist() == [True, False, True]


def test_words_in_pieces_are_found_by_their_letters() -> None:
    pieces = {1: " a dog", 2: " Que", 3: "stion", 4: ":", 5: " who"}

    def tokenizer(text: str, **_: object) -> SimpleNamespace:
        return SimpleNamespace(input_ids=[9, 9])

    tokenizer.decode = lambda tokens, **_: "".join(pieces[token] for token in tokens)  # type: ignore[attr-defined]
    tokenizer.get_vocab = lambda: {word: n for n, word in pieces.items()}  # type: ignore[attr-defined]
    words = TurnWords(tokenizer, PromptTemplate())
    assert words.openers == ()
    assert words.length_before([1, 2, 3, 4, 5], sampled=True) == 1


@pytest.mark.parametrize(
    "decode",
    [
        DecodeConfig(max_new_tokens=12),
        DecodeConfig(mode="beam", beams=3, max_new_tokens=12),
        DecodeConfig(mode="sample", seed=1, max_new_tokens=12),
    ],
    ids=lambda decode: decode.mode,
)
def test_writing_ends_where_a_new_turn_begins(
    generator: Generator, decode: DecodeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that always goes on with a question, in a batch and with beams."""
    script = ids(generator, " a dog question: what animal is it")
    head = generator.language_model.lm_head
    original = head.forward
    # With beams a decoder alone reads the prompt once beforehand.
    prompts = int(decode.mode == "beam" and not generator.reader.is_encoder_decoder)
    start = [-prompts]

    def wanted(hidden: torch.Tensor) -> torch.Tensor:
        token = script[max(0, min(start[0], len(script) - 1))]
        start[0] += 1
        logits: torch.Tensor = original(hidden)
        logits[..., token] += 1e3
        return logits

    features = generator.encode(
        [open_image(SAMPLES / name) for name in ("beach-1.png", "sea-2.png")]
    )
    monkeypatch.setattr(head, "forward", wanted)
    texts = generator.answer(features, ["Question: Who? Answer:"] * 2, decode=decode)
    assert [text.text for text in texts] == ["a dog", "a dog"]
    assert [text.cut_off or text.stopped for text in texts] == [False, False]
    assert [list(text.tokens) for text in texts] == [script[:2]] * 2
    assert start[0] <= 5, "nothing is written for nobody"


def test_samples_of_many_hold_no_words_of_the_prompt(generator: Generator) -> None:
    features = generator.encode([open_image(SAMPLES / "beach-1.png")])
    decode = DecodeConfig(mode="sample", temperature=2.0, top_p=1.0, seed=5, max_new_tokens=24)
    captions = generator.caption(features, num=60, decode=decode)[0]
    asked = "Question: What animal is there? Answer:"
    answers = generator.caption(features, prompt=asked, num=60, decode=decode)[0]
    texts = [text.text.lower() for text in (*captions, *answers)]
    assert len(set(texts)) > 60
    assert [text for text in texts if "question" in text or "answer" in text] == []
    assert all(texts), "none begins with them"
