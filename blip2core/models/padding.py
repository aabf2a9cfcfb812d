"""Pad token ids of different lengths into one tensor.

Done here and not by the tokenizer, whose padding and truncation settings are shared state: two
threads that set them at once fail.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Side = Literal["left", "right"]


def pad_rows(
    rows: Sequence[Sequence[int]], pad: int, side: Side, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Pad N lists of ids to ids and mask, (N, T) each; mask 0 marks the padding on `side`."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if side == "left" else slice(0, len(row))
        ids[index, place] = torch.tensor(row, dtype=torch.long)
        mask[index, place] = 1
    return ids.to(device), mask.to(device)
