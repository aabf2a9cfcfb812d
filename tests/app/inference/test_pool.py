"""Models that are loaded in the background, beside threads that run them."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from app.inference import pool
from app.inference.pool import in_background, kept
from blip2core.errors import ModelError

TWO_THREADS = """
import threading
from app.inference.engine import Engine
from app.inference.pool import ModelPool

def explain(pair):
    from blip2core.curation.capfilt_run import work
    return work

engine = Engine(ModelPool("cpu"))
loading = engine.pair("stickers-opt").loading
assert engine.call(explain, "stickers-opt") is not None
loading.result()
"""


def test_work_that_is_asked_for_while_the_model_loads_breaks_neither() -> None:
    """transformers, whose parts are imported when asked for, gave one of two threads half of it."""
    ran = subprocess.run([sys.executable, "-c", TWO_THREADS], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def fail(*_: object) -> Any:
    raise ModelError("The network is down.")


def test_what_could_not_be_loaded_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    down = threading.Event()
    down.set()

    def start() -> pool.Loading[str]:
        tries.append(1)
        return in_background(fail if down.is_set() else lambda: "a model")

    loading = kept(start)
    assert isinstance(loading().exception(), ModelError)
    assert isinstance(loading().exception(), ModelError)
    assert len(tries) == 1  # a page that looks often starts no second
    monkeypatch.setattr(pool, "RETRY_SECONDS", 0.0)
    down.clear()
    assert loading().result() == "a model"
    monkeypatch.setattr(pool, "RETRY_SECONDS", -1.0)
    assert loading().result() == "a model"
    assert len(tries) == 2  # what is loaded stays


def test_a_pool_tries_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    models = pool.ModelPool("cpu")
    monkeypatch.setattr(pool.ModelPool, "_load_generator", lambda *_: fail())
    first = models.get("stickers-opt")
    assert isinstance(first.loading.exception(), ModelError)
    assert models.get("stickers-opt") is first
    monkeypatch.setattr(pool, "RETRY_SECONDS", 0.0)
    again = models.get("stickers-opt")
    assert again is not first


def test_what_is_loaded_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.ModelPool, "_load_generator", lambda *_: "a model")
    models = pool.ModelPool("cpu")
    assert not models.has("stickers-opt")
    models.get("stickers-opt")
    assert models.has("stickers-opt") and not models.has("stickers-t5")
    monkeypatch.setattr(pool.ModelPool, "_load_generator", fail)
    assert isinstance(models.get("stickers-t5").loading.exception(), ModelError)
    assert not models.has("stickers-t5"), "it could not be loaded"
