"""The models behind the page: loaded once, in the background, when somebody first needs them."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from blip2core.errors import Blip2Error
from blip2core.models.specs import ModelSpec, find_spec, matcher_name
from blip2core.records import Doubt
from blip2core.stickers.taught import grammar

if TYPE_CHECKING:
    from blip2core.models.generator import Generator
    from blip2core.models.matcher import Matcher

POLL_SECONDS = 0.2
"""Seconds between two looks at whether a model is loaded."""
RETRY_SECONDS = 10.0
"""Seconds after which a model that could not be loaded is tried again when somebody asks for it:
memory, a disk or the network may be back."""

log = logging.getLogger(__name__)
Result = TypeVar("Result")
_importing = threading.Lock()

PAIRS_KEPT = 2
"""Captioners kept in memory with their matchers; the longest unused goes first."""


class Loading(Future[Result]):
    """What a thread loads, and when that failed."""

    failed_at: float | None = None
    """By `time.monotonic`; None: it did not fail, or not yet."""

    def can_be_retried(self) -> bool:
        """Return whether it failed, and long enough ago to try again."""
        return self.failed_at is not None and time.monotonic() - self.failed_at > RETRY_SECONDS


class KnownDoubts:
    """Whether images are in doubt, by the hashes of their pixels; the longest unused are forgotten.

    Safe in any thread.
    """

    def __init__(self, most: int = 512) -> None:
        self._most, self._lock = most, threading.Lock()
        self._known: OrderedDict[str, Doubt] = OrderedDict()

    def find(self, key: str) -> Doubt | None:
        """Return what is known of an image; None where nothing is."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def keep(self, key: str, doubt: Doubt) -> None:
        """Remember it."""
        with self._lock:
            self._known[key] = doubt
            while len(self._known) > self._most:
                self._known.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPair:
    """A generator and the matcher that scores its texts; both perhaps still loading."""

    spec: ModelSpec
    loading: Loading[Generator]
    loading_matcher: Callable[[], Loading[Matcher]]
    """Starts loading the matcher where nobody asked for it before, or where that failed."""
    started: float = field(default_factory=time.monotonic)
    """When loading began, by `time.monotonic`."""
    doubts: KnownDoubts = field(default_factory=KnownDoubts)
    """Whether the latest images that programs sent are in doubt."""

    @property
    def generator(self) -> Generator:
        """Wait for the generator and return it; raises what went wrong while it was loaded."""
        return self.loading.result()

    @property
    def matcher(self) -> Matcher:
        """Wait for the matcher and return it; raises what went wrong while it was loaded.

        It shares the generator's image encoder where the two have the same.
        """
        return self.loading_matcher().result()


class ModelPool:
    """Loads pairs of models by the generator's name and keeps the latest. Safe in any thread."""

    def __init__(self, device: str, matcher: str | None = None) -> None:
        """Take the name of the matcher of all pairs as `matcher`; None: see `matcher_name`."""
        self._device, self._matcher_name = device, matcher
        self._pairs: OrderedDict[str, ModelPair] = OrderedDict()
        self._lock = threading.Lock()
        self._loaded: WeakSet[Generator | Matcher] = WeakSet()
        """Models in memory: one that nothing refers to any more is gone by itself."""

    @property
    def loaded(self) -> list[Generator | Matcher]:
        """The models in memory."""
        return sorted(self._loaded.copy(), key=lambda model: model.spec.name)

    def has(self, name: str) -> bool:
        """Return whether a model is loaded, or being loaded."""
        with self._lock:
            pair = self._pairs.get(name)
            return pair is not None and pair.loading.failed_at is None

    def get(self, name: str) -> ModelPair:
        """Return the pair of a generator; start to load it where it is not there, or where that
        failed a while ago.

        Raises UnknownModelError.
        """
        spec = find_spec(name)
        with self._lock:
            if name not in self._pairs or self._pairs[name].loading.can_be_retried():
                self._pairs[name] = self._start(spec)
            self._pairs.move_to_end(name)
            while len(self._pairs) > PAIRS_KEPT:
                self._pairs.popitem(last=False)
            return self._pairs[name]

    def _start(self, spec: ModelSpec) -> ModelPair:
        generator = in_background(lambda: self._load_generator(spec))
        scores = find_spec(self._matcher_name or matcher_name(spec))
        matcher = kept(lambda: in_background(lambda: self._load_matcher(scores, generator)))
        return ModelPair(spec=spec, loading=generator, loading_matcher=matcher)

    def _load_generator(self, spec: ModelSpec) -> Generator:
        import_model_code()
        from blip2core.models.loading import load_generator

        generator = load_generator(spec, device=self._device)
        log.info("Loaded %s, revision %s", spec.name, generator.revision)  # hashed here, once
        if spec.few_questions:
            grammar()  # drawn here, once, while nobody waits for it
        self._loaded.add(generator)
        return generator

    def _load_matcher(self, spec: ModelSpec, generator: Future[Generator]) -> Matcher:
        import_model_code()
        from blip2core.models.loading import load_matcher

        matcher = load_matcher(spec, share_with=generator.result())
        log.info("Loaded %s", spec.name)
        self._loaded.add(matcher)
        return matcher


def import_model_code() -> None:
    """Import torch, transformers and all that runs models, in one thread while others wait.

    Whoever imports a part of it first calls this: transformers imports its own parts when they are
    asked for, and of two threads that ask at the same time one finds a module half made.
    """
    with _importing:
        import_module("blip2core.models.loading")  # not at the top: pages need not wait for it
        for name in ("transformers", "huggingface_hub"):
            # Both print what they log by themselves; here it goes the way of all that is logged.
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True


def in_background(work: Callable[[], Result]) -> Loading[Result]:
    """Do `work` in a daemon thread and return the future of its result."""
    future: Loading[Result] = Loading()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            trace = None if isinstance(error, Blip2Error) else error
            log.error("The model could not be loaded: %s", error, exc_info=trace)
            future.failed_at = time.monotonic()
            future.set_exception(error)

    # The log names the request for which it is loaded.
    context = copy_context()
    threading.Thread(target=context.run, args=(run,), name="load-model", daemon=True).start()
    return future


def kept(start: Callable[[], Loading[Result]]) -> Callable[[], Loading[Result]]:
    """Return a function that calls `start` once, and again where that failed a while ago."""
    lock = threading.Lock()
    started: list[Loading[Result]] = []

    def get() -> Loading[Result]:
        with lock:
            if not started or started[0].can_be_retried():
                started[:] = [start()]
            return started[0]

    return get


def wait_until_loaded(*loading: Future[Any]) -> Iterator[None]:
    """Yield again and again while any of these is still loading."""
    while not all(future.done() for future in loading):
        yield
        time.sleep(POLL_SECONDS)
