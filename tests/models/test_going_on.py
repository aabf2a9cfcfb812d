"""An answer that the limit of tokens cut off says so, and goes on where it stands."""

import pytest

from blip2core.config import DecodeConfig
from blip2core.images import open_image
from blip2core.models import Generator, ImageFeatures, load_generator
from blip2core.models.decoding import Written
from tests.test_embedded import SAMPLES

PROMPT, ASKED = "a photo of", "Question: What is in the picture? Answer:"
GREEDY_MODE = DecodeConfig()
BEAMS = DecodeConfig(mode="beam", beams=4)
SAMPLE = DecodeConfig(mode="sample", seed=3, temperature=0.9)
MODES = pytest.mark.parametrize(
    "decode", [GREEDY_MODE, BEAMS, SAMPLE], ids=lambda decode: decode.mode
)
Encoded = tuple[Generator, ImageFeatures]


@pytest.fixture(scope="module", params=["stickers-opt", "stickers-t5"])
def encoded(request: pytest.FixtureRequest) -> Encoded:
    generator = load_generator(request.param, device="cpu")
    return generator, generator.encode([open_image(SAMPLES / "forest-1.png")])


def limited(decode: DecodeConfig, tokens: int) -> DecodeConfig:
    return DecodeConfig(
        mode=decode.mode,
        beams=decode.beams,
        seed=decode.seed,
        temperature=decode.temperature,
        max_new_tokens=tokens,
    )


@MODES
def test_the_limit_of_tokens_is_told_and_an_end_is_none(
    encoded: Encoded, decode: DecodeConfig
) -> None:
    generator, features = encoded
    whole = generator.answer(features, [PROMPT], decode=decode)[0]
    assert not whole.cut_off and whole.tokens[-1] in generator.end_tokens
    short = generator.answer(features, [PROMPT], decode=limited(decode, 3))[0]
    assert short.cut_off and not short.stopped and len(short.tokens) == 3
    exact = limited(decode, len(whole.tokens))
    assert not generator.answer(features, [PROMPT], decode=exact)[0].cut_off


@pytest.mark.parametrize("decode", [GREEDY_MODE, SAMPLE], ids=lambda decode: decode.mode)
@pytest.mark.parametrize("tokens", [1, 2, 3, 4])
def test_an_answer_goes_on_as_it_would_have_in_one_go(
    encoded: Encoded, decode: DecodeConfig, tokens: int
) -> None:
    generator, features = encoded
    whole = generator.answer(features, [ASKED], decode=decode)[0].text
    first = generator.answer(features, [ASKED], decode=limited(decode, tokens))[0]
    assert first.cut_off and whole.startswith(first.text) and whole != first.text
    *_, rest = generator.stream_answer(features, ASKED, begun=first.text, decode=decode)
    assert rest.text == whole and not rest.cut_off


def test_beams_go_on_from_what_stands(encoded: Encoded) -> None:
    generator, features = encoded
    begun = "a yellow key and"
    growing = list(generator.stream_answer(features, PROMPT, begun=begun, decode=BEAMS))
    assert growing[-1].text == "a yellow key and a cow in the forest"
    assert all(text.text.startswith(begun) for text in growing)


@pytest.mark.parametrize("begun", ["a yell", "a yellow k", "a yellow key and a c"])
def test_half_a_word_is_completed_without_a_space(encoded: Encoded, begun: str) -> None:
    generator, features = encoded
    first = generator.tokenizer(f" {begun}", add_special_tokens=False).input_ids
    *_, text = generator.stream_answer(features, PROMPT, begun=begun)
    before = generator.tokenizer.decode(first)
    together = generator.tokenizer.decode([*first, *text.tokens], skip_special_tokens=True)
    assert text.text == begun + together[len(before) :].rstrip()


def test_it_goes_on_in_the_letters_that_stand(encoded: Encoded) -> None:
    generator, features = encoded
    *_, text = generator.stream_answer(features, PROMPT, begun="A Yellow  Key and")
    assert text.text == "A Yellow  Key and a cow in the forest"


def test_instructions_are_read_without_the_answer(tiny_instructblip, images):
    features = tiny_instructblip.encode(images[:1])
    seen = []
    queries = tiny_instructblip.reader.queries
    tiny_instructblip.reader.queries = lambda vision, texts: (
        seen.append(texts) or queries(vision, texts)
    )
    try:
        list(tiny_instructblip.stream_answer(features, "what is it?", begun="a cat"))
    finally:
        del tiny_instructblip.reader.queries
    assert seen == [["what is it?"]]


@MODES
def test_every_kind_of_model_goes_on(any_generator, images, decode):
    features = any_generator.encode(images[:1])
    settings = limited(decode, 4)
    first = any_generator.answer(features, ["ab"], decode=settings)[0]
    growing = list(
        any_generator.stream_answer(features, "ab", begun=first.text or "c", decode=settings)
    )
    assert growing[-1].text.startswith(first.text) and growing[-1].tokens


def test_half_a_character_is_left_out_of_what_was_cut_off(tiny_generator):
    smile = tiny_generator.tokenizer("\N{SLIGHTLY SMILING FACE}", add_special_tokens=False)
    halves = iter(smile.input_ids)
    decoder = tiny_generator._decoder("a", "")
    assert decoder([next(halves)]) == "\N{REPLACEMENT CHARACTER}"
    written = Written(tokens=tuple(smile.input_ids[:2]), logprobs=None, stopped=False, cut_off=True)
    assert tiny_generator._generated(written, decoder).text == ""
