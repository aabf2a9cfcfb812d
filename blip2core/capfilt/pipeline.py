"""CapFilt over image files and web texts: decoded by threads, captioned and scored in batches.

Memory does not grow with the number of images: inputs are read as they are needed, a bounded
number is decoded ahead, and each result is handed over before the next batch is begun.
"""

import logging
import math
from collections.abc import Generator as Yielding
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Event

import torch
from torch import Tensor

from blip2core.arguments import check_kind
from blip2core.capfilt.captioner import write_captions
from blip2core.capfilt.prefetch import prefetch
from blip2core.capfilt.scorer import score
from blip2core.config import CaptionConfig
from blip2core.device_errors import NO_MEMORY, device_error
from blip2core.errors import Blip2Error, ConfigError, DeviceError, ImageError
from blip2core.images import open_image
from blip2core.models import Generator, Matcher
from blip2core.models.vision import VisionEncoder
from blip2core.records import Candidate, Problem, Scored

log = logging.getLogger(__name__)

_BATCH = 32
"""Images that go through the models together."""
WORKERS = 4
"""Threads that decode and resize image files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An image to be captioned and scored."""

    key: int
    """What the caller knows it by; comes back with the result."""
    name: str
    """What to call it where it cannot be used. Hostile text."""
    data: bytes | Path = field(repr=False)
    """The image file, or where it lies; read by a worker thread."""
    sha256: str
    """Identity of the image: decides, with the seed, what is drawn for it."""
    texts: tuple[Candidate, ...] = ()
    """Texts it has already, to be scored beside those that are written."""
    write: bool = True
    """False: score the texts only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a task: scores, or the reason why there are none."""

    task: Task
    scored: tuple[Scored, ...] = ()
    """First the texts that came with the task, then those that were written."""
    problem: Problem | None = None
    device: DeviceError | None = None
    """What the device failed with, where the problem is one of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapFilt:
    """The models of a run and how they are used."""

    matcher: Matcher
    generator: Generator | None = None
    """None: nothing is written, only the texts there are get scored."""
    captions: CaptionConfig = CaptionConfig()
    batch: int = _BATCH
    workers: int = WORKERS

    def __post_init__(self) -> None:
        if isinstance(self.matcher, Generator) or isinstance(self.generator, Matcher):
            raise ConfigError(
                "CapFilt takes a generator that writes and a matcher that scores, as "
                "load_generator() and load_matcher() return them; got them the other way round."
            )

    @property
    def shared(self) -> bool:
        """Whether one run of the image encoder serves writing and scoring."""
        generator = self.generator
        return generator is None or generator.vision is self.matcher.vision


@dataclass(frozen=True, slots=True)
class _Ready:
    """A decoded task: pixels (1, 3, H, W) for each image encoder, on the CPU."""

    task: Task
    pixels: tuple[Tensor, ...] = ()
    problem: Problem | None = None


def judge(
    tasks: Iterable[Task], models: CapFilt, *, stop: Event | None = None
) -> Yielding[Judged, None, None]:
    """Yield a result for each task, in their order.

    A file that is no image, or an image on which a model fails, becomes a problem; the others
    go on. `tasks` is read by this thread only as far as results are taken. After `stop` is set
    what is under way is dropped and the results end.

    Raises DeviceError where the device fails on every image of a batch: the next would fail too.
    """
    stop = stop or Event()
    ready = prefetch(tasks, lambda task: _prepare(task, models), models.workers, 2 * models.batch)
    with closing(ready):
        while not stop.is_set():
            batch = list(islice(ready, models.batch))
            if not batch:
                return
            usable = [one for one in batch if one.problem is None]
            judged = _safely(usable, models, stop)
            if usable and all(one.device for one in judged):
                _check_device(usable, judged, models)
            rest = iter(judged)
            results = [
                Judged(task=one.task, problem=one.problem) if one.problem else next(rest)
                for one in batch
            ]
            if stop.is_set():  # texts may be cut short
                return
            yield from results


def _prepare(task: Task, models: CapFilt) -> _Ready:
    """Decode a file and return its pixels, small however large the image is; runs in a worker
    thread.
    """
    check_kind(task, Task, "judge takes a Task for each image", ConfigError)
    try:
        image = open_image(task.data)
        pixels = tuple(encoder.prepare([image]) for encoder in _encoders(models))
    except ImageError as error:
        return _Ready(task, problem=Problem(name=task.name, reason=str(error)))
    except Exception as error:  # one hostile file must not end a run
        log.warning("An image failed unexpectedly.", exc_info=True)
        return _Ready(task, problem=_unexpected(task, error))
    return _Ready(task, pixels)


def _encoders(models: CapFilt) -> list[VisionEncoder]:
    """Return the captioner's image encoder, then the matcher's where it is another one."""
    generator, matcher = models.generator, models.matcher
    if generator is None or models.shared:
        return [matcher.vision]
    return [generator.vision, matcher.vision]


def _safely(ready: Sequence[_Ready], models: CapFilt, stop: Event) -> list[Judged]:
    """Process a batch; where a model fails, process each half of it, down to the one image that
    makes it fail.
    """
    if not ready:
        return []
    try:
        return _judge_batch(ready, models, stop)
    except Exception as error:
        if len(ready) == 1:
            task = ready[0].task
            problem, device = _unexpected(task, error), device_error(error)
            log.warning("A model failed on an image.", exc_info=device is None)
            return [Judged(task=task, problem=problem, device=device)]
    middle = len(ready) // 2
    return _safely(ready[:middle], models, stop) + _safely(ready[middle:], models, stop)


def _check_device(ready: Sequence[_Ready], judged: Sequence[Judged], models: CapFilt) -> None:
    """Raise DeviceError unless it is the one image that is too much for a device that works."""
    if len(ready) == 1:
        try:
            models.matcher.encode(torch.zeros_like(ready[0].pixels[-1]))
            return
        except (RuntimeError, MemoryError):
            pass
    raise judged[0].device or DeviceError(NO_MEMORY)


def _judge_batch(ready: Sequence[_Ready], models: CapFilt, stop: Event) -> list[Judged]:
    """Encode the images of a batch once, write captions where asked to, and score all texts."""
    tasks = [one.task for one in ready]
    pixels = [torch.cat(parts) for parts in zip(*(one.pixels for one in ready), strict=True)]
    texts = [[text for text in task.texts if text.text.strip()] for task in tasks]
    generator, matcher = models.generator, models.matcher
    encoder = matcher if generator is None else generator
    features = encoder.encode(pixels[0])  # (B, P, V)
    rows = [row for row, task in enumerate(tasks) if task.write]
    if generator is not None and rows:
        hashes = [tasks[row].sha256 for row in rows]
        written = write_captions(generator, features[rows], hashes, models.captions, stop=stop)
        for row, new in zip(rows, written, strict=True):
            texts[row] += new
    if stop.is_set():
        return [Judged(task=task) for task in tasks]
    if not models.shared:
        features = matcher.encode(pixels[1])
    scored = score(matcher, features, texts)
    return [_judged(task, listed) for task, listed in zip(tasks, scored, strict=True)]


def _judged(task: Task, scored: Sequence[Scored]) -> Judged:
    if any(math.isnan(one.itm) or math.isnan(one.itc) for one in scored):
        reason = "The model gave no number for this image; try another number type."
        return Judged(task=task, problem=Problem(name=task.name, reason=reason))
    return Judged(task=task, scored=tuple(scored))


def _unexpected(task: Task, error: Exception) -> Problem:
    known = isinstance(error, Blip2Error)
    said = str(error) or type(error).__name__  # a MemoryError has no words
    reason = said if known else f"The image could not be processed: {said}."
    return Problem(name=task.name, reason=" ".join(reason.split()))
