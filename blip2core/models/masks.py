"""The self-attention masks of the Q-Former for ITC, ITM and ITG. Figure 2 of the paper.

All are additive and floating-point, which eager attention needs and SDPA takes as well: a bool
mask would silently become +0 and +1 in eager attention. B batch, Q queries, T tokens, L = Q + T.
"""

import torch
from torch import Tensor, nn

FORBIDDEN = -1e4  # as LAVIS; also finite in fp16 and bf16, where the smallest fp32 is not


def text_mask(mask: Tensor, *, queries: int = 0) -> Tensor:
    """Return the additive mask (B, 1, 1, queries + T) of a text (B, T): every row attends to
    queries and real tokens.

    With `queries=0` it is the unimodal mask of ITC, otherwise the bidirectional mask of ITM.
    """
    seen = nn.functional.pad(mask.bool(), (queries, 0), value=True)
    return _additive(seen[:, None, None, :])


def writing_mask(mask: Tensor, *, queries: int) -> Tensor:
    """Return the additive multimodal causal mask of ITG, (B, 1, L, L), of a text mask (B, T) of 1
    and 0.

    Queries see queries only, so their outputs are those of an image-only pass. Token t sees all
    queries and the tokens 0..t that are not padding.
    """
    length = mask.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=mask.device).tril()
    seen = torch.ones(
        mask.shape[0], queries + length, queries + length, dtype=torch.bool, device=mask.device
    )
    seen[:, :queries, queries:] = False
    seen[:, queries:, queries:] = causal & mask.bool()[:, None, :]
    return _additive(seen[:, None])


def _additive(seen: Tensor) -> Tensor:
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, FORBIDDEN)
