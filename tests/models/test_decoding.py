"""Each setting of decoding does what its name says, checked against figures worked out here."""

import functools
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import Tensor

from blip2core.config import DecodeConfig
from blip2core.models import Generator
from blip2core.models.decoding import (
    PreparedPrompt,
    Sampler,
    Writing,
    _sampling,
    cache_keyword,
    positions,
)

PROMPT = "a cat"
STEPS = 16
only_new_tokens = pytest.mark.filterwarnings("ignore:Passing .repetition_penalty. with .inputs_emb")
"""transformers warns that the prompt is left out of the penalty, which is what we want."""
SAMPLED = DecodeConfig(mode="sample", max_new_tokens=STEPS, temperature=0.6, top_p=0.8, seed=3)


def drawn(scores: list[float], numbers: list[float]) -> list[int]:
    """What a sampler chooses in one row for each number."""
    sampler = Sampler(torch.tensor([[number] for number in numbers]))
    rows = torch.tensor([scores] * len(numbers))
    return sampler(torch.empty(len(numbers), 0), rows).argmax(dim=-1).tolist()


def test_numbers_fall_into_the_shares_of_the_tokens():
    scores = torch.tensor([0.5, 0.25, 0.25]).log().tolist()
    assert drawn(scores, [1e-7, 0.49, 0.51, 0.74, 0.76, 1 - 1e-7]) == [0, 0, 1, 1, 2, 2]


def test_tokens_that_were_ruled_out_are_never_drawn():
    out = -float("inf")
    assert set(drawn([out, 0.0, out, 0.0, out], [1e-7, 0.3, 0.7, 1 - 1e-7])) == {1, 3}


def test_only_the_drawn_token_is_left():
    left = Sampler(torch.tensor([[0.9]]))(torch.empty(1, 0), torch.zeros(1, 4))
    assert left.isfinite().tolist() == [[False, False, False, True]]


def test_each_step_has_its_own_number():
    sampler = Sampler(torch.tensor([[0.1, 0.9]]))
    steps = [sampler(torch.empty(1, 0), torch.zeros(1, 2)).argmax().item() for _ in range(2)]
    assert steps == [0, 1]


def test_a_text_that_goes_on_has_the_numbers_it_would_have_had_in_one_go():
    rows = PreparedPrompt(inputs={"attention_mask": torch.ones(1, 4)})
    writing = Writing(decode=SAMPLED, end_tokens=(), pad_token=0)
    whole = _sampling(writing, rows)[-1].draws
    rest = _sampling(writing, replace(rows, standing=2))[-1].draws
    assert rest[0, : STEPS - 2].tolist() == whole[0, 2:].tolist()
    assert rest.shape == whole.shape == (1, STEPS)


def test_shares_over_many_draws():
    numbers = torch.rand(4000, generator=torch.Generator().manual_seed(0))
    chosen = torch.tensor(drawn([2.0, 1.0, 0.0], numbers.clamp(1e-7, 1 - 1e-7).tolist()))
    shares = chosen.bincount(minlength=3) / 4000
    assert torch.allclose(shares, torch.tensor([2.0, 1.0, 0.0]).softmax(0), atol=0.03)


def test_positions_do_not_count_padding():
    mask = torch.tensor([[1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1]])
    assert positions(mask)[0][mask[0] == 1].tolist() == [0, 1, 2, 3]
    assert positions(mask)[1].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_cache_has_the_name_that_the_version_of_transformers_gives_it():
    def before(inputs_embeds, past_key_values=None): ...

    def since(inputs_embeds, cache=None): ...

    @functools.wraps(since)
    def that_still_takes_the_old_name(*args, **kwargs): ...

    assert cache_keyword(before) == "past_key_values"
    assert cache_keyword(since) == cache_keyword(that_still_takes_the_old_name) == "cache"


@pytest.fixture
def next_logits(tiny_generator: Generator, images: list[Image.Image]):
    """Texts of equal length (N, T) -> (N, vocabulary) logits of what follows PROMPT and them.

    One pass of transformers' language model over everything: no cache, no `generate`.
    """
    generator = tiny_generator
    prompt = generator.reader.prompt(generator.encode(images[:1]), [PROMPT], STEPS).inputs
    embed = generator.language_model.get_input_embeddings()

    @torch.no_grad()
    def logits(texts: Sequence[Sequence[int]]) -> Tensor:
        written = torch.tensor([list(text) for text in texts], dtype=torch.long)
        before = prompt["inputs_embeds"].expand(len(texts), -1, -1)
        everything = torch.cat([before, embed(written)], dim=1)
        return generator.language_model(inputs_embeds=everything).logits[:, -1].float()

    return logits


def penalised(logits: Tensor, written: Sequence[int], penalty: float) -> list[float]:
    """Tokens that were written become less likely, whatever the sign of their logit."""
    return [
        value if token not in written else value / penalty if value > 0 else value * penalty
        for token, value in enumerate(logits.tolist())
    ]


def nucleus(chances: Tensor, top_p: float) -> list[int]:
    """The likeliest tokens, one after another until together they have `top_p`."""
    kept, total = [], 0.0
    for token in chances.argsort(descending=True).tolist():
        if total >= top_p:
            break
        kept.append(token)
        total += chances[token].item()
    return sorted(kept)


def sampled_by_hand(next_logits, decode: DecodeConfig, ends: Sequence[int]) -> list[int]:
    """Nucleus sampling, one token at a time, with the numbers of `decode.seed`."""
    numbers, written = random.Random(f"{decode.seed} 0"), []
    for _ in range(decode.max_new_tokens):
        logits = penalised(next_logits([written])[0], written, decode.repetition_penalty)
        chances = (torch.tensor(logits, dtype=torch.float64) / decode.temperature).softmax(dim=0)
        kept = nucleus(chances, decode.top_p)
        heights = chances[kept].cumsum(dim=0)
        below = int((heights < numbers.random() * heights[-1]).sum())
        written.append(kept[below])
        if written[-1] in ends:
            break
    return written


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("changed", [{}, {"temperature": 1.7}, {"top_p": 0.3}])
def test_samples_are_those_drawn_by_hand(changed, seed, tiny_generator, images, next_logits):
    decode = replace(SAMPLED, seed=seed, **changed)
    (text,) = tiny_generator.answer(tiny_generator.encode(images[:1]), [PROMPT], decode=decode)
    assert list(text.tokens) == sampled_by_hand(next_logits, decode, tiny_generator.end_tokens)


@pytest.mark.parametrize(
    "without", [{"temperature": 1.0}, {"top_p": 1.0}, {"repetition_penalty": 1.0}]
)
def test_each_setting_of_sampling_changes_samples(without, tiny_generator, next_logits):
    """What the test above compares with would be something else without the setting."""
    full = replace(SAMPLED, repetition_penalty=3.0)
    ends = tiny_generator.end_tokens
    texts = [
        [sampled_by_hand(next_logits, replace(decode, seed=seed), ends) for seed in range(4)]
        for decode in (full, replace(full, **without))
    ]
    assert texts[0] != texts[1]


@only_new_tokens
@pytest.mark.parametrize("penalty", [1.0, 1.5, 4.0, 0.5])
def test_greedy_takes_the_likeliest_after_the_repetition_penalty(
    penalty, tiny_generator, images, next_logits
):
    decode = DecodeConfig(max_new_tokens=STEPS, repetition_penalty=penalty)
    features = tiny_generator.encode(images[:1])
    (text,) = tiny_generator.answer(features, [PROMPT], decode=decode)
    written: list[int] = []
    for _ in range(len(text.tokens)):
        logits = penalised(next_logits([written])[0], written, penalty)
        written.append(max(range(len(logits)), key=logits.__getitem__))
    assert list(text.tokens) == written
    plain = tiny_generator.answer(features, [PROMPT], decode=replace(decode, repetition_penalty=1))
    assert (text.tokens == plain[0].tokens) == (penalty == 1)


@only_new_tokens
def test_samples_have_the_repetition_penalty(tiny_generator, images, next_logits):
    decode = replace(SAMPLED, repetition_penalty=3.0)
    (text,) = tiny_generator.answer(tiny_generator.encode(images[:1]), [PROMPT], decode=decode)
    assert list(text.tokens) == sampled_by_hand(next_logits, decode, tiny_generator.end_tokens)


def best_of_all(next_logits, end: int, length_penalty: float) -> tuple[int, ...]:
    """The best text of two tokens, or of the end token alone, of all there are.

    Its score is the sum of its log-probabilities divided by length ** length_penalty.
    """
    first = next_logits([[]]).double().log_softmax(dim=-1)[0]
    others = [token for token in range(len(first)) if token != end]
    second = next_logits([[token] for token in others]).double().log_softmax(dim=-1)
    totals = first[others][:, None] + second  # (first token, second token)
    row, last = divmod(int(totals.argmax()), totals.shape[1])
    if first[end] > totals.max() / 2**length_penalty:
        return (end,)
    return others[row], last


def test_beams_are_compared_by_their_score_over_length(tiny_generator, images, next_logits):
    end = int(next_logits([[]])[0].argsort(descending=True)[2])  # neither hopeless nor the best
    winners = {penalty: best_of_all(next_logits, end, penalty) for penalty in (-3.0, 0.0, 3.0)}
    assert winners[-3.0] == (end,) and len(winners[3.0]) == 2, "the penalty decides"
    known, tiny_generator.end_tokens = tiny_generator.end_tokens, (end,)
    try:
        for penalty, winner in winners.items():
            decode = DecodeConfig(mode="beam", beams=8, max_new_tokens=2, length_penalty=penalty)
            features = tiny_generator.encode(images[:1])
            (text,) = tiny_generator.answer(features, [PROMPT], decode=decode)
            assert text.tokens == winner, penalty
    finally:
        tiny_generator.end_tokens = known
