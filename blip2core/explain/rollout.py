"""Rollout: what reached each query, through its own look and those of the queries it listened to.

Rules 6 and 10 of Chefer et al., "Generic Attention-model Explainability for Interpreting
Bi-Modal and Encoder-Decoder Transformers" (2021), with attention alone in the place of attention
times gradient; `relevance` is the same with gradients. N rows of queries and text, P patches.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from blip2core.explain.demand import pair_of, weighted_cross, weighted_within, word_places
from blip2core.explain.heatmap import Focus, Heatmap, heatmap
from blip2core.explain.trace import Trace


def rollout(trace: Trace, focus: Focus = Focus()) -> Heatmap:
    """What reached one query, or one word, or all queries (mean)."""
    shown = trace.shown
    cross = dict(zip(trace.layers, shown.cross.mean(dim=1), strict=True))
    return _read(trace, rolled_out(shown.within.mean(dim=1), cross), focus, "rollout")


def relevance(trace: Trace, focus: Focus = Focus()) -> Heatmap:
    """The same with attention weighted by its gradient: what reached them and raised ITM."""
    pair_of(trace)
    cross = dict(zip(trace.layers, weighted_cross(trace), strict=True))
    return _read(trace, rolled_out(weighted_within(trace), cross), focus, "relevance")


def rolled_out(within: Tensor, cross: Mapping[int, Tensor]) -> Tensor:
    """Self-attention (S, N, N) and cross-attention (Q, P) by layer -> (N, P).

    In each layer, first tokens listen to one another (rule 6: R <- R + A R), then the queries look
    (rule 10: R <- R + S^T A, where S is what they had listened to by then, rows of sum 1 beside
    each token's own part).
    """
    size = within.shape[-1]
    own = torch.eye(size)
    listened = own.clone()  # (N, N)
    patches = next(iter(cross.values())).shape[-1]
    seen = torch.zeros(size, patches)
    for layer, attention in enumerate(within):
        listened, seen = listened + attention @ listened, seen + attention @ seen
        if layer in cross:
            look = cross[layer]
            queries = len(look)
            others = listened - own
            shares = others / others.sum(dim=-1, keepdim=True).clamp(min=1e-30) + own
            seen = seen + shares[:queries].T @ look
    return seen


def _read(trace: Trace, seen: Tensor, focus: Focus, name: str) -> Heatmap:
    """The rows in focus, as a map."""
    if focus.word is not None:
        places = word_places(trace, focus.word)
        said = f'{name}, word "{trace.words[focus.word].text}"'
        return heatmap(trace.patches(seen[places].sum(dim=0)), trace.grid, said)
    rows = seen[: trace.queries] if focus.query is None else seen[focus.query][None]
    said = f"{name}, all queries" if focus.query is None else f"{name}, query {focus.query}"
    return heatmap(trace.patches(rows.mean(dim=0)), trace.grid, said)
