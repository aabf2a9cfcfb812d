"""The services of this process, where the curator's scripts find them."""

from __future__ import annotations

import threading

from app.services import Services, build_services
from app.settings import AppSettings
from blip2core.storage.database import open_database

_lock = threading.Lock()
_shared: list[Services] = []


def share(services: Services) -> None:
    """Let every script of this process use these."""
    with _lock:
        _shared[:] = [services]


def shared() -> Services:
    """What was shared; built from the environment where the curator was started alone."""
    with _lock:
        if not _shared:
            settings = AppSettings()
            _shared.append(build_services(settings, open_database()))
        return _shared[0]
