"""Heat map of a word: the queries that attend to it, and the patches that those attend to.

Text tokens have no cross-attention of their own; they reach the image through the queries. Both
steps are weighted by the gradient of the ITM logit and taken in the order of the layers: the
cross-attention of a query counts by its attention to the word in this layer and all before.
Q queries, P patches.
"""

import torch
from torch import Tensor

from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap, heatmap
from blip2core.explain.requirements import (
    weighted_cross_attention,
    weighted_self_attention,
    word_rows,
)
from blip2core.explain.trace import Trace


def word_map(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Return the map of the word at `focus.word`, a position in `trace.words`; None: of the whole
    text.
    """
    heard = heard_by_then(trace, focus.word)  # (L, Q)
    seen = torch.einsum("lq,lqp->p", heard, weighted_cross_attention(trace))
    name = "whole text" if focus.word is None else f'word "{trace.words[focus.word].text}"'
    return heatmap(trace.patches(seen), trace.grid, name)


def heard_by_then(trace: Trace, word: int | None = None) -> Tensor:
    """Return (L, Q): the word's share in each query at each layer with cross-attention."""
    places = word_rows(trace, word)
    heard = (
        weighted_self_attention(trace)[:, : trace.queries, places].sum(dim=-1).cumsum(dim=0)
    )  # (S, Q)
    return heard[list(trace.layers)]
