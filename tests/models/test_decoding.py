"""Sampling draws from the right distribution, with numbers of its own."""

import functools

import torch

from blip2core.models.decoding import Sampler, cache_keyword, positions


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
