"""The one lane on which models run: one piece of work at a time, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from app.inference.pool import ModelPair, ModelPool

Result = TypeVar("Result")

GPU_SECONDS = 60
"""Longest piece of work that is asked for where the GPU is lent by the call (ZeroGPU)."""


class Engine:
    """Runs `work(pair, ...)` with the models of a name. Nothing else on the pages calls a model.

    Gradio's lane (`concurrency_id`) orders the events; the lock here holds even when an event was
    cancelled while its thread still ran.
    """

    def __init__(self, models: ModelPool) -> None:
        self.models = models
        self._lock = threading.Lock()
        borrow = gpu_lender()
        self._call_on_gpu = borrow(self._call)
        self._each_on_gpu = borrow(self._each)
        self.lends = borrow is not keep_as_it_is
        """Whether work runs in a forked process, which a stop event cannot reach."""

    def call(self, work: Callable[..., Result], model: str, *args: Any) -> Result:
        """`work(pair, *args)`, once the lane is free. Arguments and result hold CPU tensors."""
        with self._lock:
            return self._call_on_gpu(work, model, *args)

    def each(
        self,
        work: Callable[..., Iterator[Result]],
        model: str,
        *args: Any,
        stop: threading.Event | None = None,
    ) -> Iterator[Result]:
        """What `work(pair, *args, stop=...)` yields. Closing the iterator, or `stop`, ends it, and
        the lane is free when it has ended."""
        with self._lock, closing(self._results(work, model, args, stop)) as results:
            for result in results:
                yield result
                if self.lends and stop is not None and stop.is_set():
                    return

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The lane for the length of a block, for jobs that hold their models themselves."""
        with self._lock:
            yield

    def _results(
        self,
        work: Callable[..., Iterator[Result]],
        model: str,
        args: tuple[Any, ...],
        stop: threading.Event | None,
    ) -> Any:
        return self._each_on_gpu(work, model, args, None if self.lends else stop)

    def _call(self, work: Callable[..., Result], model: str, *args: Any) -> Result:
        return work(self.models.get(model), *args)

    def _each(
        self,
        work: Callable[..., Iterator[Result]],
        model: str,
        args: tuple[Any, ...],
        stop: threading.Event | None,
    ) -> Iterator[Result]:
        with closing(work(self.models.get(model), *args, stop=stop)) as results:  # type: ignore[type-var]
            yield from results

    def pair(self, model: str) -> ModelPair:
        """The models of a name, perhaps still loading."""
        return self.models.get(model)


def keep_as_it_is(function: Callable[..., Result]) -> Callable[..., Result]:
    """What `gpu_lender` gives where the GPU, if any, is ours all the time."""
    return function


def gpu_lender() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`spaces.GPU` on a Space that lends its GPU by the call, else `keep_as_it_is`."""
    try:
        import spaces
        from spaces.config import Config
    except ImportError:
        return keep_as_it_is
    return spaces.GPU(duration=GPU_SECONDS) if Config.zero_gpu else keep_as_it_is
