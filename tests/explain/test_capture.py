"""Attention is recorded on a private copy: right, and without a trace on the model."""

import threading

import pytest
import torch
from torch import nn

from blip2core.errors import ModelError
from blip2core.explain import capture as module
from blip2core.explain import trace
from blip2core.explain.capture import capture_attention, private_copy
from blip2core.models import ImageFeatures, Matcher


def state(model: nn.Module) -> tuple[dict[str, torch.Tensor], int, str]:
    """Weights, number of hooks, attention implementation."""
    hooks = sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    return weights, hooks, model.qformer.config._attn_implementation


def test_the_model_is_left_as_it_was(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    weights, hooks, attention = state(tiny_matcher.model)
    assert attention == "sdpa"
    with capture_attention(tiny_matcher.model) as captured:
        assert state(tiny_matcher.model)[1:] == (hooks, "sdpa")  # while it goes on, too
        assert captured.model.qformer.config._attn_implementation == "eager"
    trace(tiny_matcher, features, "a car", gradients=True)
    after, *rest = state(tiny_matcher.model)
    assert rest == [hooks, "sdpa"]
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    assert not any(weight.requires_grad for weight in tiny_matcher.model.parameters())
    assert all(weight.grad is None for weight in tiny_matcher.model.parameters())


def test_the_copy_shares_every_weight(tiny_matcher: Matcher) -> None:
    model = tiny_matcher.model
    private = private_copy(model, shared=[model.vision_model])
    ours = [weight.data_ptr() for weight in private.parameters()]
    assert ours == [weight.data_ptr() for weight in model.parameters()]
    assert private.vision_model is model.vision_model
    assert private.qformer is not model.qformer


def test_two_at_once_do_not_meet(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    texts = ["a car", "red", "a dog on the sea", "b"] * 2
    alone = {text: trace(tiny_matcher, features, text, gradients=True) for text in texts}
    found: dict[int, torch.Tensor] = {}

    def work(index: int) -> None:
        seen = trace(tiny_matcher, features, texts[index], gradients=True)
        assert seen.together is not None
        found[index] = seen.together.cross_gradients

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(texts)
    for index, gradients in found.items():
        assert torch.equal(gradients, alone[texts[index]].together.cross_gradients)


def test_missing_probabilities_are_told(
    tiny_matcher: Matcher, features: ImageFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_at_sdpa(model: nn.Module, **_: object) -> nn.Module:
        private = private_copy(model)
        private.qformer.config._attn_implementation = "sdpa"
        return private

    monkeypatch.setattr(module, "private_copy", left_at_sdpa)
    with pytest.raises(ModelError, match="gave no attention probabilities"):
        trace(tiny_matcher, features)


def test_passes_are_kept_apart(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    model = tiny_matcher.model
    with capture_attention(model) as captured:
        with pytest.raises(ModelError, match="No attention was recorded"):
            captured.take()
        look = {
            "query_embeds": model.query_tokens,
            "encoder_hidden_states": model.vision_model.post_layernorm(features.vision),
        }
        captured.model.qformer(**look)
        with pytest.raises(ModelError, match="ran twice in one pass"):
            captured.model.qformer(**look)
        names = list(captured.take())
    assert names == [
        "qformer.encoder.layer.0.attention.attention",
        "qformer.encoder.layer.0.crossattention.attention",
        "qformer.encoder.layer.1.attention.attention",
    ]


def test_a_model_without_attention_is_refused() -> None:
    with (
        pytest.raises(ModelError, match="Linear has no attention"),
        capture_attention(nn.Linear(2, 2)),
    ):
        pass
