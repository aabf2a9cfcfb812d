import torch

from blip2core.models.masks import FORBIDDEN, text_mask, writing_mask

REAL = torch.tensor([[1, 1, 0]])
YES, NO = 0.0, FORBIDDEN


def test_texts_alone_see_their_tokens() -> None:
    assert text_mask(REAL).tolist() == [[[[YES, YES, NO]]]]


def test_matching_sees_queries_and_tokens_in_both_directions() -> None:
    assert text_mask(REAL, queries=2).tolist() == [[[[YES, YES, YES, YES, NO]]]]


def test_writing_sees_queries_and_earlier_tokens() -> None:
    assert writing_mask(REAL, queries=2)[0, 0].tolist() == [
        [YES, YES, NO, NO, NO],  # queries see queries only
        [YES, YES, NO, NO, NO],
        [YES, YES, YES, NO, NO],
        [YES, YES, YES, YES, NO],
        [YES, YES, YES, YES, NO],  # padding, whose row nobody reads
    ]


def test_masks_are_floats_that_small_types_can_hold() -> None:
    mask = writing_mask(REAL, queries=2)
    assert mask.dtype == torch.float32
    assert mask.half().isfinite().all() and mask.bfloat16().isfinite().all()
