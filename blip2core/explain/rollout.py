"""Attention rollout: attention to patches, passed on through self-attention layer by layer.

Rules 6 and 10 of Chefer et al., "Generic Attention-model Explainability for Interpreting
Bi-Modal and Encoder-Decoder Transformers" (2021), with attention alone in the place of attention
times gradient; `relevance` is the same with gradients. Rule 10's factor for what the rows had
mixed before is left out: the maps pointed less well with it (docs/explaining.md). N rows of
queries and text, S layers, P patches.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap, heatmap
from blip2core.explain.requirements import (
    require_text_pass,
    weighted_cross_attention,
    weighted_self_attention,
    word_rows,
)
from blip2core.explain.trace import Trace


def rollout(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Return what reached one query, or one word, or all queries (mean), by attention rollout."""
    shown = trace.shown
    cross = dict(zip(trace.layers, shown.cross.mean(dim=1), strict=True))
    return _read(trace, rolled_out(shown.within.mean(dim=1), cross), focus, "rollout")


def relevance(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Return rollout with attention weighted by the gradient of the ITM logit: what raised the
    score.
    """
    require_text_pass(trace)
    cross = dict(zip(trace.layers, weighted_cross_attention(trace), strict=True))
    return _read(trace, rolled_out(weighted_self_attention(trace), cross), focus, "relevance")


def rolled_out(within: Tensor, cross: Mapping[int, Tensor]) -> Tensor:
    """Return (N, P), the rollout of self-attention (S, N, N) and cross-attention (Q, P) by layer.

    In each layer, self-attention comes first (R <- R + A R, rule 6), then the queries'
    cross-attention (R <- R + A, rule 10).
    """
    first = next(iter(cross.values()))
    seen = torch.zeros(within.shape[-1], first.shape[-1])
    for layer, attention in enumerate(within):
        seen = seen + attention @ seen
        if layer in cross:
            seen[: len(first)] += cross[layer]
    return seen


def _read(trace: Trace, seen: Tensor, focus: Focus, name: str) -> Heatmap:
    """Return the rows in focus, as a map."""
    if focus.word is not None:
        places = word_rows(trace, focus.word)
        said = f'{name}, word "{trace.words[focus.word].text}"'
        return heatmap(trace.patches(seen[places].sum(dim=0)), trace.grid, said)
    rows = seen[: trace.queries] if focus.query is None else seen[focus.query][None]
    said = f"{name}, all queries" if focus.query is None else f"{name}, query {focus.query}"
    return heatmap(trace.patches(rows.mean(dim=0)), trace.grid, said)
