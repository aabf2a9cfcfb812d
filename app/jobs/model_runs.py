"""The runs that wait in the database for models: each is claimed, and worked on batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.inference.engine import Engine
from app.inference.pool import import_model_code, wait_until_loaded
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.curation.jobs import BEAT_SECONDS, Pulse, describe_error
from blip2core.curation.pairs import BY_HAND
from blip2core.errors import StorageError, UnavailableError
from blip2core.storage.columns import utc_now
from blip2core.storage.database import Database
from blip2core.storage.datasets import find_dataset
from blip2core.storage.retries import requeue_run
from blip2core.storage.runs import claim_run, finish_run, get_run, resume_run
from blip2core.storage.schema import Run
from blip2core.storage.store_id import check_store

if TYPE_CHECKING:
    from blip2core.capfilt import CapFilt

MODEL_KINDS = ("capfilt", "score")
STOPPED = "The studio is being stopped."


class ModelRuns:
    """Works on the runs that wait, with the models of the engine, until `end` is set."""

    def __init__(
        self, database: Database, engine: Engine, end: threading.Event, *, model: str
    ) -> None:
        self._database, self._engine, self._end = database, engine, end
        self._model = model
        """The model that writes captions where a run names none."""
        self._left: tuple[int, datetime] | None = None
        """The run that was left since the database did not answer, and when."""

    def start_capfilt(
        self, dataset: str, captions: CaptionConfig | None, annotator_id: int | None
    ) -> None:
        """Put a run into the database that captions and scores; without `captions` only scores."""
        with self._database.read() as session:
            dataset_id = find_dataset(session, name=dataset).id
        models = self._models(self._model, captions)
        from blip2core.curation import start_capfilt  # after the models, whose code it imports

        run_id = start_capfilt(
            self._database, dataset_id=dataset_id, models=models, started_by=annotator_id
        )
        with self._database.write() as session:
            run = get_run(session, run_id=run_id)
            if run.status == "done":  # items have come in since
                run.status = "queued"
            elif run.status != "queued":
                resume_run(session, run_id=run_id)

    def work_on_next(self, between: Callable[[], object]) -> None:
        """Work on the run that is next, if one waits, and call `between` after each batch.

        Raises UnavailableError where the database does not answer, or `end` is set.
        """
        self.put_back()
        self._check_images()
        with self._database.write() as session:
            run = claim_run(session, kinds=MODEL_KINDS)
        if run is None:
            return
        try:
            if BY_HAND.items() <= run.parameters.items():
                self._refuse(run)
                return
            self._work_on(run, self._models_for(run), between)
        except UnavailableError:
            self._left = run.id, utc_now()
            raise

    def put_back(self) -> None:
        """Put the run back into the queue that an UnavailableError made this process leave."""
        if self._left is not None:
            run_id, ended_at = self._left
            with self._database.write() as session:
                requeue_run(session, run_id=run_id, ended_at=ended_at)
            self._left = None

    def _check_images(self) -> None:
        """Raise UnavailableError where the image store is not there: another studio may have it, so
        no run is claimed.
        """
        with self._database.read() as session:
            try:
                check_store(session, self._database.images)
            except UnavailableError:
                raise
            except StorageError as error:
                raise UnavailableError(str(error)) from error

    def _models_for(self, run: Run) -> CapFilt:
        """Wait for the models of a run, which shows signs of life meanwhile.

        Where they cannot be had, the run has failed.
        """
        try:
            with Pulse(self._database, run.id, threading.Event(), BEAT_SECONDS):
                return self._models_of(run)
        except UnavailableError:
            raise
        except Exception as error:
            self._fail(run, describe_error(error))
            raise

    def _work_on(self, run: Run, models: CapFilt, between: Callable[[], object]) -> None:
        """Work on a run until it ends. Raises UnavailableError at the end of this process."""
        from blip2core.curation import work  # after the models, whose code it imports

        stop = threading.Event()
        with closing(work(self._database, run.id, models, stop=stop, claimed=True)) as steps:
            while True:
                if self._end.is_set():
                    steps.throw(UnavailableError(STOPPED))
                # The engine is free after each batch: a visitor's question comes in between.
                with self._engine.turn():
                    if next(steps, None) is None:
                        return
                with suppress(UnavailableError):  # the next batch says so, too
                    between()

    def _refuse(self, run: Run) -> None:
        """Fail a run of pairs stored by hand: to go on would caption the whole dataset."""
        self._fail(run, "It was kept from the workbench: keep the pairs there again.")

    def _fail(self, run: Run, error: str) -> None:
        with self._database.write() as session:
            finish_run(session, run_id=run.id, status="failed", error=error)

    def _models_of(self, run: Run) -> CapFilt:
        captions = None
        if run.kind == "capfilt":
            settings: dict[str, Any] = dict(run.parameters["captions"])
            decode = DecodeConfig(**settings.pop("decode"))
            captions = CaptionConfig(decode=decode, **settings)
        return self._models(run.parameters.get("captioner", self._model), captions)

    def _models(self, name: str, captions: CaptionConfig | None) -> CapFilt:
        import_model_code()
        from blip2core.capfilt import CapFilt

        pair = self._engine.pair(name)
        needed: list[Future[Any]] = [pair.loading_matcher()]
        if captions is not None:
            needed.append(pair.loading)
        for _ in wait_until_loaded(*needed):
            if self._end.is_set():
                raise UnavailableError(STOPPED)
        if captions is None:
            return CapFilt(matcher=pair.matcher)
        return CapFilt(matcher=pair.matcher, generator=pair.generator, captions=captions)
