"""Gathering over processes, which also works in one process and without a process group."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The processes that train together; `World()` is this process alone."""

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "World":
        """Return all processes of the running group, or this one alone where there is no group."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            return cls(rank=torch.distributed.get_rank(), size=torch.distributed.get_world_size())
        return cls()

    def mine(self, rows: int) -> slice:
        """Return where the `rows` of this process are among the gathered ones."""
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def gather(self, tensor: Tensor) -> Tensor:
        """Gather (B, ...) of each process into (size * B, ...); gradients go back to the process of
        origin.

        LAVIS gathers without gradient, so its result depends on the number of processes. With
        gradient, the mean over processes has the gradient of one process on the joined batch.
        """
        if self.size == 1:
            return tensor
        gathered: Tensor = _Gather.apply(tensor, self)  # type: ignore[no-untyped-call]
        return gathered

    @torch.no_grad()
    def gather_constant(self, tensor: Tensor) -> Tensor:
        """Gather (B, ...) of each process into (size * B, ...), without gradient;
        bool is allowed.
        """
        if self.size == 1:
            return tensor.detach()
        sent = (tensor.to(torch.uint8) if tensor.dtype == torch.bool else tensor).contiguous()
        parts = [torch.empty_like(sent) for _ in range(self.size)]
        torch.distributed.all_gather(parts, sent)
        return torch.cat(parts).to(tensor.dtype)

    def gather_texts(self, ids: Tensor) -> Tensor:
        """Gather (B, T) of each process, T may differ, into (size * B, longest T), zeros on the
        right.
        """
        if self.size == 1:
            return ids
        longest = int(self.gather_constant(torch.tensor([ids.shape[1]], device=ids.device)).max())
        return self.gather_constant(pad_texts(ids, longest))

    @torch.no_grad()
    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a scalar over the processes, without gradient."""
        if self.size == 1:
            return value.detach()
        total = value.detach().clone()
        torch.distributed.all_reduce(total)
        return total / self.size


def pad_texts(ids: Tensor, length: int) -> Tensor:
    """Pad (B, T) to (B, length) with zeros, BERT's [PAD], on the right."""
    return torch.nn.functional.pad(ids, (0, length - ids.shape[1]))


class _Gather(torch.autograd.Function):
    """Gathering whose gradient is the sum of what all processes make of the gathered rows."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, world: World) -> Tensor:
        ctx.world, ctx.rows = world, len(tensor)
        return world.gather_constant(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        torch.distributed.all_reduce(total)
        return total[ctx.world.mine(ctx.rows)], None
