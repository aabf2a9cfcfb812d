import pytest
import torch
from torch import Tensor

from blip2core.models.cross_attention_cache import CrossAttentionCache, attend_cached, split_heads
from tests.models.test_qformer import build


@pytest.fixture
def vision() -> Tensor:
    torch.manual_seed(3)
    return torch.randn(3, 5, 24)


def test_attending_to_a_cache_equals_looking_at_the_image(vision: Tensor) -> None:
    model = build()
    block = model.qformer.encoder.layer[2].crossattention
    queries = torch.randn(3, 6, 32)
    seen = attend_cached(block, queries, *model.cross_attention_cache(vision).layers[2])
    torch.testing.assert_close(seen, block(queries, encoder_hidden_states=vision))


def test_only_layers_with_cross_attention_are_cached(vision: Tensor) -> None:
    assert sorted(build().cross_attention_cache(vision).layers) == [0, 2]


def test_images_can_be_taken_and_joined(vision: Tensor) -> None:
    model = build()
    cache = model.cross_attention_cache(vision)
    rows = torch.tensor([2, 2, 0])
    torch.testing.assert_close(
        model.encode_image(cache.take(rows)), model.encode_image(vision[rows])
    )
    twice = model.encode_image(CrossAttentionCache.join([cache, cache]))
    torch.testing.assert_close(twice, model.encode_image(vision).repeat(2, 1, 1))


def test_heads_are_neighbouring_parts_of_the_width() -> None:
    states = torch.arange(8.0).view(1, 2, 4)
    assert split_heads(states, 2).tolist() == [[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]]
