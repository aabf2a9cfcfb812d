"""Entropy, class-token share, twins."""

from collections.abc import Callable

import pytest
import torch

from blip2core.explain import Trace
from blip2core.explain.statistics import between_queries, entropy, from_words, statistics


def test_entropy_is_in_bits() -> None:
    shares = torch.tensor([[0.25] * 4, [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.0, 0.0]])
    torch.testing.assert_close(entropy(shares), torch.tensor([2.0, 0.0, 1.0]))


def test_numbers_leave_the_class_token_apart(traced: Trace) -> None:
    numbers, cross = statistics(traced), traced.together.cross
    torch.testing.assert_close(numbers.class_share, cross[..., 0])
    torch.testing.assert_close(numbers.strongest, cross[..., 1:].amax(dim=-1))
    assert float(numbers.entropy.max()) <= 2.0  # four patches


def test_twins_look_alike(by_hand: Callable[..., Trace]) -> None:
    cross = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.8, 0.2]])[None, None]
    numbers = statistics(by_hand(cross, torch.zeros(1, 1, 3, 3)))
    assert numbers.twins.tolist() == [2, 2, 0]
    assert float(numbers.likeness[0]) == pytest.approx(0.74 / (0.82 * 0.68) ** 0.5)
    assert numbers.class_share is None


def test_a_lone_query_is_its_own_twin(by_hand: Callable[..., Trace]) -> None:
    numbers = statistics(by_hand(torch.tensor([[[[0.9, 0.1]]]]), torch.zeros(1, 1, 1, 1)))
    assert numbers.twins.tolist() == [0]


def test_who_listens_to_whom(traced: Trace) -> None:
    within, queries = traced.together.within, traced.queries
    assert between_queries(traced).shape == (2, queries, queries)
    heard = from_words(traced)
    assert heard.shape == (2, 6, queries)
    pieces = [queries + place for place in traced.words[1].tokens]
    expected = within[1, :, pieces, :queries].mean(dim=(0, 1))
    torch.testing.assert_close(heard[1, 1], expected)
