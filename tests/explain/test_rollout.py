"""Two rows, two patches, two layers: small enough to follow by hand."""

from collections.abc import Callable

import torch

from blip2core.explain import Focus, Trace
from blip2core.explain.rollout import relevance, rolled_out, rollout
from blip2core.explain.trace import Word

FIRST = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
SECOND = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
LISTEN = torch.tensor([[0.7, 0.3], [0.4, 0.6]])


def test_two_layers_by_hand() -> None:
    seen = rolled_out(torch.stack([LISTEN, LISTEN]), {0: FIRST, 1: SECOND})
    # Layer 0: nothing was seen, so only the look counts. Layer 1: own + listened to + look.
    expected = [
        [0.9 + 0.7 * 0.9 + 0.3 * 0.2 + 0.5, 0.1 + 0.7 * 0.1 + 0.3 * 0.8 + 0.5],
        [0.2 + 0.4 * 0.9 + 0.6 * 0.2 + 1.0, 0.8 + 0.4 * 0.1 + 0.6 * 0.8 + 0.0],
    ]
    torch.testing.assert_close(seen, torch.tensor(expected))


def test_a_word_sees_through_the_queries_only() -> None:
    listen = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # row 1 is a word: it listens to the query
    seen = rolled_out(torch.stack([listen, listen]), {0: FIRST[:1]})
    torch.testing.assert_close(seen[1], FIRST[0])
    torch.testing.assert_close(rolled_out(listen[None], {0: FIRST[:1]})[1], torch.zeros(2))


def test_rows_are_queries_and_words(by_hand: Callable[..., Trace]) -> None:
    cross = FIRST[None, None, :1]  # one layer, one head, one query
    within = torch.stack([LISTEN, LISTEN])[:, None]
    made = by_hand(cross, within, [Word(text="a", tokens=(0,))])
    query = rollout(made, Focus(query=0)).values.flatten()
    torch.testing.assert_close(query, FIRST[0] * 1.7)
    word = rollout(made, Focus(word=0)).values.flatten()
    torch.testing.assert_close(word, FIRST[0] * 0.4)
    # With gradients of one, attention times gradient is attention.
    torch.testing.assert_close(relevance(made, Focus(word=0)).values.flatten(), word)


def test_each_look_counts_in_its_own_layer(deep_traced: Trace) -> None:
    """Layers 0, 2 and 4 look at the image, in all six there is self-attention."""
    within = deep_traced.together.within.mean(dim=1)
    cross = deep_traced.together.cross.mean(dim=1)
    queries = deep_traced.queries
    seen = torch.zeros(within.shape[1], cross.shape[2])
    for layer in range(6):
        seen = seen + within[layer] @ seen
        if layer % 2 == 0:
            seen = seen + torch.nn.functional.pad(cross[layer // 2], (0, 0, 0, len(seen) - queries))
    found = rollout(deep_traced, Focus(query=1)).values.flatten()
    torch.testing.assert_close(found, seen[1, 1:])
    torch.testing.assert_close(rollout(deep_traced).values.flatten(), seen[:queries, 1:].mean(0))
