"""Two processes with half a batch each do what one does with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from blip2core.training.distributed import World, pad_texts
from tests.training import two_processes
from tests.training.test_stage1 import make_world

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `two_processes.py` wrote, with one process here and with two of their own."""
    out, world = tmp_path_factory.mktemp("results"), make_world(tmp_path_factory.mktemp("world"))
    # --multi_gpu is accelerate's way to start several processes; these ask for the CPU themselves
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines=1"]
    launch += ["--num_processes=2", "--num_cpu_threads_per_process=1"]
    launch += ["--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"]
    # Accelerate keeps settings of an earlier test in its state and in the environment.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ACCELERATE_")}
    for start in ([], launch):
        done = subprocess.run(
            [sys.executable, *start, two_processes.__file__, str(world), str(out)],
            env=environment | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("rank", [0, 1])
def test_losses_and_gradients_equal_those_of_the_joined_batch(results: Path, rank: int) -> None:
    alone = torch.load(results / "1-0.pt", weights_only=True)
    together = torch.load(results / f"2-{rank}.pt", weights_only=True)
    assert len(alone) == len(together) == 2  # with and without ITM
    for one, two in zip(alone, together, strict=True):
        assert one.keys() == two.keys()
        for name, value in one.items():
            torch.testing.assert_close(
                two[name],
                value,
                rtol=1e-4,
                atol=1e-6,
                msg=lambda said, name=name: f"{name}: {said}",
            )


def test_the_recipe_gives_the_same_model(results: Path) -> None:
    alone, together = (
        load_file(results / f"run-{processes}" / "model" / "model.safetensors")
        for processes in (1, 2)
    )
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=0, atol=1e-6, msg=name)


def test_without_a_group_a_process_is_alone() -> None:
    world = World.current()
    assert world == World(rank=0, size=1)
    rows = torch.randn(3, 2, requires_grad=True)
    assert world.gather(rows) is rows
    assert not world.gather_constant(rows).requires_grad
    assert torch.equal(world.gather_texts(torch.ones(2, 3)), torch.ones(2, 3))
    assert world.mean(torch.tensor(2.0)) == 2


def test_rows_of_a_process_follow_its_number() -> None:
    assert World(rank=2, size=4).mine(8) == slice(16, 24)
    assert pad_texts(torch.ones(1, 2), 4).tolist() == [[1, 1, 0, 0]]
