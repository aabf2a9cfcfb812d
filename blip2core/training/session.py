"""The set-up of a training run: device, number type, progress bar and curves."""

import math
import random
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from blip2core.config import TrainConfig
from blip2core.errors import ConfigError
from blip2core.models.loading import fast_bfloat16
from blip2core.models.transformers_internals import forget_accelerator_choices
from blip2core.training.data import Order


def start_session(config: TrainConfig) -> Accelerator:
    """Seed every generator and choose device, threads and arithmetic of this process."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    random.seed(config.seed)
    np.random.seed(config.seed % 2**32)
    torch.manual_seed(config.seed)
    on_cpu = config.device == "cpu" or not torch.cuda.is_available()
    bf16 = config.precision == "bf16" or (config.precision == "auto" and fast_bf16(on_cpu=on_cpu))
    forget_accelerator_choices()
    return Accelerator(cpu=on_cpu, mixed_precision="bf16" if bf16 else "no")


def order_of(config: TrainConfig, accelerator: Accelerator, length: int) -> Order:
    """Return which of `length` images each step of this process takes."""
    return Order(
        seed=config.seed,
        length=length,
        batch=config.batch,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
    )


def fast_bf16(*, on_cpu: bool) -> bool:
    """Return whether bf16 is faster than fp32 here: a GPU that has it, or a CPU with AMX tiles."""
    if on_cpu:
        return fast_bfloat16()
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def is_due(done: int, every: int, steps: int) -> bool:
    """Return whether an action done every `every` steps is due after `done` of `steps`, or the run
    ends.
    """
    return done % every == 0 or done == steps


class TrainingProgress:
    """The bar on the terminal and the curves in `<out>/curves`; silent where not `visible`."""

    def __init__(self, out: Path, *, step: int, steps: int, visible: bool) -> None:
        self._bar = tqdm(
            total=steps, initial=step, desc=out.name, disable=None if visible else True
        )
        # What a killed run wrote after its last checkpoint is dropped: those steps come again.
        self._writer = SummaryWriter(str(out / "curves"), purge_step=step + 1) if visible else None

    def __enter__(self) -> "TrainingProgress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._writer is not None:
            self._writer.close()

    def advance(self) -> None:
        """Count one optimizer step as done."""
        self._bar.update()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point at `step` to the curve of each name.

        Raises ConfigError where the loss is no longer a number, instead of training on.
        """
        loss = values.get("train/loss", 0.0)
        if not math.isfinite(loss):
            raise ConfigError(f"The loss became {loss} at step {step}: lower the learning rate.")
        shown = {name.split("/")[-1]: f"{value:.3g}" for name, value in values.items()}
        self._bar.set_postfix(shown, refresh=False)
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
