"""The memory of models and of GPUs, for metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blip2core.models.generator import Generator
    from blip2core.models.matcher import Matcher


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMemory:
    """What the weights of one loaded model take."""

    model: str
    """Its name; of a folder the last part."""
    kind: str
    device: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """The memory of a GPU in bytes."""

    device: str
    allocated: int
    """By this process, for tensors."""
    reserved: int
    """By this process, tensors or not."""
    free: int
    total: int


def model_memory(models: Iterable[Generator | Matcher]) -> list[ModelMemory]:
    """Return the memory of each model; weights that several share count for the first alone."""
    counted: set[int] = set()
    found = []
    for model in models:
        weights = [*model.model.parameters(), *model.model.buffers()]
        fresh = {weight.data_ptr(): weight.nbytes for weight in weights}
        size = sum(size for place, size in fresh.items() if place not in counted)
        counted |= fresh.keys()
        found.append(
            ModelMemory(
                model=model.spec.name,
                kind=model.spec.kind,
                device=str(model.device),
                bytes=size,
            )
        )
    return found


def gpu_memory() -> list[GpuMemory]:
    """Return the memory of each GPU that this process uses; nothing is begun for the answer."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return []
    found = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        found.append(
            GpuMemory(
                device=f"cuda:{number}",
                allocated=torch.cuda.memory_allocated(number),
                reserved=torch.cuda.memory_reserved(number),
                free=free,
                total=total,
            )
        )
    return found
