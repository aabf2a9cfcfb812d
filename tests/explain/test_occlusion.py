"""Hidden patches are as if they were not there, and nothing is encoded again."""

import pytest
import torch
from PIL import Image

from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError, ModelError
from blip2core.explain.occlusion import hide_patches, keep_patches
from blip2core.models import Generator, Matcher
from blip2core.models.vision import ImageFeatures

GRID = (2, 2)


def test_hiding_is_an_attention_mask(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    model = tiny_matcher.model
    mask = torch.tensor([[1, 1, 0, 1, 0]])  # class token, then four patches
    expected = model.qformer(
        query_embeds=model.query_tokens,
        encoder_hidden_states=model.vision_model.post_layernorm(features.vision),
        encoder_attention_mask=mask,
    ).last_hidden_state
    hidden = hide_patches(features, [1, 3], GRID)
    found = model.qformer(
        query_embeds=model.query_tokens,
        encoder_hidden_states=model.vision_model.post_layernorm(hidden.vision),
    ).last_hidden_state
    torch.testing.assert_close(found, expected)


def test_matcher_and_generator_answer_again(
    any_generator: Generator, tiny_matcher: Matcher, images: list[Image.Image]
) -> None:
    decode = DecodeConfig(max_new_tokens=8)
    features = any_generator.encode(images[:1])
    calls = any_generator.vision.calls
    said = [
        any_generator.answer(seen, ["Who?"], decode=decode, logprobs=True)[0].logprobs
        for seen in (features, hide_patches(features, [], GRID), hide_patches(features, [0], GRID))
    ]
    assert any_generator.vision.calls == calls
    assert said[0] == pytest.approx(said[1])
    assert said[0] != pytest.approx(said[2], abs=1e-3)
    seen = tiny_matcher.encode(images[:1])
    scores = [
        tiny_matcher.itm(keep_patches(seen, kept, GRID), ["a"]) for kept in ([0, 1, 2, 3], [2])
    ]
    torch.testing.assert_close(scores[0], tiny_matcher.itm(seen, ["a"]))
    assert not torch.allclose(scores[0], scores[1], atol=1e-4)


def test_what_was_read_before_is_forgotten(
    tiny_generator: Generator, images: list[Image.Image]
) -> None:
    features = tiny_generator.encode(images[:1])
    hidden = hide_patches(features, {0, 3}, GRID)
    assert features.queries is not None
    assert (hidden.queries, hidden.reader) == (None, None)
    assert torch.equal(hidden.vision, features.vision[:, [0, 2, 3]])
    assert hidden.encoder == features.encoder


def test_order_and_repeats_do_not_matter(features: ImageFeatures) -> None:
    kept = keep_patches(features, [3, 1, 3], GRID)
    assert torch.equal(kept.vision, features.vision[:, [0, 2, 4]])


def test_without_class_token_something_has_to_stay(features: ImageFeatures) -> None:
    assert hide_patches(features, range(4), GRID).vision.shape[1] == 1  # the class token
    with pytest.raises(ConfigError, match="all patches are hidden"):
        hide_patches(features, range(5), (5, 1))


def test_mistakes_are_told(features: ImageFeatures) -> None:
    with pytest.raises(ConfigError, match=r"patch \(4\) must be from 0 to 3"):
        keep_patches(features, [4], GRID)
    with pytest.raises(ConfigError, match=r"patch \(-1\)"):
        hide_patches(features, [-1], GRID)
    with pytest.raises(ModelError, match="a whole image has 9"):
        hide_patches(features, [0], (3, 3))
