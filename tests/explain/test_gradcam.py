"""Grad-CAM: attention times the positive part of its gradient."""

from collections.abc import Callable
from dataclasses import replace

import torch

from blip2core.explain import Focus, Trace
from blip2core.explain.gradcam import gradcam

CROSS = torch.tensor([[[[0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.3, 0.7]]]])  # (1, 2, 2, 2)
SLOPES = torch.tensor([[[[2.0, -1.0], [1.0, 1.0]], [[0.0, 1.0], [-1.0, -1.0]]]])
WITHIN = torch.full((1, 2, 2, 2), 0.5)


def test_by_hand(by_hand: Callable[..., Trace]) -> None:
    made = by_hand(CROSS, WITHIN)
    made = replace(made, together=replace(made.together, cross_gradients=SLOPES))
    first = gradcam(made, Focus(query=0)).values.flatten()  # heads: [1, 0] and [0, 0.8]
    torch.testing.assert_close(first, torch.tensor([0.5, 0.4]))
    both = gradcam(made).values.flatten()  # the second query: [0.9, 0.1] and nothing
    torch.testing.assert_close(both, torch.tensor([(0.5 + 0.45) / 2, (0.4 + 0.05) / 2]))


def test_the_last_layer_is_the_default(by_hand: Callable[..., Trace]) -> None:
    made = by_hand(torch.cat([CROSS, CROSS.flip(-1)]), torch.cat([WITHIN, WITHIN]))
    torch.testing.assert_close(gradcam(made).values, gradcam(made, Focus(layer=1)).values)
    assert not torch.allclose(gradcam(made).values, gradcam(made, Focus(layer=0)).values)


def test_the_last_of_several_layers_of_a_model(deep_traced: Trace) -> None:
    pair = deep_traced.together
    weighted = (pair.cross * pair.cross_gradients).clamp(min=0)[..., 1:].mean(dim=(1, 2))  # (L, P)
    found = gradcam(deep_traced)
    torch.testing.assert_close(found.values.flatten(), weighted[2])
    assert not torch.allclose(found.values.flatten(), weighted[0], rtol=1e-2)
    assert found.title == "Grad-CAM of ITM, all queries, layer 4"
