"""The engine runs all work on models: one piece at a time, whoever asks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any

from app.inference.pool import ModelPair, ModelPool, Result, import_model_code
from app.inference.work_kinds import JOB, kind_of
from app.metrics import metrics
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError

log = logging.getLogger(__name__)
Yielded = Generator[Result, None, None]

GPU_SECONDS = 60
"""Longest piece of work that is asked for where the GPU is lent by the call (ZeroGPU)."""


class Engine:
    """Runs `work(pair, ...)` with the models of a name. Nothing else on the pages calls a model.

    Gradio's queue (`concurrency_id`) orders the events; the lock here holds even when an event was
    cancelled while its thread still ran.
    """

    def __init__(self, models: ModelPool, max_new_tokens: int | None = None) -> None:
        """Run work on `models`, for at most `max_new_tokens` each; None: no limit."""
        self.models = models
        self._max_new_tokens = max_new_tokens
        self._lock = threading.Lock()
        borrow = gpu_lender()
        self._call_on_gpu = borrow(self._call)
        self._each_on_gpu = borrow(self._each)
        self.lends = borrow is not keep_as_it_is
        """Whether work runs in a forked process, which a stop event cannot reach."""

    def call(self, work: Callable[..., Result], model: str, *args: Any) -> Result:
        """Return `work(pair, *args)`, once no other work runs. Tensors in and out: CPU.

        Raises ConfigError where an argument asks for too many new tokens.
        """
        self._check_length(args)
        with self._alone(kind_of(work)):
            result: Result = self._call_on_gpu(work, model, *args)
            return result

    def each(
        self,
        work: Callable[..., Yielded[Result]],
        model: str,
        *args: Any,
        stop: threading.Event | None = None,
    ) -> Yielded[Result]:
        """Yield what `work(pair, *args, stop=...)` yields, once no other work runs.

        Closing the iterator, or `stop`, ends the work; other work begins only then. Raises
        ConfigError where an argument asks for too many new tokens.
        """
        self._check_length(args)
        with self._alone(kind_of(work)), closing(self._results(work, model, args, stop)) as results:
            for result in results:
                yield result
                if self.lends and stop is not None and stop.is_set():
                    return

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other work waiting during a block; for jobs that hold their own models."""
        with self._alone(JOB):
            yield

    @contextmanager
    def _alone(self, kind: str) -> Iterator[None]:
        """Keep other work waiting during a block, and measure it; `kind` is for the metrics."""
        asked = time.monotonic()
        with self._lock:
            began, failed = time.monotonic(), False
            try:
                yield
            except Exception:  # not GeneratorExit: a visitor has left
                failed = True
                raise
            finally:
                seconds = time.monotonic() - began
                log.debug("%s: waited %.3f s, took %.3f s", kind, began - asked, seconds)
                metrics().worked(kind, began - asked, seconds, failed=failed)

    def _check_length(self, args: tuple[Any, ...]) -> None:
        """Look at each DecodeConfig among the arguments, or in their attribute `decode`."""
        for value in args:
            decode = getattr(value, "decode", value)
            if self._max_new_tokens is None or not isinstance(decode, DecodeConfig):
                continue
            if decode.max_new_tokens > self._max_new_tokens:
                raise ConfigError(
                    f"max_new_tokens ({decode.max_new_tokens}) must be at most "
                    f"{self._max_new_tokens}, as BLIP2_MAX_NEW_TOKENS of this studio says"
                )

    def _results(
        self,
        work: Callable[..., Yielded[Result]],
        model: str,
        args: tuple[Any, ...],
        stop: threading.Event | None,
    ) -> Yielded[Result]:
        results: Yielded[Result] = self._each_on_gpu(
            work, model, args, None if self.lends else stop
        )
        return results

    def _call(self, work: Callable[..., Result], model: str, *args: Any) -> Result:
        import_model_code()
        return work(self.models.get(model), *args)

    def _each(
        self,
        work: Callable[..., Yielded[Result]],
        model: str,
        args: tuple[Any, ...],
        stop: threading.Event | None,
    ) -> Yielded[Result]:
        import_model_code()
        with closing(work(self.models.get(model), *args, stop=stop)) as results:
            yield from results

    def has(self, model: str) -> bool:
        """Return whether a model is loaded, or being loaded."""
        return self.models.has(model)

    def pair(self, model: str) -> ModelPair:
        """Return the models of a name, perhaps still loading."""
        return self.models.get(model)


def keep_as_it_is(function: Callable[..., Result]) -> Callable[..., Result]:
    """Return the function unchanged; for machines that have their GPU, if any, all the time."""
    return function


def gpu_lender() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return `spaces.GPU` on a Space that lends its GPU by the call, else `keep_as_it_is`."""
    try:
        import spaces
        from spaces.config import Config
    except ImportError:
        return keep_as_it_is
    return spaces.GPU(duration=GPU_SECONDS) if Config.zero_gpu else keep_as_it_is
