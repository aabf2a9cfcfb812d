"""Two hops from a word to the image: which queries heard it, and where those looked then.

Words never see the image themselves; they reach it through the queries. Both hops are weighted
by the gradient of the ITM logit, and they are taken in the order of the layers: a look counts as
much as the query had heard of the word by then. Q queries, P patches.
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
    """Of the word at `focus.word`, a position in `trace.words`; None: of the whole text."""
    heard = heard_by_then(trace, focus.word)  # (L, Q)
    seen = torch.einsum("lq,lqp->p", heard, weighted_cross_attention(trace))
    name = "whole text" if focus.word is None else f'word "{trace.words[focus.word].text}"'
    return heatmap(trace.patches(seen), trace.grid, name)


def heard_by_then(trace: Trace, word: int | None = None) -> Tensor:
    """(L, Q): how much each query heard of a word up to each layer in which it looks."""
    places = word_rows(trace, word)
    heard = (
        weighted_self_attention(trace)[:, : trace.queries, places].sum(dim=-1).cumsum(dim=0)
    )  # (S, Q)
    return heard[list(trace.layers)]
