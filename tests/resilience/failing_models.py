"""Models that raise, hang, or run out of memory in the middle of their work."""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from sqlalchemy import select

from app.chat.answer import answer
from app.chat.generation_settings import GenerationSettings
from app.chat.image import image_from
from app.chat.session import ChatSession
from app.inference.failures import error_message
from app.jobs import Jobs
from blip2core.capfilt import CapFilt
from blip2core.curation import start_capfilt, work
from blip2core.errors import DeviceError
from blip2core.records import Generated
from blip2core.storage import Database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.run_problems import list_problems
from blip2core.storage.runs import get_run, request_cancel, was_interrupted
from blip2core.storage.schema import Caption, Run
from tests.fakes import FakeGenerator, fake_services
from tests.resilience.judge import Promises, broken_promises
from tests.resilience.quick_models import CAPTIONS, quick_capfilt
from tests.resilience.report import Options, Row
from tests.resilience.studio import DATASET, FIRST_IMAGES, Studio, Studios, image_file
from tests.resilience.writers import Writer

DEVICE_ERRORS: dict[str, Callable[[], Exception]] = {
    "CUDA": lambda: RuntimeError("CUDA error: device-side assert triggered"),
    "cuDNN": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    "MemoryError": MemoryError,
    "OutOfMemoryError": lambda: torch.OutOfMemoryError("CUDA out of memory."),
}
BUGS: dict[str, Callable[[], Exception]] = {
    "RuntimeError": lambda: RuntimeError("The size of tensor a (3) must match"),
    "StopIteration": lambda: StopIteration("a bug that looks like an end"),
}
ERRORS = DEVICE_ERRORS | BUGS
METHODS = ("encode", "caption", "itm")
PATIENCE = 30.0


@dataclass
class Fault:
    """Raises at some calls of a method of the quick models, or holds one of them back."""

    method: str
    first: int
    """Number of the first call that is hit, from 1 on."""
    raises: Callable[[], Exception] | None = None
    """None: the call waits for `let_go`."""
    forever: bool = False
    """Every call from then on; else that one alone."""
    calls: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, method: str) -> None:
        if method != self.method:
            return
        self.calls += 1
        if self.calls == self.first or (self.forever and self.calls > self.first):
            self.reached.set()
            if self.raises is not None:
                raise self.raises()
            self.let_go.wait(PATIENCE)


def raises_once(studio: Studio, error: str, method: str) -> Iterator[str]:
    """Every image is captioned; nothing is a problem of an image."""
    fault = Fault(method, 2, ERRORS[error])
    with closing(studio.open()) as database:
        run, problems = _capfilt(database, quick_capfilt(fault))
        if not fault.reached.is_set():
            yield "the fault did not come"
        if (run.status, run.failed) != ("done", 0):
            yield f"the run is {run.status} with {run.failed} images failed: {problems}"
        yield from broken_promises(studio, database, Promises(), [])


def raises_for_ever(studio: Studio, error: str, method: str) -> Iterator[str]:
    """What was done before stays; of each other image the run says why."""
    fault = Fault(method, 2, ERRORS[error], forever=True)
    with closing(studio.open()) as database:
        run, problems = _capfilt(database, quick_capfilt(fault))
        with database.read() as session:
            texts = session.scalars(select(Caption.id).where(Caption.run_id == run.id)).all()
        if len(texts) != CAPTIONS.num * run.done or run.done + run.failed != len(FIRST_IMAGES):
            yield f"{len(texts)} texts of {run.done} images, {run.failed} failed"
        expected = str(ERRORS[error]())
        if not problems or any(expected not in problem for problem in problems):
            yield f"the problems do not say {expected}: {problems}"
        yield from broken_promises(studio, database, Promises(), [])


def device_fails(studio: Studio, error: str, method: str) -> Iterator[str]:
    """The run fails and says so, no image of it; once the device works again it goes on."""
    fault = Fault(method, 2, DEVICE_ERRORS[error], forever=True)
    with closing(studio.open()) as database:
        try:
            run, _ = _capfilt(database, quick_capfilt(fault))
            yield f"the run is {run.status}, {run.failed} images failed"
        except DeviceError as told:
            if not str(told).endswith("."):
                yield f"not a sentence: {told}"
        run, problems = _capfilt(database, quick_capfilt())
        if (run.status, run.done, run.failed) != ("done", len(FIRST_IMAGES), 0):
            yield f"then the run is {run.status}, {run.done} done: {problems}"
        yield from broken_promises(studio, database, Promises(), [])


def _capfilt(database: Database, models: CapFilt) -> tuple[Run, list[str]]:
    """Do a run of CapFilt -> the run as it is then, and its problems."""
    with database.read() as session:
        dataset = find_dataset(session, name=DATASET).id
    run_id = start_capfilt(database, dataset_id=dataset, models=models)
    for _ in work(database, run_id, models):
        pass
    with database.read() as session:
        problems = [one.reason for one in list_problems(session, run_id=run_id)]
        return get_run(session, run_id=run_id), problems


def hangs(studio: Studio) -> Iterator[str]:
    """Pages are read and verdicts stored meanwhile, the run counts as alive and is cancelled."""
    fault = Fault("caption", 2)
    services = fake_services(FakeGenerator())
    with closing(studio.open()) as database:
        jobs = Jobs(database, services.engine, services.settings)
        jobs.model_runs._models_of = lambda run: quick_capfilt(fault)  # type: ignore[method-assign]
        with database.read() as session:
            dataset = find_dataset(session, name=DATASET).id
        run_id = start_capfilt(database, dataset_id=dataset, models=quick_capfilt())
        jobs.start()
        try:
            if not fault.reached.wait(PATIENCE):
                yield "the run does not begin"
            told: list[str] = []
            writer = Writer(studio, database, "ann", "1", told.append)
            for operation in ("decide", "undo", "rate", "snapshot", "import_some"):
                if (outcome := writer.do(operation)) != "done" and "accepted yet" not in outcome:
                    yield f"{operation} while a model hangs: {outcome}"
            with database.write() as session:
                run = request_cancel(session, run_id=run_id)
                if was_interrupted(run):
                    yield "the run counts as killed"
        finally:
            fault.let_go.set()
        deadline = time.monotonic() + PATIENCE
        while _status(database, run_id) == "running" and time.monotonic() < deadline:
            time.sleep(0.05)
        jobs.close()
        if _status(database, run_id) != "cancelled":
            yield f"the run is {_status(database, run_id)} after it was cancelled"
        yield from broken_promises(studio, database, Promises(), [])


def _status(database: Database, run_id: int) -> str:
    with database.read() as session:
        return get_run(session, run_id=run_id).status


@dataclass(kw_only=True)
class BreaksOff(FakeGenerator):
    """Raises in the middle of its first answer."""

    error: Exception
    has_raised: bool = False

    def stream_answer(self, *given: Any, **options: Any) -> Iterator[Generated]:
        texts = super().stream_answer(*given, **options)
        yield next(texts)
        if not self.has_raised:
            self.has_raised = True
            raise self.error
        yield from texts


def chat_goes_on(studio: Studio, error: str, method: str) -> Iterator[str]:
    """One visitor is told, in one sentence without the error's own words; the next is answered."""
    question = "What is in the picture?"
    generator = BreaksOff(error=ERRORS[error](), answers={question: "a red bird"})
    engine = fake_services(generator).engine
    first, second = _asked(question), _asked(question)
    try:
        list(answer(engine, first, first.turns[-1]))
        yield "the error does not reach the page"
    except Exception as caught:
        told = error_message(caught, "No answer")
        if not told.startswith("No answer (reference") or "CUDA" in told:
            yield f"the visitor is told {told!r}"
    list(answer(engine, second, second.turns[-1]))
    if (second.turns[-1].state, second.turns[-1].answer) != ("answered", "a red bird"):
        yield f"the next visitor is told {second.turns[-1].answer!r}"


def _asked(question: str) -> ChatSession:
    session = ChatSession()
    session.receive(image_from(image_file(1), "bird.png", ""))
    session.ask(question, GenerationSettings())
    return session


def run(options: Options) -> list[Row]:
    """Do every case once; rounds are not counted here."""
    logging.disable(logging.ERROR)  # of what is broken here on purpose
    with tempfile.TemporaryDirectory(prefix="resilience-") as name:
        studios = Studios(Path(name))
        each = [(error, method) for error in ERRORS for method in METHODS]
        bugs = [(error, method) for error, method in each if error in BUGS]
        of_devices = [(error, method) for error, method in each if error in DEVICE_ERRORS]
        return [
            _row("raises once", raises_once, studios, each),
            _row("raises from then on", raises_for_ever, studios, bugs),
            _row("fails with its device from then on", device_fails, studios, of_devices),
            _row("hangs in a run", hangs, studios, [()]),
            _row("raises in a chat", chat_goes_on, studios, [(error, "") for error in ERRORS]),
        ]


def _row(
    what: str,
    case: Callable[..., Iterator[str]],
    studios: Studios,
    arguments: list[tuple[str, ...]],
) -> Row:
    began, broken = time.monotonic(), []
    for given in arguments:
        try:
            found = list(case(studios.new(), *given))
        except BaseException as error:
            found = [f"{type(error).__name__}: {error}"]
        broken += [f"{' '.join((what, *given))}: {one}" for one in found]
    return Row(
        subject="failing_models",
        fault=f"Model {what}",
        promise=(case.__doc__ or "").strip().rstrip("."),
        rounds=len(arguments),
        broken=tuple(broken),
        seconds=round(time.monotonic() - began, 1),
    )
