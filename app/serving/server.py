"""Both apps in one process on one port: the workbench at /, the curator at /curator/."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from app.gradio_internals import (
    check_requested_files,
    limit_sessions,
    tell_own_address,
)
from app.services import Services, share
from app.serving.connections import (
    BoundedHttp,
    BoundedWebSocket,
    Connections,
    room_for_connections,
)
from app.serving.front import build_front
from app.serving.gradio_options import SESSIONS, page_options
from app.serving.ports import listen
from app.serving.prepare import prepare_page
from app.serving.start_checks import given_port
from app.serving.streamlit_app import build_curator
from app.serving.streamlit_app import lifespan as streamlit_lifespan
from app.settings import host_of
from app.workbench.page import build_workbench

KEPT_SECONDS = 65
"""How long a connection stays open that asks nothing. Longer than clients and proxies keep one (5 s
of httpx and Gradio's client, 60 s of nginx and of load balancers): else it may close just as the
next request is sent.
"""


def build_app(services: Services) -> FastAPI:
    """Return both apps as one ASGI application, with which the services are closed.

    Streamlit allows one in a process.

    Raises ConfigError where the file of users is wrong.
    """
    share(services)
    curator = build_curator(services.settings.max_import)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with streamlit_lifespan(curator, app):
            yield
        await run_in_threadpool(services.close)

    page = build_workbench(services)
    app = FastAPI(
        lifespan=lifespan,
        middleware=build_front(services, page),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_api_route("/curator", to_curator)
    app.mount("/curator", curator)  # before the workbench, which takes every other address
    check_requested_files(page)
    limit_sessions(page, SESSIONS)
    prepare_page(page, services)
    gr.mount_gradio_app(app, page, path="/", **page_options(services.settings))
    app.state.page = page
    return app


def to_curator(request: Request) -> RedirectResponse:
    """Lead to the curator's first page, whose addresses are relative to the slash at its end."""
    return RedirectResponse(f"{request.scope['root_path']}/curator/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedApp:
    """A server at work in a thread of its own."""

    address: str
    server: uvicorn.Server
    thread: threading.Thread

    def is_served(self) -> bool:
        """Return whether the server is at work."""
        return self.thread.is_alive()

    def close(self) -> None:
        """Stop serving: open connections are cut, then the app's lifespan ends."""
        self.server.should_exit = True
        self.thread.join()


def start_server(
    app: FastAPI,
    host: str | None = None,
    port: int | None = None,
    *,
    proxies: Sequence[str] = (),
) -> ServedApp:
    """Serve from a background thread, and return once it answers. `proxies`: see `proxies_of`.

    Raises PortTakenError or OSError, see `listen`, and OSError where the app does not start.
    """
    host = host_of(host)
    given = port or given_port()
    listener = listen(host, given)
    connections = Connections(room_for_connections(), proxies=proxies)
    config = uvicorn.Config(
        app,
        log_level="warning",
        # uvicorn makes them by these names of parameters alone, so what is left is the same.
        http=partial(BoundedHttp, connections),  # type: ignore[arg-type]
        ws=partial(BoundedWebSocket, connections),  # type: ignore[arg-type]
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEPT_SECONDS,
        forwarded_allow_ips=list(proxies),
    )
    everywhere = ("0.0.0.0", "::")  # noqa: S104 - what is shown, not what is bound
    shown = "localhost" if host in everywhere else f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}/"
    if page := getattr(app.state, "page", None):
        tell_own_address(page, address)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="serve", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.02)
    if not server.started:
        raise OSError("The server has ended while it started; the log says why")
    return ServedApp(address=address, server=server, thread=thread)
