"""What is looked at before anything is loaded, so that a start that must fail does so at once.

Nothing is imported here that the environment can break: Gradio reads numbers of its own from it.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from app.login.users import read_people
from app.serving.ports import listen
from app.settings import AppSettings, host_of
from blip2core.errors import ConfigError, ModelError
from blip2core.models.specs import find_spec
from blip2core.models.weight_files import check_weights

NUMBERS = ("GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "GRADIO_ANALYTICS_MAX_EVENTS")
"""Variables that Gradio reads as whole numbers while it is imported."""
FIRST_FREE_PORT = 1024
"""Ports below need the rights of the system's owner."""


def check_start(settings: AppSettings) -> None:
    """Raise a Blip2Error with the reason why the studio cannot be served."""
    check_numbers()
    port = settings.port or given_port()
    host_name = "BLIP2_HOST" if settings.host else "GRADIO_SERVER_NAME"
    port_name = "BLIP2_PORT" if settings.port or not port else "GRADIO_SERVER_PORT"
    check_address(host_of(settings.host), port, host_name, port_name)
    if settings.metrics:
        host = settings.metrics_host
        check_address(host, settings.metrics_port, "BLIP2_METRICS_HOST", "BLIP2_METRICS_PORT")
    if settings.users is not None:
        check_users(settings.users)
    check_model("BLIP2_MODEL", settings.model)
    if settings.matcher is not None:
        check_model("BLIP2_MATCHER", settings.matcher)


def check_model(setting: str, name: str) -> None:
    """Raise ConfigError where there is no such model, or its files are damaged."""
    try:
        check_weights(find_spec(name))
    except ModelError as error:
        raise ConfigError(f"{setting}: {error}") from error


def check_numbers() -> None:
    """Raise ConfigError where a variable that Gradio takes for a number is none."""
    for name in NUMBERS:
        value = os.environ.get(name)
        if value is not None and not (value.isascii() and value.isdecimal()):
            raise ConfigError(f"{name} must be a whole number: correct it, or leave it out.")


def given_port() -> int | None:
    """Return the port that is chosen for Gradio, which counts where no setting of ours names one.

    Raises ConfigError where GRADIO_SERVER_PORT names none.
    """
    check_numbers()
    port = int(os.environ.get("GRADIO_SERVER_PORT", "0")) or None
    if port is not None and port > 65_535:
        raise ConfigError("GRADIO_SERVER_PORT must be 1 to 65535: correct it, or leave it out.")
    return port


def check_address(host: str, port: int | None, host_name: str, port_name: str) -> None:
    """Raise an error where nobody could listen there; the names are those of the settings.

    PortTakenError where another program does, ConfigError for all else.
    """
    try:
        listen(host, port, setting=port_name).close()
    except OSError as error:
        if isinstance(error.__cause__, socket.gaierror):
            told = (
                f"{host_name}: there is no host called {host}; give an address of this machine: "
                "127.0.0.1 for it alone, 0.0.0.0 for all it has."
            )
        elif isinstance(error, PermissionError) and port is not None and port < FIRST_FREE_PORT:
            told = f"{port_name}: port {port} needs other rights; take one from {FIRST_FREE_PORT}."
        elif error.errno == errno.EADDRNOTAVAIL:
            told = f"{host_name}: {host} is not an address of this machine; choose one of its own."
        else:
            told = f"{host_name}: no port of {host} can be listened on ({error.strerror})."
        raise ConfigError(told) from error


def may_write(folder: Path) -> bool:
    """Return whether this process may make files in a folder."""
    effective = os.access in os.supports_effective_ids
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=effective)


def check_users(file: Path) -> None:
    """Raise ConfigError where the file of users cannot be read, or be made if it is missing."""
    if file.exists():
        read_people(file)
        return
    above = next(folder for folder in file.absolute().parents if folder.exists())
    if not above.is_dir() or not may_write(above):
        raise ConfigError(
            f"BLIP2_USERS: {file} is not there and cannot be made in {above}; name a file in a "
            "folder that this user may write to."
        )
