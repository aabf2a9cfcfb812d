"""Run by test_distributed.py under `accelerate launch`: writes what each process computed."""

import dataclasses
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from blip2core.training import stage1
from blip2core.training.data import Stage1Batch
from blip2core.training.distributed import World
from blip2core.training.optimizer import build_optimizer
from blip2core.training.stage1 import negatives_of, rows_of
from tests.training.test_objective import build, make_batch, with_hard_texts
from tests.training.test_stage1 import make_config

SIZE = 6


def joined_batch() -> Stage1Batch:
    """Two rows have the same text, and they lie on different processes."""
    batch = with_hard_texts(make_batch(SIZE))
    for tensor in (batch.ids, batch.mask):
        tensor[5] = tensor[0]
    assert not batch.ids[:3, 4:].eq(0).all()
    return dataclasses.replace(batch, matches=(batch.ids[:, None] == batch.ids[None]).all(dim=-1))


def learn(batch: Stage1Batch, *, with_itm: bool) -> dict[str, Tensor]:
    """Losses and gradients of one step, averaged over processes."""
    accelerator = Accelerator(cpu=True)
    objective = build()
    objective.hard_text_share = 0.5
    wrapped = accelerator.prepare(objective)
    losses = wrapped(batch, generator=negatives_of(1, 2, torch.device("cpu")), with_itm=with_itm)
    accelerator.backward(losses.total)
    result = {name: World.current().mean(value) for name, value in losses._asdict().items()}
    del result["itm_accuracy"]  # a mean of shares of different sizes
    for name, parameter in objective.named_parameters():
        assert parameter.grad is not None
        result[name] = parameter.grad.clone()
    return result


def damped(module: torch.nn.Module, **settings: float) -> torch.optim.AdamW:
    """The recipe's AdamW with an epsilon far above rounding.

    With its own, a gradient that is nothing but rounding makes a whole step, in either direction;
    and gradients that are too large by a factor, the same steps as right ones.
    """
    optimizer = build_optimizer(module, **settings)
    for group in optimizer.param_groups:
        group["eps"] = 1e-3
    return optimizer


def main(world_folder: Path, out: Path) -> None:
    """Write losses and gradients of one batch, then run the recipe on as many images a step."""
    batch = joined_batch()
    world = World.current()
    if world.size > 1:
        batch = rows_of(batch, world.mine(SIZE // world.size))
        if world.rank == 1:  # another length of text, as the batches of two processes may have
            wider = [torch.nn.functional.pad(at, (0, 2)) for at in (batch.ids, batch.mask)]
            batch = dataclasses.replace(batch, ids=wider[0], mask=wider[1])
    results = [learn(batch, with_itm=with_itm) for with_itm in (True, False)]
    torch.save(results, out / f"{world.size}-{world.rank}.pt")

    AcceleratorState._reset_state()
    config = make_config(world_folder)
    config = dataclasses.replace(
        config, steps=2, batch=4 // world.size, cache=None, precision="fp32"
    )
    with patch.object(stage1, "build_optimizer", damped):
        stage1.run(config, out / f"run-{world.size}")


if __name__ == "__main__":
    Accelerator(cpu=True)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
