"""Statistics beside the maps: entropy of attention, share of the class token, similar queries.

L layers, H heads, Q queries, P patches, S self-attention layers.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from blip2core.explain.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Statistics of the shown pass of a trace."""

    entropy: Tensor
    """(L, H, Q) entropy in bits over the patches alone: 0 is one patch, log2(P) is uniform."""
    class_share: Tensor | None
    """(L, H, Q) share on the class token; None where there is none."""
    strongest: Tensor
    """(L, H, Q) largest share on one patch."""
    twins: Tensor
    """(Q,) the query whose maps are most alike; itself where there is one query only."""
    likeness: Tensor
    """(Q,) cosine with the twin's maps, over all layers and heads."""


def statistics(trace: Trace) -> Statistics:
    """Return all statistics of the shown pass of a trace."""
    cross = trace.shown.cross
    patches = trace.patches(cross)
    alike = map_similarity(patches)
    twins = alike.clone().fill_diagonal_(-torch.inf).argmax(dim=1)
    if trace.queries == 1:
        twins = torch.zeros(1, dtype=torch.long)
    return Statistics(
        entropy=entropy(patches),
        class_share=cross[..., 0] if trace.class_token else None,
        strongest=patches.amax(dim=-1),
        twins=twins,
        likeness=alike.gather(1, twins[:, None])[:, 0],
    )


def entropy(weights: Tensor) -> Tensor:
    """Return the entropy in bits of non-negative weights (..., P), normalised to sum 1, (...)."""
    shares = weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-30)
    bits: Tensor = torch.special.entr(shares).sum(dim=-1) / math.log(2)
    return bits


def map_similarity(patches: Tensor) -> Tensor:
    """Return (Q, Q) cosines between the queries' maps (L, H, Q, P), all layers and heads
    concatenated.
    """
    flat = torch.nn.functional.normalize(patches.permute(2, 0, 1, 3).flatten(1), dim=1)
    return flat @ flat.T


def between_queries(trace: Trace) -> Tensor:
    """Return (S, Q, Q): the self-attention of each query (row) to each other one,
    mean over heads.
    """
    return trace.shown.within[:, :, : trace.queries, : trace.queries].mean(dim=1)


def from_words(trace: Trace) -> Tensor:
    """Return (S, W, Q): the self-attention of each word to each query, mean over its tokens and
    heads.
    """
    listened = trace.shown.within.mean(dim=1)[:, :, : trace.queries]
    rows = [
        listened[:, [trace.queries + place for place in word.tokens]].mean(dim=1)
        for word in trace.words
    ]
    return torch.stack(rows, dim=1) if rows else listened[:, :0]
