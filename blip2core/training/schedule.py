"""Learning rate at a step: linear warm-up, then half a cosine down to a floor."""

import math

from blip2core.config import TrainConfig


def lr_at(step: int, *, steps: int, warmup_steps: int, peak: float, floor: float) -> float:
    """Return the learning rate of step `step`, the first step being 0.

    Warm-up and cosine are both counted in optimizer steps: the rate rises to `peak` over
    `warmup_steps` steps and falls to `floor`, which step `steps` would have.
    """
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    progress = min(1.0, (step - warmup_steps) / (steps - warmup_steps))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def rate_at(config: TrainConfig, step: int) -> float:
    """Return the learning rate of a step of this run."""
    return lr_at(
        step,
        steps=config.steps,
        warmup_steps=config.warmup_steps,
        peak=config.learning_rate,
        floor=config.floor,
    )
