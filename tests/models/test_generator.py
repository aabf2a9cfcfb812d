"""The generator says what transformers' own classes say, and does the expensive parts once."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from threading import Event
from typing import Any

import pytest
import torch
from PIL import Image

from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, ModelError, TextError
from blip2core.models import Generator, ImageFeatures
from tests import tiny

PROMPTS = ["a cat?", "how many birds are there?", "b"]
SHORT = DecodeConfig(max_new_tokens=10)
BEAM = DecodeConfig(mode="beam", beams=3, max_new_tokens=8, length_penalty=0.5)
SAMPLE = DecodeConfig(mode="sample", seed=7, max_new_tokens=10, top_p=0.95, temperature=1.3)


def theirs(generator: Generator, image: Image.Image, prompt: str, **settings: Any) -> list[int]:
    """New tokens by transformers' own `generate` from pixels, one image at a time."""
    inputs = generator.processor(images=image, text=prompt, return_tensors="pt")
    output = generator.model.generate(**inputs, **settings)[0].tolist()
    if generator.reader.is_blip:
        new = output[inputs["input_ids"].shape[1] - 1 :]
    elif generator.language_model.config.is_encoder_decoder:
        new = output[1:]
    else:
        new = output[inputs["input_ids"].shape[1] :]
    end = next((i + 1 for i, token in enumerate(new) if token in generator.end_tokens), len(new))
    return new[:end]


@contextmanager
def counted(module: torch.nn.Module) -> Iterator[list[tuple[int, int]]]:
    """(rows, positions) of each run of a module."""
    runs: list[tuple[int, int]] = []

    def note(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = [named.get("inputs_embeds"), named.get("input_ids"), *arguments]
        seen = next(value for value in given if value is not None)
        runs.append((seen.shape[0], seen.shape[1]))

    handle = module.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield runs
    finally:
        handle.remove()


def test_greedy_tokens_equal_transformers(any_generator, images):
    features = any_generator.encode(images)
    ours = any_generator.answer(features, PROMPTS, decode=SHORT)
    expected = [
        theirs(any_generator, image, prompt, max_new_tokens=10)
        for image, prompt in zip(images, PROMPTS, strict=True)
    ]
    assert [list(answer.tokens) for answer in ours] == expected
    assert len({tuple(tokens) for tokens in expected}) > 1, "the images must matter"


def test_beam_tokens_equal_transformers(any_generator, images):
    ours = any_generator.answer(any_generator.encode(images), PROMPTS, decode=BEAM)
    settings = {"num_beams": 3, "max_new_tokens": 8, "length_penalty": 0.5}
    for answer, image, prompt in zip(ours, images, PROMPTS, strict=True):
        assert list(answer.tokens) == theirs(any_generator, image, prompt, **settings)


def test_an_end_token_ends_and_min_new_tokens_holds_it_back(any_generator, images):
    features = any_generator.encode(images[:1])
    plain = any_generator.answer(features, ["a"], decode=SHORT)[0]
    end = plain.tokens[2]  # make a word it writes early its end token
    known = any_generator.end_tokens
    any_generator.end_tokens = (end,)
    try:
        short = any_generator.answer(features, ["a"], decode=SHORT)[0]
        longer = DecodeConfig(max_new_tokens=10, min_new_tokens=6)
        late = any_generator.answer(features, ["a"], decode=longer)[0]
    finally:
        any_generator.end_tokens = known
    assert short.tokens == plain.tokens[: plain.tokens.index(end) + 1]
    assert end not in late.tokens[:6] and len(late.tokens) > 6


def test_different_prompts_in_a_batch_equal_one_by_one(any_generator, images):
    for decode in (SHORT, BEAM, SAMPLE):
        features = any_generator.encode(images)
        together = any_generator.answer(features, PROMPTS, decode=decode)
        alone = [
            any_generator.answer(features[i], [prompt], decode=decode)[0]
            for i, prompt in enumerate(PROMPTS)
        ]
        assert together == alone, decode.mode


def test_the_encoder_runs_once_for_any_number_of_questions(any_generator, images):
    with counted(any_generator.model.vision_model.encoder) as runs:
        before = any_generator.vision.calls
        features = any_generator.encode(images)
        for _ in range(2):
            any_generator.answer(features, PROMPTS, decode=SHORT)
            any_generator.caption(features, num=2, decode=SAMPLE)
            list(any_generator.stream(features[0], "a", decode=SHORT))
    assert len(runs) == 1 and runs[0][0] == 3
    assert any_generator.vision.calls == before + 1


@pytest.mark.parametrize("decode", [SAMPLE, BEAM], ids=lambda decode: decode.mode)
@pytest.mark.parametrize("kind", ["tiny_generator", "tiny_instructblip"])
def test_many_captions_cost_one_prefill(kind, decode, images, request):
    generator = request.getfixturevalue(kind)
    features = generator.encode(images[:2])
    with counted(generator.language_model) as runs:
        captions = generator.caption(features, prompt="a photo of", num=3, decode=decode)
    assert [len(texts) for texts in captions] == [3, 3]
    prompt = generator.count_tokens("a photo of") + tiny.QUERIES
    assert runs[0] == (2, prompt - 1), "one pass over the prompt, a row for each image"
    assert set(runs[1:]) == {(6, 1)}, "then one position for each text at a time"


def test_many_captions_run_a_t5_encoder_once(tiny_t5_generator, images):
    features = tiny_t5_generator.encode(images[:2])
    with counted(tiny_t5_generator.language_model.encoder) as runs:
        tiny_t5_generator.caption(features, num=3, decode=SAMPLE)
        tiny_t5_generator.caption(features, num=3, decode=BEAM)
    assert [rows for rows, _ in runs] == [2, 2]


def test_prefilled_captions_equal_those_made_alone(any_generator, images):
    features = any_generator.encode(images)
    three = any_generator.caption(features, prompt="ab", num=3, decode=SAMPLE)
    one = any_generator.caption(features, prompt="ab", num=1, decode=SAMPLE)
    assert [texts[0] for texts in three] == [texts[0] for texts in one]
    assert len({text.tokens for text in three[0]}) > 1


def test_beams_equal_transformers_best_several(tiny_generator, images):
    texts = tiny_generator.caption(
        tiny_generator.encode(images[:1]), prompt="a", num=3, decode=BEAM
    )[0]
    inputs = tiny_generator.processor(images=images[0], text="a", return_tensors="pt")
    output = tiny_generator.model.generate(
        **inputs, num_beams=3, num_return_sequences=3, max_new_tokens=8, length_penalty=0.5
    )
    new = output[:, inputs["input_ids"].shape[1] :].tolist()
    assert [list(text.tokens) for text in texts] == new


def test_a_seed_gives_the_same_text_and_leaves_torch_alone(any_generator, images):
    features = any_generator.encode(images)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = any_generator.caption(features, num=2, decode=SAMPLE)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(2)
    assert any_generator.caption(features, num=2, decode=SAMPLE) == first
    other = DecodeConfig(mode="sample", seed=8, max_new_tokens=10)
    assert any_generator.caption(features, num=2, decode=other) != first
    fresh = DecodeConfig(mode="sample", max_new_tokens=10)
    assert any_generator.caption(features, decode=fresh) != any_generator.caption(
        features, decode=fresh
    )


def test_whole_numbers_are_settings_too(tiny_generator, images):
    features = tiny_generator.encode(images[:1])
    whole = {"temperature": 1, "top_p": 1, "repetition_penalty": 1}
    texts = [
        tiny_generator.caption(
            features,
            decode=DecodeConfig(
                mode="sample",
                seed=7,
                max_new_tokens=10,
                **{name: kind(value) for name, value in whole.items()},
            ),
        )[0][0].text
        for kind in (int, float)
    ]
    assert texts[0] == texts[1]


def test_seeds_of_each_image_do_not_depend_on_the_batch(tiny_generator, images):
    features = tiny_generator.encode(images)
    together = tiny_generator.caption(features, num=2, decode=SAMPLE, seeds=[5, 6, 7])
    alone = tiny_generator.caption(features[1], num=2, decode=SAMPLE, seeds=[6])
    assert together[1] == alone[0]
    with pytest.raises(ConfigError, match="one for each of 3"):
        tiny_generator.caption(features, decode=SAMPLE, seeds=[5, 6])


@pytest.mark.parametrize("decode", [SHORT, SAMPLE, BEAM], ids=lambda decode: decode.mode)
def test_logprobs_equal_a_full_pass(decode, any_generator, images):
    features = any_generator.encode(images[:2])
    num = 1 if decode.mode == "greedy" else 2
    captions = any_generator.caption(features, prompt="ab", num=num, decode=decode, logprobs=True)
    for index, texts in enumerate(captions):
        for text in texts:
            expected = full_pass(any_generator, images[index], "ab", text.tokens)
            assert text.logprobs == pytest.approx(expected, abs=2e-4)


def full_pass(
    generator: Generator, image: Image.Image, prompt: str, tokens: tuple[int, ...]
) -> list[float]:
    """Log-probabilities of `tokens` from one forward pass of transformers' class, from pixels."""
    inputs = dict(generator.processor(images=image, text=prompt, return_tensors="pt"))
    new = torch.tensor([tokens])
    if generator.reader.is_blip:
        start = inputs["input_ids"][:, :-1].clone()
        start[0, 0] = generator.model.config.text_config.bos_token_id
        seen = generator.model.vision_model(inputs["pixel_values"]).last_hidden_state
        logits = generator.language_model(
            torch.cat([start, new], dim=1), encoder_hidden_states=seen
        ).logits
    elif generator.language_model.config.is_encoder_decoder:
        start = torch.tensor([[generator.language_model.config.decoder_start_token_id]])
        logits = generator.model(**inputs, decoder_input_ids=torch.cat([start, new], dim=1)).logits
    else:
        words = torch.cat([inputs.pop("input_ids")[:, tiny.QUERIES :], new], dim=1)
        del inputs["attention_mask"]
        image = generator.model.get_image_features(**inputs).pooler_output
        embeds = torch.cat([image, generator.model.get_input_embeddings()(words)], dim=1)
        logits = generator.language_model(inputs_embeds=embeds).logits
    chances = logits[0, -len(tokens) - 1 : -1].log_softmax(dim=-1)
    return chances.gather(1, new.T)[:, 0].tolist()


def test_no_logprobs_unless_asked(tiny_generator, images):
    text = tiny_generator.caption(tiny_generator.encode(images[:1]), decode=SHORT)[0][0]
    assert text.logprobs is None and not text.stopped
    answer = tiny_generator.answer(tiny_generator.encode(images[:1]), ["ab"], decode=SHORT)[0]
    assert answer.logprobs is None


@pytest.mark.parametrize("decode", [SHORT, SAMPLE, BEAM], ids=lambda decode: decode.mode)
def test_stop_ends_within_one_token(decode, any_generator, images):
    stop = Event()
    stop.set()
    answers = any_generator.answer(any_generator.encode(images), PROMPTS, decode=decode, stop=stop)
    assert [len(answer.tokens) for answer in answers] == [1, 1, 1]
    assert all(answer.stopped for answer in answers)


@pytest.mark.parametrize("decode", [SHORT, SAMPLE, BEAM], ids=lambda decode: decode.mode)
def test_stop_in_the_middle_of_a_stream(decode, tiny_generator, images):
    stop = Event()
    with counted(tiny_generator.language_model) as runs:
        for _ in tiny_generator.stream(
            tiny_generator.encode(images[:1]), "a", decode=decode, stop=stop
        ):
            stop.set()
            seen = len(runs)
    assert len(runs) <= seen + 1


@pytest.mark.parametrize("decode", [SHORT, SAMPLE, BEAM], ids=lambda decode: decode.mode)
def test_a_stream_ends_with_the_answer(decode, any_generator, images):
    features = any_generator.encode(images[:1])
    texts = list(any_generator.stream(features, "a", decode=decode))
    assert texts[-1] == any_generator.answer(features, ["a"], decode=decode)[0].text
    assert all(text != after for text, after in pairwise(texts))


def test_an_abandoned_stream_stops_writing(tiny_generator, images):
    long = DecodeConfig(max_new_tokens=60)
    stream = tiny_generator.stream(tiny_generator.encode(images[:1]), "a", decode=long)
    with counted(tiny_generator.language_model) as runs:
        next(stream)
        stream.close()
        written = len(runs)
    assert written < 60


def test_a_stream_raises_what_went_wrong(tiny_generator, images):
    stream = tiny_generator.stream(tiny_generator.encode(images[:1]), "a" * 500)
    with pytest.raises(TextError, match="500|501"):
        next(stream)


def test_text_holds_no_prompt_and_no_end_token(images):
    generator = tiny.generator(tiny.blip2(), end="\n")
    newline = generator.tokenizer("\n", add_special_tokens=False).input_ids[0]
    assert generator.end_tokens == (tiny.EOS, newline)
    with torch.no_grad():  # newline becomes the likeliest word everywhere
        head = generator.language_model.lm_head
        original = head.forward
        head.forward = lambda hidden: (
            original(hidden) + 1e3 * torch.nn.functional.one_hot(torch.tensor(newline), 264)
        )
        answer = generator.answer(generator.encode(images[:1]), ["Question: a? Answer:"])[0]
    assert answer.tokens == (newline,) and answer.text == "" and not answer.stopped


def test_features_of_a_sibling_with_the_same_encoder_are_read_anew(images):
    """Two generators may share an encoder; the queries of one mean nothing to the other."""
    first, second = tiny.generator(tiny.blip2()), tiny.generator(tiny.blip2(seed=1))
    second.model.vision_model.load_state_dict(first.model.vision_model.state_dict())
    second = Generator(second.model, second.processor, second.spec)
    own = second.answer(second.encode(images), PROMPTS, decode=SHORT)
    assert second.answer(first.encode(images), PROMPTS, decode=SHORT) == own


def test_foreign_features_are_refused(tiny_generator, images):
    foreign = tiny.generator(tiny.blip2(seed=1)).encode(images)
    with pytest.raises(ModelError, match="another image encoder"):
        tiny_generator.caption(foreign)


def test_one_image_serves_all_prompts_but_counts_must_fit(tiny_generator, images):
    features = tiny_generator.encode(images)
    assert len(tiny_generator.answer(features[0], PROMPTS, decode=SHORT)) == 3
    with pytest.raises(ModelError, match="2 prompts and 3 images do not fit"):
        tiny_generator.answer(features, PROMPTS[:2])


def test_prompts_that_cannot_be_used(tiny_generator, images):
    features = tiny_generator.encode(images[:1])
    assert tiny_generator.context_limit == 128 - tiny.QUERIES
    assert tiny_generator.count_tokens("abc") == 4
    room = tiny_generator.context_limit - 40
    tiny_generator.answer(features, ["a" * (room - 1)])
    with pytest.raises(TextError, match=f"{room + 1} tokens.*room for {room}"):
        tiny_generator.answer(features, ["a" * room])
    with pytest.raises(TextError, match="<image>"):
        tiny_generator.answer(features, ["what is <image>?"])


@pytest.mark.parametrize(
    ("num", "decode"),
    [(0, SHORT), (2, SHORT), (4, BEAM)],
    ids=["none", "greedy has one", "more than beams"],
)
def test_numbers_of_captions_that_cannot_be(num, decode, tiny_generator, images):
    with pytest.raises(ConfigError, match="num"):
        tiny_generator.caption(tiny_generator.encode(images[:1]), num=num, decode=decode)


def test_features_are_a_batch(tiny_generator, images):
    features = tiny_generator.encode(images)
    assert len(features) == 3 and len(features[1]) == 1 and len(features[1:]) == 2
    again = ImageFeatures.join([features[0], features[[2, 1]]])
    assert torch.equal(again.vision, features.vision[[0, 2, 1]])
    assert torch.equal(again.queries, features.queries[[0, 2, 1]])
    assert features.queries.shape == (3, tiny.QUERIES, 32)
    assert features.vision.shape == (3, 5, 24)


@pytest.mark.parametrize("decode", [SAMPLE, BEAM], ids=lambda decode: decode.mode)
def test_many_captions_grow_together(any_generator, images, decode):
    features = any_generator.encode(images[:1])
    steps = list(any_generator.stream_captions(features, prompt="ab", num=3, decode=decode))
    expected = any_generator.caption(features, prompt="ab", num=3, decode=decode, logprobs=True)
    assert steps[-1] == expected[0]
    assert all(len(texts) == 3 for texts in steps) and len(steps) > 2
    assert [len(texts[0].tokens) for texts in steps[:2]] == [1, 2]


def test_many_captions_that_are_watched_cost_one_prefill(tiny_generator, images):
    features = tiny_generator.encode(images[:1])
    with counted(tiny_generator.language_model) as runs:
        list(tiny_generator.stream_captions(features, prompt="a photo", num=5, decode=SAMPLE))
    assert [rows for rows, positions in runs if positions > 1] == [1]
    assert set(runs[1:]) == {(5, 1)}


def test_many_captions_stop_within_one_token(tiny_generator, images):
    features, stop = tiny_generator.encode(images[:1]), Event()
    stop.set()
    *_, last = tiny_generator.stream_captions(features, num=3, decode=SAMPLE, stop=stop)
    assert [len(text.tokens) for text in last] == [1, 1, 1]
    assert all(text.stopped for text in last)


def test_captions_nobody_waits_for_end(tiny_generator, images):
    long = DecodeConfig(mode="beam", beams=3, max_new_tokens=60)
    steps = tiny_generator.stream_captions(tiny_generator.encode(images[:1]), num=3, decode=long)
    with counted(tiny_generator.language_model) as runs:
        next(steps)
        steps.close()
        written = len(runs)
    assert written < 60
