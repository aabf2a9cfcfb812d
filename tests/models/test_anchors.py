import pytest
import torch
from torch import Tensor
from transformers import Blip2QFormerConfig

from blip2core.errors import ModelError
from blip2core.models.anchors import anchor_queries, own_cell_attention, patch_cells
from blip2core.models.cross_attention_cache import attend_cached
from blip2core.models.qformer import Stage1QFormer

SIDE, WIDTH = 6, 32


def build(queries: int) -> Stage1QFormer:
    torch.manual_seed(0)
    config = Blip2QFormerConfig(
        vocab_size=20,
        hidden_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=64,
        encoder_hidden_size=WIDTH,
        use_qformer_text_input=True,
    )
    return Stage1QFormer(
        config, num_query_tokens=queries, image_text_hidden_size=8, decoder_token_id=5
    ).train()


def features(images: int, seed: int) -> Tensor:
    """Random content plus a smooth part that depends on the position only."""
    random = torch.Generator().manual_seed(7)
    at = torch.linspace(-1, 1, SIDE)
    row, column = torch.meshgrid(at, at, indexing="ij")
    waves = torch.stack(
        [f(k * x) for x in (row, column) for k in (1, 2, 3) for f in (torch.sin, torch.cos)], -1
    ).flatten(0, 1)
    position = waves @ torch.randn(waves.shape[1], WIDTH, generator=random)
    position = torch.cat([torch.randn(1, WIDTH, generator=random), position])
    noise = torch.randn(
        images, SIDE * SIDE + 1, WIDTH, generator=torch.Generator().manual_seed(seed)
    )
    return position + 0.3 * noise + torch.ones(WIDTH)


def test_each_query_looks_at_its_cell_in_every_layer_also_of_new_images() -> None:
    model = build(queries=9)
    reached = anchor_queries(model, features(200, seed=1), grid=3)
    assert list(reached) == [0, 2]
    assert model.training
    assert all(0.85 < share < 0.95 for share in reached.values())

    model.eval()
    fresh, cells = features(20, seed=2), patch_cells(SIDE * SIDE, 3)
    cache = model.cross_attention_cache(fresh)
    hidden = model.qformer.layernorm(model.query_tokens).expand(20, -1, -1)
    for at, layer in enumerate(model.qformer.encoder.layer):
        hidden = layer.attention(hidden)
        if layer.has_cross_attention:
            own = own_cell_attention(layer.crossattention, hidden, fresh, cells)
            assert own.mean() > 0.8
            hidden = attend_cached(layer.crossattention, hidden, *cache.layers[at])
        hidden = layer.feed_forward_chunk_query(hidden)


def test_queries_beyond_the_grid_look_everywhere() -> None:
    model = build(queries=10)
    vision = features(100, seed=1)
    anchor_queries(model, vision, grid=3)
    layer = model.eval().qformer.encoder.layer[0]
    hidden = layer.attention(model.qformer.layernorm(model.query_tokens))
    inner = layer.crossattention.attention
    query = inner.query(hidden[0, 9]).view(4, -1)
    keys = inner.key(vision).unflatten(-1, (4, -1))
    attention = (torch.einsum("hd,nphd->nhp", query, keys) * inner.scaling).softmax(-1)
    assert attention.max() < 2 / attention.shape[-1]


def test_what_is_seen_reaches_the_queries() -> None:
    model = build(queries=9)
    vision = features(100, seed=1)
    before = model.eval().encode_image(vision).std(dim=0).mean()
    anchor_queries(model, vision, grid=3)
    assert model.encode_image(vision).std(dim=0).mean() > 2 * before


def test_features_without_position_leave_queries_mild(caplog: pytest.LogCaptureFixture) -> None:
    model = build(queries=9)
    noise = torch.randn(100, SIDE * SIDE + 1, WIDTH, generator=torch.Generator().manual_seed(1))
    reached = anchor_queries(model, noise, grid=3)
    assert all(share < 0.2 for share in reached.values())
    assert "hardly tell where a patch lies" in caplog.text
    # an over-sharp attention would have grown far beyond the ordinary size of weights
    inner = model.qformer.encoder.layer[0].crossattention.attention
    assert inner.query.weight.std() < 0.1 and inner.key.weight.std() < 0.1


def test_anchored_queries_say_the_same_at_a_size_that_training_turns_slowly() -> None:
    model = build(queries=9)
    before = model.qformer.layernorm(model.query_tokens)
    anchor_queries(model, features(20, seed=1), grid=3)
    assert model.query_tokens.std().item() == pytest.approx(1)
    torch.testing.assert_close(model.qformer.layernorm(model.query_tokens), before)


def test_the_result_repeats_with_the_seed() -> None:
    first, second = build(queries=9), build(queries=9)
    for model in (first, second):
        torch.manual_seed(3)
        anchor_queries(model, features(50, seed=1), grid=3)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_cells_are_numbered_row_by_row() -> None:
    cells = patch_cells(16, 2).argmax(dim=1).view(4, 4)
    assert cells.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="needs 9 queries"):
        anchor_queries(build(queries=8), features(2, seed=1), grid=3)
    with pytest.raises(ModelError, match="two images"):
        anchor_queries(build(queries=9), features(1, seed=1), grid=3)
    with pytest.raises(ModelError, match="15 patches"):
        patch_cells(15, 2)
    with pytest.raises(ModelError, match="7 x 7"):
        patch_cells(36, 7)
