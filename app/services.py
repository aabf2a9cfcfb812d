"""The settings, the engine and the database, built once and passed to every page."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.chat.feedback import StoreFeedback, feedback_store
from app.inference.engine import Engine
from app.inference.pool import ModelPool
from app.settings import AppSettings
from blip2core.errors import ModelError
from blip2core.models.specs import find_spec

if TYPE_CHECKING:
    from app.jobs import Jobs
    from blip2core.storage.database import Database

_lock = threading.Lock()
_shared: list[Services] = []
"""The services of this process, for the curator's scripts; one or none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What every tab and page is given. Holds nothing that belongs to one visitor."""

    settings: AppSettings
    engine: Engine
    """Runs the models."""
    database: Database | None = None
    """Where images, texts and decisions are kept; None where the workbench runs alone."""
    jobs: Jobs | None = None
    """Imports and runs in the background; None where there is no database."""
    feedback: StoreFeedback | None = None
    """Stores likes and dislikes; None where there is no database."""

    def close(self) -> None:
        """Return when the job under way has done its batch; the database is closed then."""
        if self.jobs is not None:
            self.jobs.close()
        if self.database is not None:
            self.database.close()


def build_services(settings: AppSettings, database: Database | None = None) -> Services:
    """Return the services; the model is loaded in the background.

    Where the GPU is lent by the call, the models are loaded before this returns.

    Raises UnknownModelError, or ModelError where the model writes no text, or the matcher scores
    none.
    """
    spec = find_spec(settings.model)
    if spec.kind != "generator":
        raise ModelError(f"{spec.name} scores texts and writes none, so it cannot answer.")
    if settings.matcher is not None and find_spec(settings.matcher).kind != "matcher":
        raise ModelError(
            f"{settings.matcher} writes texts, so it cannot score them: BLIP2_MATCHER."
        )
    engine = Engine(ModelPool(settings.device, settings.matcher), settings.max_new_tokens)
    pair = engine.pair(settings.model)
    if engine.lends:  # what a forked process is to use must be there before the fork
        wait([pair.loading])
        wait([pair.loading_matcher()])
    if database is None:
        return Services(settings=settings, engine=engine)
    from app.jobs import Jobs  # the workbench alone needs neither this nor the database

    jobs = Jobs(database, engine, settings)
    jobs.start()
    return Services(
        settings=settings,
        engine=engine,
        database=database,
        jobs=jobs,
        feedback=feedback_store(database),
    )


def share(services: Services) -> None:
    """Let every script of this process use these services."""
    with _lock:
        _shared[:] = [services]


def is_shared() -> bool:
    """Return whether services were shared; they are not yet where the curator runs alone."""
    with _lock:
        return bool(_shared)


def shared() -> Services:
    """Return the shared services; built from the environment where the curator runs alone."""
    with _lock:
        if not _shared:
            from blip2core.storage.database import open_database

            _shared.append(build_services(AppSettings(), open_database()))
        return _shared[0]
