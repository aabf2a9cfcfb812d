"""Lists of ids in one tensor."""

import torch

from blip2core.models.padding import pad_rows


def test_padding_on_either_side():
    rows = [[5], [6, 7, 8]]
    ids, mask = pad_rows(rows, 1, "left", torch.device("cpu"))
    assert ids.tolist() == [[1, 1, 5], [6, 7, 8]] and mask.tolist() == [[0, 0, 1], [1, 1, 1]]
    ids, mask = pad_rows(rows, 0, "right", torch.device("cpu"))
    assert ids.tolist() == [[5, 0, 0], [6, 7, 8]] and mask.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert ids.dtype == mask.dtype == torch.long
