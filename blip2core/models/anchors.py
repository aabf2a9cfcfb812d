"""Anchored queries: each query starts by attending to its own cell of the image.

Freshly drawn queries attend to the whole image, and a small Q-Former spends much of a short
training on dividing the image among them. Where the features of the image encoder contain the
position of a patch, a linear map that finds the patches of one cell of a grid can be computed from
a few hundred images, in closed form, and written into the cross-attention. Training is free to
leave this start. This is ours, not the paper's.

Features of an encoder that was not trained for positions may hardly contain them; the reached
shares show it.

Letters: N images, P vision tokens ([CLS] and s x s patches, row by row), V vision width,
Q queries, D width, C = grid * grid cells.
"""

import logging
import math
from typing import Any

import torch
from torch import Tensor, nn

from blip2core.errors import ModelError
from blip2core.models.cross_attention_cache import attend_cached
from blip2core.models.qformer import Stage1QFormer
from blip2core.models.transformers_internals import Blip2QFormerAttention

log = logging.getLogger(__name__)

RIDGE = 1e-3
"""Added to a covariance, in units of its mean diagonal, so that it can be inverted."""
SHARPNESS = tuple(1.2**power for power in range(45))
"""Factors of the scores that are tried, mildest first."""


@torch.no_grad()
def anchor_queries(
    model: Stage1QFormer, vision: Tensor, grid: int, *, mass: float = 0.9
) -> dict[int, float]:
    """Make query k attend to cell k (row by row) of a `grid` x `grid` division of the image.

    Args:
        model: A fresh Q-Former; its cross-attention is overwritten.
        vision: (N, P, V) features of some hundred images, two at least. The maps are computed
            from one half of them, and measured on the other.
        grid: Cells along each side; queries beyond `grid * grid` look everywhere alike.
        mass: Share of its attention that a query shall give to its cell, on average. Less is
            given where the features do not tell the cells that well.

    Returns:
        Cross-attention layer -> the share that was reached on the other half.

    Raises:
        ModelError: The grid fits neither the queries nor the patches.
    """
    if len(vision) < 2:
        raise ModelError("anchoring needs the features of two images at least")
    cells = patch_cells(vision.shape[1] - 1, grid).to(vision.device)
    if grid * grid > model.num_query_tokens:
        raise ModelError(
            f"a grid of {grid} x {grid} needs {grid * grid} queries, "
            f"the model has {model.num_query_tokens}"
        )
    detectors = cell_detectors(vision[::2], cells)
    # the layer norm behind makes their size free, and an optimizer step turns larger ones less
    model.query_tokens.div_(model.query_tokens.std())
    training = model.training
    model.eval()
    reached = {}
    hidden = model.qformer.layernorm(model.query_tokens).expand(len(vision), -1, -1)
    for at, layer in enumerate(model.qformer.encoder.layer):
        hidden = layer.attention(hidden)
        if layer.has_cross_attention:
            block = layer.crossattention
            _open_values(block, vision)
            reached[at] = _anchor(block, hidden, vision, detectors, cells, mass)
            hidden = attend_cached(block, hidden, *model.cross_attention_cache(vision).layers[at])
        hidden = layer.feed_forward_chunk_query(hidden)
    model.train(training)
    if min(reached.values()) < mass / 2:
        log.warning(
            "Queries could be anchored only weakly (%s of the attention in the own cell): "
            "the image features hardly tell where a patch lies.",
            ", ".join(f"{share:.2f}" for share in reached.values()),
        )
    return reached


def patch_cells(patches: int, grid: int) -> Tensor:
    """Return (patches, C) of 1 and 0: the cell of the grid that each patch is in."""
    side = math.isqrt(patches)
    if side * side != patches or not 1 <= grid <= side:
        raise ModelError(f"{patches} patches cannot be divided into {grid} x {grid} cells")
    along = torch.arange(side) * grid // side
    cells = along[:, None] * grid + along[None, :]
    return nn.functional.one_hot(cells.flatten(), grid * grid).float()


def cell_detectors(vision: Tensor, cells: Tensor) -> Tensor:
    """Return (C, V), the directions in which features (N, P, V) indicate the cell of a patch, given
    (P - 1, C).

    Least squares from tokens to "is in this cell"; [CLS] is in none.
    """
    centred = vision.double() - vision.double().mean(dim=(0, 1))
    wanted = nn.functional.pad(cells.double(), (0, 0, 1, 0))  # (P, C), no cell for [CLS]
    return least_squares(centred, wanted.expand(len(vision), -1, -1)).float()


def own_cell_attention(
    block: Blip2QFormerAttention, hidden: Tensor, vision: Tensor, cells: Tensor
) -> Tensor:
    """Return (N, H, C): the attention of the first C queries to their own cells."""
    inner = block.attention
    heads = (inner.num_attention_heads, inner.attention_head_size)
    anchored = hidden[:, : cells.shape[1]]
    queries = inner.query(anchored).unflatten(-1, heads)
    keys = inner.key(vision).unflatten(-1, heads)
    scores = torch.einsum("nqhd,nphd->nhqp", queries, keys) * inner.scaling
    return torch.einsum("nhqp,pq->nhq", scores.softmax(dim=-1)[..., 1:], cells)


def _anchor(
    block: Blip2QFormerAttention,
    hidden: Tensor,
    vision: Tensor,
    detectors: Tensor,
    cells: Tensor,
    mass: float,
) -> float:
    """Write query and key projections of all heads; returns the share that they reach.

    The mildest scores that reach `mass` are taken; where none do, the likeliest: sharper ones
    would only be surer of wrong patches.
    """
    inner = block.attention
    rank = min(inner.attention_head_size, len(detectors))
    left, strength, right = torch.linalg.svd(detectors, full_matrices=False)
    keys = strength[:rank, None].sqrt() * right[:rank]  # (r, V)
    wanted = left[:, :rank] * strength[:rank].sqrt()  # (C, r)
    extra = hidden.shape[1] - len(wanted)
    wanted = nn.functional.pad(wanted, (0, 0, 0, extra)).expand(len(hidden[::2]), -1, -1)
    queries = least_squares(hidden[::2].double(), wanted.double()).float()  # (r, D)
    queries *= inner.attention_head_size**0.5
    balance = (keys.norm() / queries.norm()).sqrt()
    queries, keys = queries * balance, keys / balance

    best_score, best_share, best = -math.inf, 0.0, SHARPNESS[0]
    for sharpness in SHARPNESS:
        _write(inner, queries * sharpness**0.5, keys * sharpness**0.5)
        own = own_cell_attention(block, hidden[1::2], vision[1::2], cells)
        score, share = own.clamp_min(1e-9).log().mean().item(), own.mean().item()
        if score > best_score:
            best_score, best_share, best = score, share, sharpness
        if share >= mass:
            return share
    _write(inner, queries * best**0.5, keys * best**0.5)
    return best_share


def _write(inner: Any, queries: Tensor, keys: Tensor) -> None:
    """Put (r, D) and (r, V) into the first r rows of each head; the others stay as drawn."""
    for linear, rows in ((inner.query, queries), (inner.key, keys)):
        by_head = linear.weight.unflatten(0, (inner.num_attention_heads, -1))
        by_head[:, : len(rows)] = rows
        linear.bias.zero_()


def _open_values(block: Blip2QFormerAttention, vision: Tensor) -> None:
    """Draw value and output projections anew, so that what is read of the features `vision` enters
    the queries at about the size of what is there already.
    """
    size = vision.square().sum(dim=-1).mean().sqrt()
    nn.init.normal_(block.attention.value.weight, std=1 / size.item())
    nn.init.normal_(block.output.dense.weight, std=block.output.dense.in_features**-0.5)


def least_squares(inputs: Tensor, outputs: Tensor) -> Tensor:
    """Return the matrix (O, I) that maps (N, M, I) to (N, M, O) with the least squared error and a
    small ridge penalty.
    """
    rows, wanted = inputs.flatten(0, 1), outputs.flatten(0, 1)
    gram = rows.T @ rows
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    solution: Tensor = torch.linalg.solve(gram, rows.T @ wanted)
    return solution.T
