"""Two hops, in the order of the layers."""

from collections.abc import Callable

import torch

from blip2core.explain import Focus, Trace
from blip2core.explain.trace import Word
from blip2core.explain.word_maps import heard_by_then, word_map


def made(by_hand: Callable[..., Trace]) -> Trace:
    """Two queries that look in both layers at a patch each, and words "a" (token 0), "b" (1, 2).

    Query 0 hears "a" in layer 0, query 1 hears both pieces of "b" in layer 1.
    """
    within = torch.zeros(2, 1, 5, 5)
    within[0, 0, 0, 2], within[1, 0, 1, 3], within[1, 0, 1, 4] = 0.5, 0.25, 0.25
    cross = torch.eye(2).expand(2, 1, 2, 2)
    return by_hand(cross, within, [Word(text="a", tokens=(0,)), Word(text="b", tokens=(1, 2))])


def test_a_look_counts_what_was_heard_before(by_hand: Callable[..., Trace]) -> None:
    heard = heard_by_then(made(by_hand), 1)
    torch.testing.assert_close(heard, torch.tensor([[0.0, 0.0], [0.0, 0.5]]))
    a, b = (word_map(made(by_hand), Focus(word=word)).values.flatten() for word in (0, 1))
    torch.testing.assert_close(a, torch.tensor([0.5 + 0.5, 0.0]))  # both looks of query 0
    torch.testing.assert_close(b, torch.tensor([0.0, 0.5]))  # only the second look of query 1


def test_the_whole_text_is_the_sum_of_its_words(traced: Trace) -> None:
    words = [word_map(traced, Focus(word=place)).values for place in range(len(traced.words))]
    torch.testing.assert_close(word_map(traced).values, torch.stack(words).sum(dim=0))
