"""What the pages share, built once and passed on: the settings and the model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from app.settings import AppSettings
from blip2core.errors import Blip2Error, ModelError
from blip2core.models.specs import ModelSpec, find_spec

if TYPE_CHECKING:
    from blip2core.models.generator import Generator

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Handed to every tab. Holds nothing that belongs to one visitor."""

    settings: AppSettings
    spec: ModelSpec
    """The model that answers."""
    generator: Future[Generator]
    """Done when the model is loaded, or could not be."""


def build_services(settings: AppSettings) -> Services:
    """Starts loading the model in the background and returns at once.

    Raises UnknownModelError, or ModelError where the model writes no text.
    """
    spec = find_spec(settings.model)
    if spec.kind != "generator":
        raise ModelError(f"{spec.name} scores texts and writes none, so it cannot answer.")
    return Services(
        settings=settings,
        spec=spec,
        generator=in_background(lambda: _load(spec, settings.device)),
    )


def in_background(work: Callable[[], Result]) -> Future[Result]:
    """The result of `work`, done in a thread that never keeps the process alive."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            trace = None if isinstance(error, Blip2Error) else error
            log.error("The model could not be loaded: %s", error, exc_info=trace)
            future.set_exception(error)

    threading.Thread(target=run, name="load-model", daemon=True).start()
    return future


def _load(spec: ModelSpec, device: str) -> Generator:
    from blip2core.models.loading import load_generator  # torch: seconds the page need not wait

    return load_generator(spec, device=device)
