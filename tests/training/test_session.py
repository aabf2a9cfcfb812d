import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from blip2core.config import TrainConfig
from blip2core.errors import ConfigError
from blip2core.training import session
from blip2core.training.session import TrainingProgress, is_due, start_session


def curve(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(point.step, point.value) for point in events.Scalars(name)]


def test_a_session_seeds_every_generator() -> None:
    def draw() -> list[float]:
        start_session(TrainConfig(seed=7, device="cpu"))
        return [random.random(), np.random.rand(), torch.rand(()).item()]

    assert draw() == draw()


def test_bf16_only_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for fast, precision, expected in (
        (True, "auto", "bf16"),
        (False, "auto", "no"),
        (False, "bf16", "bf16"),
        (True, "fp32", "no"),
    ):
        monkeypatch.setattr(session, "fast_bfloat16", lambda fast=fast: fast)
        accelerator = start_session(TrainConfig(device="cpu", precision=precision))
        assert accelerator.mixed_precision == expected
        assert accelerator.device.type == "cpu"


def test_curves_are_written_and_a_resumed_run_replaces_what_comes_again(tmp_path: Path) -> None:
    with TrainingProgress(tmp_path, step=0, steps=6, visible=True) as progress:
        for step in (1, 2, 3):
            progress.log(step, {"train/loss": float(step)})
    with TrainingProgress(tmp_path, step=2, steps=6, visible=True) as progress:
        progress.advance()
        progress.log(3, {"train/loss": 30.0})
    assert curve(tmp_path / "curves", "train/loss") == [(1, 1.0), (2, 2.0), (3, 30.0)]


def test_other_processes_stay_silent(tmp_path: Path) -> None:
    with TrainingProgress(tmp_path, step=0, steps=2, visible=False) as progress:
        progress.log(1, {"train/loss": 1.0})
    assert not (tmp_path / "curves").exists()


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="nan at step 5: lower the learning rate"),
        TrainingProgress(tmp_path, step=0, steps=9, visible=False) as progress,
    ):
        progress.log(5, {"train/loss": float("nan")})


def test_due_every_so_many_and_at_the_end() -> None:
    assert [done for done in range(1, 8) if is_due(done, 3, 7)] == [3, 6, 7]
