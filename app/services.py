"""What the pages share, built once and passed on: the settings and the models."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.chat.feedback import KeepFeedback, keep_in
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
"""The services of this process, where the curator's scripts find them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Handed to every tab. Holds nothing that belongs to one visitor."""

    settings: AppSettings
    engine: Engine
    """Runs the models."""
    database: Database | None = None
    """Where images, texts and decisions are kept; None where the workbench runs alone."""
    jobs: Jobs | None = None
    """Imports and runs in the background; there where there is a database."""
    feedback: KeepFeedback | None = None
    """Where likes and dislikes are kept beyond the visit, if anywhere."""


def build_services(settings: AppSettings, database: Database | None = None) -> Services:
    """Starts loading the model in the background and returns at once, where the GPU is ours.

    Raises UnknownModelError, or ModelError where the model writes no text.
    """
    spec = find_spec(settings.model)
    if spec.kind != "generator":
        raise ModelError(f"{spec.name} scores texts and writes none, so it cannot answer.")
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
        feedback=keep_in(database),
    )


def share(services: Services) -> None:
    """Let every script of this process use these."""
    with _lock:
        _shared[:] = [services]


def shared() -> Services:
    """What was shared; built from the environment where the curator was started alone."""
    with _lock:
        if not _shared:
            from blip2core.storage.database import open_database

            _shared.append(build_services(AppSettings(), open_database()))
        return _shared[0]
