"""Keys and values of images for the Q-Former's cross-attention, computed once for many passes.

They are half of the cost of a Q-Former pass over the image, and stage 1 looks at each image four
times in a step. B batch, P patches, Q queries, D width, H heads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from blip2core.models.transformers_internals import Blip2QFormerAttention, attend


@dataclass(frozen=True, slots=True)
class CrossAttentionCache:
    """Keys and values of B images in each cross-attention layer, computed once for many passes."""

    layers: Mapping[int, tuple[Tensor, Tensor]]
    """Layer index -> keys and values, each (B, H, P, D / H)."""

    def take(self, rows: Tensor) -> "CrossAttentionCache":
        """Return the images at `rows` (N,), in that order; repeats are allowed."""
        return CrossAttentionCache({at: (k[rows], v[rows]) for at, (k, v) in self.layers.items()})

    @staticmethod
    def join(parts: "list[CrossAttentionCache]") -> "CrossAttentionCache":
        """Join the images of all parts, one after another."""
        return CrossAttentionCache(
            {
                at: (
                    torch.cat([part.layers[at][0] for part in parts]),
                    torch.cat([part.layers[at][1] for part in parts]),
                )
                for at in parts[0].layers
            }
        )


def attend_cached(
    attention: Blip2QFormerAttention, queries: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Apply one cross-attention block to cached keys and values: (B, Q, D) -> (B, Q, D)."""
    inner = attention.attention
    asked = split_heads(inner.query(queries), inner.num_attention_heads)
    seen = attend(inner, asked, keys, values)
    output: Tensor = attention.output(seen.flatten(2), queries)
    return output


def split_heads(states: Tensor, heads: int) -> Tensor:
    """Split (B, N, D) into heads, (B, H, N, D / H)."""
    return states.view(*states.shape[:-1], heads, -1).transpose(1, 2)
