import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from blip2core.config import TrainConfig
from blip2core.errors import CheckpointError
from blip2core.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from blip2core.training.optimizer import build_optimizer

CONFIG = TrainConfig(steps=20, warmup_steps=2)


def new_run(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    return module, build_optimizer(module, lr=0.01, weight_decay=0.1)


def train(module: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    """Steps that depend on every random generator there is."""
    for _ in range(steps):
        inputs = torch.randn(5, 3) + random.random() + np.random.rand()
        module(inputs).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_killed_and_resumed_is_never_killed_bit_for_bit(tmp_path: Path) -> None:
    whole, optimizer = new_run()
    train(whole, optimizer, 7)

    module, optimizer = new_run()
    train(module, optimizer, 4)
    save_checkpoint(tmp_path, step=4, module=module, optimizer=optimizer, config=CONFIG)
    resumed, optimizer = new_run(seed=99)
    step = load_checkpoint(tmp_path, module=resumed, optimizer=optimizer, config=CONFIG)
    train(resumed, optimizer, 3)
    assert step == 4
    assert torch.equal(weights(resumed), weights(whole))


def test_nothing_to_load_is_step_zero(tmp_path: Path) -> None:
    module, optimizer = new_run()
    args = {"module": module, "optimizer": optimizer, "config": CONFIG}
    assert load_checkpoint(tmp_path / "none", **args) == 0


def test_only_the_newest_are_kept_and_an_unfinished_one_is_no_checkpoint(tmp_path: Path) -> None:
    module, optimizer = new_run()
    for step in (5, 10, 15):
        save_checkpoint(tmp_path, step=step, module=module, optimizer=optimizer, config=CONFIG)
    (tmp_path / ".unfinished-00000020").mkdir()
    assert [folder.name for folder in checkpoints(tmp_path)] == ["step-00000010", "step-00000015"]
    assert load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=CONFIG) == 15


def test_a_crash_before_the_rename_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, optimizer = new_run()
    save_checkpoint(tmp_path, step=5, module=module, optimizer=optimizer, config=CONFIG)

    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, step=10, module=module, optimizer=optimizer, config=CONFIG)
    assert load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=CONFIG) == 5
    save_checkpoint(tmp_path, step=10, module=module, optimizer=optimizer, config=CONFIG)
    assert load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=CONFIG) == 10


def test_another_config_is_refused_by_the_name_of_the_setting(tmp_path: Path) -> None:
    module, optimizer = new_run()
    save_checkpoint(tmp_path, step=5, module=module, optimizer=optimizer, config=CONFIG)
    other = replace(CONFIG, learning_rate=2e-3)
    with pytest.raises(CheckpointError, match="learning_rate = 0.001, this run has .*0.002"):
        load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=other)
    free = replace(CONFIG, eval_every=7, checkpoint_every=3, keep=9)
    assert load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=free) == 5


def test_another_model_is_refused(tmp_path: Path) -> None:
    module, optimizer = new_run()
    save_checkpoint(tmp_path, step=5, module=module, optimizer=optimizer, config=CONFIG)
    wider = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    with pytest.raises(CheckpointError, match=r"0.weight is \(4, 3\) there and \(8, 3\) here"):
        load_checkpoint(tmp_path, module=wider, optimizer=optimizer, config=CONFIG)
    named = nn.ModuleDict({"part": nn.Linear(3, 4)})
    with pytest.raises(CheckpointError, match="it differs in 0.bias"):
        load_checkpoint(tmp_path, module=named, optimizer=optimizer, config=CONFIG)


def test_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    module, optimizer = new_run()
    folder = save_checkpoint(tmp_path, step=5, module=module, optimizer=optimizer, config=CONFIG)
    (folder / "random-1.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="number of processes, 2; this one has 1"):
        load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=CONFIG)


def test_frozen_weights_stay_out_and_code_is_never_run(tmp_path: Path) -> None:
    module, optimizer = new_run()
    module[2].requires_grad_(False)
    folder = save_checkpoint(tmp_path, step=5, module=module, optimizer=optimizer, config=CONFIG)
    assert json.loads((folder / "state.json").read_text())["step"] == 5
    assert (folder / "weights.safetensors").stat().st_size < 400
    torch.save(print, folder / "optimizer.pt")
    with pytest.raises(CheckpointError, match="optimizer.pt cannot be read"):
        load_checkpoint(tmp_path, module=module, optimizer=optimizer, config=CONFIG)
