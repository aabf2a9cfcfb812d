"""The memory of loaded models; what two share counts once."""

import gc
import sys
from types import SimpleNamespace

import pytest

from app.inference.model_memory import gpu_memory, model_memory
from app.inference.pool import ModelPool
from blip2core.models.specs import SPECS
from tests.capfilt.conftest import tiny_pair


def test_shared_weights_count_for_the_first_alone() -> None:
    generator, matcher = tiny_pair()
    both = model_memory([generator, matcher])
    apart = model_memory([matcher])
    assert [one.kind for one in both] == ["generator", "matcher"]
    weights = list(generator.model.parameters()) + list(generator.model.buffers())
    assert both[0].bytes == sum({one.data_ptr(): one.nbytes for one in weights}.values())
    assert 0 < both[1].bytes < apart[0].bytes and both[0].device == "cpu"


def test_the_pool_knows_what_is_in_memory() -> None:
    pool = ModelPool("cpu")
    assert pool.loaded == []
    pair = pool.get("stickers-opt")
    assert pair.generator in pool.loaded and len(pool.loaded) == 1
    pair.matcher  # noqa: B018 - loads it
    assert [model.spec.name for model in pool.loaded] == ["stickers-itm", "stickers-opt"]
    pool._pairs.clear()
    del pair
    gc.collect()
    assert pool.loaded == []
    assert SPECS["stickers-opt"].kind == "generator"


def test_gpus_are_asked_only_where_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: False,
        device_count=lambda: 1,
        mem_get_info=lambda number: (3, 4),
        memory_allocated=lambda number: 1,
        memory_reserved=lambda number: 2,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert gpu_memory() == []
    cuda.is_initialized = lambda: True
    (found,) = gpu_memory()
    assert (found.device, found.allocated, found.reserved, found.free, found.total) == (
        "cuda:0", 1, 2, 3, 4,
    )  # fmt: skip
