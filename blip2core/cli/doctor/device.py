"""torch, and the device that models run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from blip2core.cli.doctor.findings import Finding, bytes_in_words

AREA = "device"


def check_device() -> Iterator[Finding]:
    """Yield whether torch works, the GPUs it sees, and whether the device asked for is there."""
    try:
        import torch
    except Exception as error:  # a library of the system that is missing raises OSError
        yield Finding(
            area=AREA,
            name="torch",
            detail=f"cannot be imported ({type(error).__name__})",
            state="problem",
            remedy="Install it again: https://pytorch.org/get-started/locally names the command.",
        )
        return
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    yield Finding(area=AREA, name="torch", detail=f"{torch.__version__}, {built}")
    gpus = list(_gpus(torch))
    yield from gpus
    if not gpus:
        yield Finding(
            area=AREA, name="GPU", detail="none that torch can use; models run on the CPU"
        )
    yield _asked(torch, os.environ.get("BLIP2_DEVICE", "auto"))


def _gpus(torch: Any) -> Iterator[Finding]:
    if not torch.cuda.is_available():
        return
    for number in range(torch.cuda.device_count()):
        try:
            free, total = torch.cuda.mem_get_info(number)
        except RuntimeError as error:
            yield Finding(
                area=AREA,
                name=f"cuda:{number}",
                detail=f"does not answer ({type(error).__name__})",
                state="problem",
                remedy="See whether nvidia-smi shows it; another program may hold its memory.",
            )
            continue
        name = torch.cuda.get_device_name(number)
        memory = f"{bytes_in_words(free)} of {bytes_in_words(total)} free"
        yield Finding(area=AREA, name=f"cuda:{number}", detail=f"{name}, {memory}")


def _asked(torch: Any, device: str) -> Finding:
    from blip2core.errors import ModelError
    from blip2core.models.loading import choose_device

    try:
        chosen = choose_device(device)
        torch.ones(1, device=chosen).sum().item()
    except (ModelError, RuntimeError, AssertionError, ValueError) as error:
        told = str(error) if isinstance(error, ModelError) else type(error).__name__
        return Finding(
            area=AREA,
            name="BLIP2_DEVICE",
            detail=f"{device} cannot be used: {told}",
            state="problem",
            remedy="Set BLIP2_DEVICE=auto, or install a driver and a torch built for it.",
        )
    return Finding(area=AREA, name="BLIP2_DEVICE", detail=f"{device}: models run on {chosen}")
