"""One encoder for two models, where and only where their weights are equal."""

from typing import Any

import pytest
import torch

from blip2core.models import Generator, Matcher
from blip2core.models.vision import fingerprint, share_encoder
from tests import tiny


def pair(**settings: Any) -> tuple[Generator, Matcher]:
    """A captioner and a filter whose image encoders hold the same numbers."""
    captioner = tiny.generator(tiny.blip2())
    model, processor = tiny.retrieval()
    model.vision_model.load_state_dict(captioner.model.vision_model.state_dict())
    with torch.no_grad():
        for name, change in settings.items():
            weight = model.vision_model.get_parameter(name.replace("__", "."))
            weight.copy_(change(weight))
    return captioner, tiny.matcher((model, processor))


def test_equal_encoders_are_kept_once_and_run_once(images):
    captioner, filter_ = pair()
    own = captioner.encode(images), filter_.encode(images)
    expected = filter_.match(own[1][0], ["a cat"])
    sharing = share_encoder(captioner, filter_)
    assert sharing.shared and not sharing.own_norm and "once" in sharing.reason
    assert filter_.model.vision_model.encoder is captioner.model.vision_model.encoder
    weights = [
        *captioner.model.vision_model.embeddings.parameters(),
        *captioner.model.vision_model.encoder.parameters(),
    ]
    assert sharing.saved_bytes == 4 * sum(weight.numel() for weight in weights)
    before = captioner.vision.calls
    features = captioner.encode(images)
    assert filter_.match(features[0], ["a cat"]) == expected
    assert captioner.caption(filter_.encode(images)) == captioner.caption(own[0])
    assert captioner.vision.calls == filter_.vision.calls == before + 2


def test_a_norm_of_its_own_is_kept(images):
    captioner, filter_ = pair(post_layernorm__weight=lambda weight: weight * 1.5)
    alone = filter_.itm(filter_.encode(images), ["a", "b", "c"])
    sharing = share_encoder(captioner, filter_)
    assert sharing.shared and sharing.own_norm and "own last LayerNorm" in sharing.reason
    assert torch.equal(filter_.itm(captioner.encode(images), ["a", "b", "c"]), alone)
    norms = captioner.model.vision_model.post_layernorm, filter_.model.vision_model.post_layernorm
    assert not torch.equal(norms[0].weight, norms[1].weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weight: weight * (1 + 1e-4), "nearly equal"),
        (lambda weight: weight.flip(0), "different weights"),
    ],
)
def test_other_weights_are_refused(change, message, images, caplog):
    name = "encoder__layers__1__mlp__fc1__weight"
    captioner, filter_ = pair(**{name: change})
    with caplog.at_level("INFO"):
        sharing = share_encoder(captioner, filter_)
    assert not sharing.shared and message in sharing.reason and sharing.saved_bytes == 0
    assert message in caplog.text
    assert filter_.model.vision_model.encoder is not captioner.model.vision_model.encoder


def test_one_changed_bit_is_refused():
    def change(weight: torch.Tensor) -> torch.Tensor:
        changed = weight.clone()
        changed.view(-1)[7] = torch.nextafter(changed.view(-1)[7], torch.tensor(9.0))
        return changed

    captioner, filter_ = pair(encoder__layers__0__self_attn__qkv__weight=change)
    assert not share_encoder(captioner, filter_).shared


def test_other_number_types_and_other_preparation_are_refused():
    captioner, filter_ = pair()
    filter_.processor.image_processor.image_mean = [0.5, 0.5, 0.5]
    assert "image_mean" in share_encoder(captioner, filter_).reason
    captioner, filter_ = pair()
    filter_.model.vision_model.to(torch.bfloat16)
    assert "number type" in share_encoder(captioner, filter_).reason


def test_the_encoder_output_is_before_the_last_norm(tiny_generator, images):
    model = tiny_generator.model.vision_model
    vision = tiny_generator.encode(images).vision
    pixels = tiny_generator.processor.image_processor(images, return_tensors="pt")
    assert torch.allclose(
        model.post_layernorm(vision), model(pixels["pixel_values"]).last_hidden_state, atol=1e-6
    )


def test_fingerprints_tell_weights_apart():
    first, again, other = (tiny.blip2(seed=seed)[0].vision_model for seed in (0, 0, 1))
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)
    assert fingerprint(first.to(torch.bfloat16)) != fingerprint(again)
    assert len(fingerprint(other)) == 16


def test_what_a_thread_prepared_gives_the_same_features(images):
    captioner, filter_ = pair()
    for model in (captioner, filter_):
        prepared = torch.cat([model.vision.prepare([image]) for image in images])
        assert torch.equal(model.encode(prepared).vision, model.encode(images).vision)
