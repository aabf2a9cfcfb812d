"""Both apps in one process on one port: the workbench at /, the curator at /curator/."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from app.services import Services, share
from app.serving.gradio_options import SESSIONS, page_options
from app.serving.hosts import HostGuard
from app.serving.login import BasicLogin
from app.serving.users import read_users
from app.settings import host_of
from app.workbench.image.uploaded_files import check_named_files
from app.workbench.page import build_workbench

CURATOR = Path(__file__).parents[1] / "curator" / "main.py"
FIRST_PORT, PORTS = 7860, 100


def build_app(services: Services) -> FastAPI:
    """The ASGI application of both. One in a process: Streamlit allows no second.

    Raises ConfigError where the file of users is wrong.
    """
    import streamlit  # half a second that tests of the workbench need not wait

    share(services)
    for name, value in curator_options(services).items():
        streamlit.config.set_option(name, value)
    curator = streamlit.App(CURATOR)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with curator.lifespan()(app):
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/curator", lambda: RedirectResponse("/curator/"))
    app.mount("/curator", curator)  # before the workbench, which takes every other address
    page = build_workbench(services)
    check_named_files(page)
    page.state_session_capacity = SESSIONS
    page.queue(api_open=False, max_size=services.settings.queue_size)
    gr.mount_gradio_app(app, page, path="/", **page_options(services.settings))
    if services.settings.users is not None:
        app.add_middleware(BasicLogin, users=read_users(services.settings.users))
    app.add_middleware(HostGuard, settings=services.settings)  # the last one added comes first
    return app


def curator_options(services: Services) -> dict[str, Any]:
    """Streamlit's settings: quiet, closed, nothing fetched from elsewhere."""
    return {
        "server.fileWatcherType": "none",
        "server.maxUploadSize": services.settings.max_import,
        "runner.magicEnabled": False,  # it would print the docstrings of constants
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "browser.gatherUsageStats": False,
        "theme.light.primaryColor": "#0f766e",
        "theme.dark.primaryColor": "#0d9488",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server at work in a thread of its own."""

    address: str
    server: uvicorn.Server
    thread: threading.Thread

    def wait(self) -> None:
        """Until it is closed, or the process is interrupted."""
        try:
            while self.thread.is_alive():
                self.thread.join(1)
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        """Stop serving; open connections are cut."""
        self.server.should_exit = True
        self.thread.join()


def serve(app: FastAPI, host: str | None = None, port: int | None = None) -> Served:
    """Serves from a background thread, and returns once it answers. OSError: the port is taken."""
    host = host_of(host)
    given = port or int(os.environ.get("GRADIO_SERVER_PORT", 0)) or None
    listener = _listen(host, given)
    config = uvicorn.Config(
        app, log_level="warning", ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="serve", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    shown = "localhost" if host in ("0.0.0.0", "::") else host
    return Served(
        address=f"http://{shown}:{listener.getsockname()[1]}/", server=server, thread=thread
    )


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket on the port that was given, else on the first free one."""
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(1)  # a second bind succeeds where nobody listens yet
        except OSError:
            listener.close()
            continue
        return listener
    raise OSError(f"No free port at {host}.")
