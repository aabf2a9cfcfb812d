"""Start every query at its own place in the picture.

Freshly drawn queries look everywhere at once, and a small Q-Former spends much of a short training
on dividing the picture among them. The features of a vision transformer tell by themselves where a
patch lies, so a linear map that finds the patches of one cell of a grid can be computed from a few
hundred pictures, in closed form, and written into the cross-attention. Training is free to leave
this start. This is ours, not the paper's.

Letters: N pictures, P vision tokens ([CLS] and s x s patches, row by row), V vision width,
Q queries, D width, C = grid * grid cells.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerAttention

from blip2core.errors import ModelError
from blip2core.models.image_memory import look_at
from blip2core.models.qformer import Stage1QFormer

RIDGE = 1e-3
"""Added to a covariance, in units of its mean diagonal, so that it can be inverted."""
SHARPNESS = tuple(1.2**power for power in range(45))
"""Factors of the scores that are tried, mildest first."""


@torch.no_grad()
def anchor_queries(
    model: Stage1QFormer, vision: Tensor, grid: int, *, mass: float = 0.9
) -> dict[int, float]:
    """Let query k look at cell k (row by row) of a `grid` x `grid` division of the picture.

    Args:
        model: A fresh Q-Former; its cross-attention is overwritten.
        vision: (N, P, V) features of some hundred pictures.
        grid: Cells along each side; queries beyond `grid * grid` look everywhere alike.
        mass: Share of its attention that a query shall give to its cell, on average.

    Returns:
        Cross-attention layer -> the share that was reached on `vision`.

    Raises:
        ModelError: The grid fits neither the queries nor the patches.
    """
    cells = patch_cells(vision.shape[1] - 1, grid).to(vision.device)
    if grid * grid > model.num_query_tokens:
        raise ModelError(
            f"a grid of {grid} x {grid} needs {grid * grid} queries, "
            f"the model has {model.num_query_tokens}"
        )
    detectors = cell_detectors(vision, cells)
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
            hidden = look_at(block, hidden, *model.remember(vision).layers[at])
        hidden = layer.feed_forward_chunk_query(hidden)
    model.train(training)
    return reached


def patch_cells(patches: int, grid: int) -> Tensor:
    """(patches, C) of 1 and 0: which cell of the grid each patch lies in."""
    side = math.isqrt(patches)
    if side * side != patches or not 1 <= grid <= side:
        raise ModelError(f"{patches} patches cannot be divided into {grid} x {grid} cells")
    along = torch.arange(side) * grid // side
    cells = along[:, None] * grid + along[None, :]
    return nn.functional.one_hot(cells.flatten(), grid * grid).float()


def cell_detectors(vision: Tensor, cells: Tensor) -> Tensor:
    """(N, P, V), (P - 1, C) -> (C, V): directions in which a token tells that it is of a cell.

    Least squares from tokens to "is in this cell"; [CLS] is in none.
    """
    centred = vision.double() - vision.double().mean(dim=(0, 1))
    wanted = nn.functional.pad(cells.double(), (0, 0, 1, 0))  # (P, C), no cell for [CLS]
    return _least_squares(centred, wanted.expand(len(vision), -1, -1)).float()


def own_cell_share(
    block: Blip2QFormerAttention, hidden: Tensor, vision: Tensor, cells: Tensor
) -> float:
    """Attention of the first C of (N, Q, D) queries to their own cells; mean over all heads."""
    inner = block.attention
    heads = (inner.num_attention_heads, inner.attention_head_size)
    anchored = hidden[:, : cells.shape[1]]
    queries = inner.query(anchored).unflatten(-1, heads)
    keys = inner.key(vision).unflatten(-1, heads)
    scores = torch.einsum("nqhd,nphd->nhqp", queries, keys) * inner.scaling
    on_patches = scores.softmax(dim=-1)[..., 1:]
    return torch.einsum("nhqp,pq->nhq", on_patches, cells).mean().item()


def _anchor(
    block: Blip2QFormerAttention,
    hidden: Tensor,
    vision: Tensor,
    detectors: Tensor,
    cells: Tensor,
    mass: float,
) -> float:
    """Write query and key projections of all heads; the mildest scores that reach `mass`."""
    inner = block.attention
    rank = min(inner.attention_head_size, len(detectors))
    left, strength, right = torch.linalg.svd(detectors, full_matrices=False)
    keys = strength[:rank, None].sqrt() * right[:rank]  # (r, V)
    wanted = left[:, :rank] * strength[:rank].sqrt()  # (C, r)
    extra = hidden.shape[1] - len(wanted)
    wanted = nn.functional.pad(wanted, (0, 0, 0, extra)).expand(len(hidden), -1, -1)
    queries = _least_squares(hidden.double(), wanted.double()).float()  # (r, D)
    queries *= inner.attention_head_size**0.5
    balance = (keys.norm() / queries.norm()).sqrt()
    queries, keys = queries * balance, keys / balance

    shares = []
    for sharpness in SHARPNESS:
        _write(inner, queries * sharpness**0.5, keys * sharpness**0.5)
        shares.append(own_cell_share(block, hidden, vision, cells))
        if shares[-1] >= mass:
            return shares[-1]
    best = max(range(len(shares)), key=shares.__getitem__)
    _write(inner, queries * SHARPNESS[best] ** 0.5, keys * SHARPNESS[best] ** 0.5)
    return shares[best]


def _write(inner: Any, queries: Tensor, keys: Tensor) -> None:
    """Put (r, D) and (r, V) into the first r rows of each head; the others stay as drawn."""
    for linear, rows in ((inner.query, queries), (inner.key, keys)):
        by_head = linear.weight.unflatten(0, (inner.num_attention_heads, -1))
        by_head[:, : len(rows)] = rows
        linear.bias.zero_()


def _open_values(block: Blip2QFormerAttention, vision: Tensor) -> None:
    """Let what is seen enter the queries at about the size of what is already there."""
    size = vision.square().sum(dim=-1).mean().sqrt()
    nn.init.normal_(block.attention.value.weight, std=1 / size.item())
    nn.init.normal_(block.output.dense.weight, std=block.output.dense.in_features**-0.5)


def _least_squares(inputs: Tensor, outputs: Tensor) -> Tensor:
    """(N, M, I) -> (N, M, O) as a matrix (O, I), with a little ridge."""
    rows, wanted = inputs.flatten(0, 1), outputs.flatten(0, 1)
    gram = rows.T @ rows
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    solution: Tensor = torch.linalg.solve(gram, rows.T @ wanted)
    return solution.T
