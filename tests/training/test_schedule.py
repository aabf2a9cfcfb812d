import math

import pytest

from blip2core.config import TrainConfig
from blip2core.training.schedule import lr_at, rate_at

SETTINGS = {"steps": 100, "warmup_steps": 10, "peak": 1e-3, "floor": 1e-5}


def test_warm_up_is_linear_and_starts_above_zero() -> None:
    rates = [lr_at(step, **SETTINGS) for step in range(10)]
    assert rates == pytest.approx([1e-3 * (step + 1) / 11 for step in range(10)])


def test_peak_is_reached_right_after_the_warm_up() -> None:
    assert lr_at(10, **SETTINGS) == 1e-3


def test_cosine_passes_the_middle_and_ends_at_the_floor() -> None:
    assert lr_at(55, **SETTINGS) == pytest.approx((1e-3 + 1e-5) / 2)
    assert lr_at(100, **SETTINGS) == pytest.approx(1e-5)
    assert lr_at(200, **SETTINGS) == pytest.approx(1e-5)
    quarter = 1e-5 + (1e-3 - 1e-5) * 0.5 * (1 + math.cos(math.pi / 4))
    assert lr_at(10 + 90 // 4, steps=100, warmup_steps=10, peak=1e-3, floor=1e-5) == pytest.approx(
        quarter, rel=0.01
    )


def test_without_warm_up_it_starts_at_the_peak() -> None:
    assert lr_at(0, steps=5, warmup_steps=0, peak=1.0, floor=0.0) == 1.0


def test_a_run_takes_its_rates_from_its_settings() -> None:
    config = TrainConfig(steps=100, warmup_steps=10, learning_rate=1e-3, floor=1e-5)
    assert [rate_at(config, step) for step in range(100)] == [
        lr_at(step, **SETTINGS) for step in range(100)
    ]
