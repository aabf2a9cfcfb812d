"""AdamW as in both stages: parameter groups, learning rate, gradient clipping."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

BETAS = (0.9, 0.98)
"""Decay of the two running means; section 4.1 of the BLIP-2 paper."""


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the trainable parameters in two groups, with and without weight decay.

    No decay for anything below two dimensions (biases, layer norms, temperature), nor for query
    tokens, which are inputs rather than weights.
    """
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim >= 2 and not name.endswith("query_tokens")
            (decayed if decays else kept).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(module: nn.Module, *, lr: float, weight_decay: float) -> AdamW:
    """Build AdamW over the trainable parameters of `module`."""
    return AdamW(parameter_groups(module, weight_decay), lr=lr, betas=BETAS, fused=True)


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Give every group the learning rate `lr`."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale the gradients to a joint norm of at most `limit`; return the norm before, ()."""
    return torch.nn.utils.clip_grad_norm_(parameters, limit)
