"""What the pages share, built once and passed on: the settings and the models."""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.engine import Engine
from app.models import Models
from app.settings import AppSettings
from blip2core.errors import ModelError
from blip2core.models.specs import find_spec

if TYPE_CHECKING:
    from blip2core.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Handed to every tab. Holds nothing that belongs to one visitor."""

    settings: AppSettings
    engine: Engine
    """Runs the models."""
    database: Database | None = None
    """Where pictures, texts and decisions are kept; None where the workbench runs alone."""


def build_services(settings: AppSettings, database: Database | None = None) -> Services:
    """Starts loading the model in the background and returns at once, where the GPU is ours.

    Raises UnknownModelError, or ModelError where the model writes no text.
    """
    spec = find_spec(settings.model)
    if spec.kind != "generator":
        raise ModelError(f"{spec.name} scores texts and writes none, so it cannot answer.")
    engine = Engine(Models(settings.device, settings.matcher))
    pair = engine.pair(settings.model)
    if engine.lends:  # what a forked process is to use must be there before the fork
        wait([pair.loading, pair.loading_matcher()])
    return Services(settings=settings, engine=engine, database=database)
