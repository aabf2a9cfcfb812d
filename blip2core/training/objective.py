"""The objective of stage 1: the three losses of a batch, from three passes of the Q-Former.

One pass over queries and text serves ITC (its queries never see the text) and ITG; one reads the
texts alone for ITC; one reads pairs, right and wrong, for ITM. The keys and values of an image are
computed once for all of them.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from blip2core.models.cross_attention_cache import CrossAttentionCache
from blip2core.models.qformer import Stage1QFormer
from blip2core.training.data import Stage1Batch
from blip2core.training.distributed import World, pad_texts
from blip2core.training.losses import (
    Negatives,
    itc_loss,
    itg_loss,
    itm_accuracy,
    itm_loss,
    sample_hard_negatives,
    similarity,
    world_matches,
)


class Stage1Losses(NamedTuple):
    """Scalars of a batch; the paper weighs the three losses alike."""

    itc: Tensor
    """Image-text contrastive loss."""
    itm: Tensor
    """Image-text matching loss; 0 where it is left out."""
    itg: Tensor
    """Loss of image-grounded text generation."""
    itm_accuracy: Tensor
    """Share of pairs that ITM classifies right, without gradient; 0 where ITM is left out."""

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return self.itc + self.itm + self.itg


class Stage1Objective(nn.Module):
    """The losses as one module, so that one `forward` is all that a wrapper has to see."""

    def __init__(
        self, qformer: Stage1QFormer, *, label_smoothing: float = 0.1, hard_text_share: float = 0.0
    ) -> None:
        """Take the share of the wrong texts that are the batch's own hard ones,
        `hard_text_share`.
        """
        super().__init__()
        self.qformer = qformer
        self.label_smoothing = label_smoothing
        self.hard_text_share = hard_text_share

    def forward(
        self,
        batch: Stage1Batch,
        *,
        generator: torch.Generator | None = None,
        with_itm: bool = True,
        world: World | None = None,
    ) -> Stage1Losses:
        """Return the losses of `batch`; `generator` draws the negatives,
        the same on every process.
        """
        world = World.current() if world is None else world
        self.qformer.bound_temperature()
        cache = self.qformer.cross_attention_cache(batch.vision)
        queries, logits = self.qformer.read_and_write(cache, batch.ids, batch.mask)
        itg = itg_loss(
            logits, batch.ids, batch.mask, label_smoothing=self.label_smoothing, world=world
        )

        similar = similarity(
            self.qformer.image_features(queries),
            self.qformer.text_features(self.qformer.encode_text(batch.ids, batch.mask)),
            self.qformer.temperature,
            world=world,
        )
        matches = world_matches(batch.matches, batch.ids, world=world)
        itc = itc_loss(similar, matches, label_smoothing=self.label_smoothing, world=world)
        if not with_itm:
            # zero, yet with a gradient: several processes wait for one of every weight
            head = self.qformer.itm_head
            nothing = 0.0 * (head.weight.sum() + head.bias.sum())
            return Stage1Losses(itc, nothing, itg, torch.zeros_like(itc))

        negatives = sample_hard_negatives(similar, matches, generator=generator, world=world)
        hard = draw_hard_rows(batch, self.hard_text_share, generator=generator, world=world)
        itm, accuracy = self._itm(batch, cache, negatives, hard, world)
        return Stage1Losses(itc, itm, itg, accuracy)

    def _itm(
        self,
        batch: Stage1Batch,
        cache: CrossAttentionCache,
        negatives: Negatives,
        hard: Tensor,
        world: World,
    ) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy on [pair, wrong image, wrong text], all in one pass."""
        wrong_ids, wrong_mask = wrong_texts(batch, negatives, hard, world=world)
        has_text = negatives.has_text | hard
        length = wrong_ids.shape[1]
        ids, mask = pad_texts(batch.ids, length), pad_texts(batch.mask, length)
        if world.size == 1:
            wrong_images = cache.take(negatives.images)
        else:
            everyone = world.gather_constant(batch.vision)
            wrong_images = self.qformer.cross_attention_cache(everyone[negatives.images])
        scored = self.qformer.itm_logits(
            CrossAttentionCache.join([cache, wrong_images, cache]),
            torch.cat([ids, ids, wrong_ids]),
            torch.cat([mask, mask, wrong_mask]),
        )
        loss = itm_loss(scored, negatives.has_image, has_text, world=world)
        return loss, itm_accuracy(scored, negatives.has_image, has_text)


def draw_hard_rows(
    batch: Stage1Batch, share: float, *, generator: torch.Generator | None, world: World
) -> Tensor:
    """Return (B,) bool: which rows use their hard text; only rows that have one are drawn."""
    rows = len(batch.ids)
    if batch.hard_mask is None:
        return torch.zeros(rows, dtype=torch.bool, device=batch.ids.device)
    drawn = torch.rand(rows * world.size, generator=generator, device=batch.ids.device)
    return (drawn[world.mine(rows)] < share) & batch.hard_mask.any(dim=1)


def wrong_texts(
    batch: Stage1Batch, negatives: Negatives, hard: Tensor, *, world: World
) -> tuple[Tensor, Tensor]:
    """Return a wrong text for each image, ids and mask (B, T): the drawn one, or the hard one."""
    ids = world.gather_texts(batch.ids)[negatives.texts]
    mask = world.gather_texts(batch.mask)[negatives.texts]
    if batch.hard_ids is None or batch.hard_mask is None:
        return ids, mask
    length = max(ids.shape[1], batch.hard_ids.shape[1])
    return (
        torch.where(hard[:, None], pad_texts(batch.hard_ids, length), pad_texts(ids, length)),
        torch.where(hard[:, None], pad_texts(batch.hard_mask, length), pad_texts(mask, length)),
    )
