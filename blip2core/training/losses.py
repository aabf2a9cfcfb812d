"""The three losses of stage 1: tensors in, scalar out. Section 3.2 of BLIP-2 (2301.12597).

Each takes a `World`: with several processes it sees the texts and images of all of them, and the
mean of the losses (and gradients) over processes is that of one process on the joined batch.
Letters: B batch of this process, W = B * processes, Q queries, T tokens, E width of features.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from blip2core.training.distributed import World

IGNORE_INDEX = -100
"""Label of a position without loss; the default `ignore_index` of PyTorch's cross-entropy."""
ALONE = World()


def same_text(ids: Tensor, other: Tensor | None = None) -> Tensor:
    """Return (B, N) bool: which texts (B, T), (N, T) are equal; by default among `ids`."""
    other = ids if other is None else other
    return (ids[:, None] == other[None]).all(dim=-1)


def world_matches(matches: Tensor, ids: Tensor, *, world: World = ALONE) -> Tensor:
    """Gather the (B, B) matches of this process into (W, W): `[i, j]` says that text j is true of
    image i.

    Between processes only equal texts are known to match. The diagonal always matches.
    """
    everyone = matches
    if world.size > 1:
        owner = torch.arange(len(ids) * world.size, device=ids.device) // len(ids)
        known = world.gather_constant(matches).repeat(1, world.size)  # true in diagonal blocks
        everyone = (known & (owner[:, None] == owner)) | same_text(world.gather_texts(ids))
    return everyone | torch.eye(len(everyone), dtype=torch.bool, device=matches.device)


class Similarity(NamedTuple):
    """Cosines divided by the temperature; the rows are of this process, the columns of all."""

    image_to_text: Tensor
    """(B, W)."""
    text_to_image: Tensor
    """(B, W)."""


def best_cosine(image_feats: Tensor, text_feats: Tensor) -> Tensor:
    """Return the cosine of the best query, (I, N), of features (I, Q, E) and (N, E) of length 1.

    Section 3.2 of the paper: "the highest one as the image-text similarity".
    """
    # under autocast the product would be rounded to bf16, which the small temperature magnifies
    with torch.autocast(image_feats.device.type, enabled=False):
        return torch.einsum("iqe,ne->inq", image_feats, text_feats).amax(dim=-1)


def similarity(
    image_feats: Tensor, text_feats: Tensor, temperature: Tensor, *, world: World = ALONE
) -> Similarity:
    """Return the similarities of ITC, of features (B, Q, E), (B, E) here with those of all."""
    image_to_text = best_cosine(image_feats, world.gather(text_feats)) / temperature
    if world.size == 1:
        return Similarity(image_to_text, image_to_text.T)
    text_to_image = best_cosine(world.gather(image_feats), text_feats).T / temperature
    return Similarity(image_to_text, text_to_image)


def contrast(logits: Tensor, positives: Tensor, *, label_smoothing: float = 0.1) -> Tensor:
    """Return the cross-entropy of (B, W) logits where the target is spread equally over the (B, W)
    positives.

    Each row needs a positive. With one positive per row it is cross-entropy with label smoothing.
    """
    target = positives / positives.sum(dim=1, keepdim=True)
    target = (1 - label_smoothing) * target + label_smoothing / logits.shape[1]
    return -(target * logits.log_softmax(dim=1)).sum(dim=1).mean()


def itc_loss(
    similar: Similarity, matches: Tensor, *, label_smoothing: float = 0.1, world: World = ALONE
) -> Tensor:
    """Return the image-text contrastive loss, the mean of both directions.

    Takes the similarities of this process and `world_matches` (W, W).
    """
    mine = world.mine(len(similar.image_to_text))
    read = contrast(similar.image_to_text, matches[mine], label_smoothing=label_smoothing)
    seen = contrast(similar.text_to_image, matches.T[mine], label_smoothing=label_smoothing)
    return (read + seen) / 2


class Negatives(NamedTuple):
    """One wrong image for each text and one wrong text for each image, as rows of all W."""

    images: Tensor
    """(B,) rows of W: a wrong image for text i."""
    has_image: Tensor
    """(B,) bool: false where every image matches text i; the row is then meaningless."""
    texts: Tensor
    """(B,) rows of W: a wrong text for image i."""
    has_text: Tensor
    """(B,) bool, as `has_image`."""


@torch.no_grad()
def sample_hard_negatives(
    similar: Similarity,
    matches: Tensor,
    *,
    generator: torch.Generator | None = None,
    world: World = ALONE,
) -> Negatives:
    """Draw hard negatives from the softmax of the similarities over all W (ALBEF, Li et al., 2021).

    Pairs in `matches` (W, W) are never drawn.

    A generator with the same state on every process makes the draw independent of their number.
    """
    mine = world.mine(len(similar.image_to_text))
    images, has_image = _draw(similar.text_to_image, ~matches.T[mine], mine, generator)
    texts, has_text = _draw(similar.image_to_text, ~matches[mine], mine, generator)
    return Negatives(images, has_image, texts, has_text)


def _draw(
    logits: Tensor, allowed: Tensor, mine: slice, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Draw a column for each row of (B, W) -> (B,), and whether any was allowed."""
    # adding Gumbel noise and taking the largest draws exactly from the softmax, without a loop
    everyone = logits.shape[1]
    noise = torch.empty(everyone, everyone, device=logits.device)
    noise = noise.exponential_(generator=generator)[mine].log()
    chosen = logits.float().masked_fill(~allowed, -torch.inf) - noise
    return chosen.argmax(dim=1), allowed.any(dim=1)


def itm_loss(
    logits: Tensor, has_image: Tensor, has_text: Tensor, *, world: World = ALONE
) -> Tensor:
    """Return the cross-entropy of (3B, 2) logits of [pair, wrong image, wrong text], a scalar.

    Rows whose negative does not exist ((B,) bools false) are left out of the mean.
    """
    labels, counted = itm_labels(has_image, has_text)
    losses = functional.cross_entropy(logits.float(), labels, reduction="none")
    return (losses * counted).sum() / world.mean(counted.sum().float())


def itm_labels(has_image: Tensor, has_text: Tensor) -> tuple[Tensor, Tensor]:
    """Return (3B,) labels, 1 for "matches" and 0, and (3B,) bool: which rows exist."""
    right = torch.ones_like(has_image)
    labels = torch.cat([right, ~right, ~right]).long()
    return labels, torch.cat([right, has_image, has_text])


@torch.no_grad()
def itm_accuracy(logits: Tensor, has_image: Tensor, has_text: Tensor) -> Tensor:
    """Return the share of the existing rows that are classified right, of (3B, 2) logits as for
    `itm_loss`.
    """
    labels, counted = itm_labels(has_image, has_text)
    return ((logits.argmax(dim=1) == labels) & counted).sum() / counted.sum()


def itg_loss(
    logits: Tensor,
    ids: Tensor,
    mask: Tensor,
    *,
    label_smoothing: float = 0.1,
    world: World = ALONE,
) -> Tensor:
    """Return the next-token cross-entropy, mean over tokens: (B, T, vocabulary), (B, T), (B, T) ->
    scalar.

    Position t predicts token t + 1. Padding is left out; position 0 is never a target.
    """
    targets = ids.masked_fill(~mask.bool(), IGNORE_INDEX)[:, 1:]
    total = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(),
        targets.flatten(),
        ignore_index=IGNORE_INDEX,
        label_smoothing=label_smoothing,
        reduction="sum",
    )
    # with no target at all the sum is 0, and so is the loss
    return total / world.mean((targets != IGNORE_INDEX).sum().float()).clamp(min=1 / world.size)
