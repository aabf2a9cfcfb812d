import pytest
import torch
from torch import nn

from blip2core.training.optimizer import (
    build_optimizer,
    clip_gradients,
    parameter_groups,
    set_lr,
)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(torch.ones(1, 2, 3))
        self.temperature = nn.Parameter(torch.tensor(0.07))
        self.linear = nn.Linear(3, 3)
        self.norm = nn.LayerNorm(3)
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def test_only_trained_matrices_decay() -> None:
    module = Small()
    decayed, kept = parameter_groups(module, 0.05)
    assert [id(p) for p in decayed["params"]] == [id(module.linear.weight)]
    assert decayed["weight_decay"] == 0.05
    expected = (
        module.query_tokens,
        module.temperature,
        module.linear.bias,
        module.norm.weight,
        module.norm.bias,
    )
    assert [id(p) for p in kept["params"]] == [id(p) for p in expected]
    assert kept["weight_decay"] == 0.0


def test_first_step_is_that_of_adam_by_hand() -> None:
    module = Small()
    before = module.linear.weight.detach().clone()
    optimizer = build_optimizer(module, lr=0.1, weight_decay=0.05)
    module.linear.weight.grad = torch.full((3, 3), 2.0)
    optimizer.step()
    # After one step both running means are unbiased, so the step is lr * sign(gradient).
    expected = before * (1 - 0.1 * 0.05) - 0.1
    assert torch.allclose(module.linear.weight, expected, atol=1e-6)
    assert optimizer.defaults["betas"] == (0.9, 0.98)


def test_set_lr_reaches_every_group() -> None:
    optimizer = build_optimizer(Small(), lr=1.0, weight_decay=0.1)
    set_lr(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


def test_clipping_gives_the_norm_before_and_the_limit_after() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert clip_gradients([parameter], 1.0).item() == pytest.approx(5.0)
    assert parameter.grad.norm().item() == pytest.approx(1.0, rel=1e-4)
