"""The workbench without curator and database, launched by Gradio itself."""

from __future__ import annotations

import os
from dataclasses import dataclass

import gradio as gr

from app.gradio_internals import is_port_taken
from app.services import Services, build_services
from app.serving.front import build_front
from app.serving.gradio_options import SESSIONS, page_options
from app.serving.ports import taken
from app.serving.prepare import prepare_page
from app.settings import AppSettings, proxies_of
from app.workbench.page import build_workbench


def serve_page(page: gr.Blocks, services: Services) -> str:
    """Serve the page alone, from a background thread; return its address.

    Raises ConfigError where the file of users is wrong, PortTakenError where no port is free.
    """
    address: str
    settings = services.settings
    os.environ["FORWARDED_ALLOW_IPS"] = ",".join(proxies_of(settings))  # read by uvicorn
    prepare_page(page, services)
    try:
        _, address, _ = page.launch(
            server_name=settings.host,
            server_port=settings.port,
            state_session_capacity=SESSIONS,
            app_kwargs={"middleware": build_front(services, page)},
            quiet=True,
            prevent_thread_lock=True,
            **page_options(settings),
        )
    except OSError as error:
        if is_port_taken(error):
            raise taken(f"Port {settings.port} is" if settings.port else "All ports are") from error
        raise
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPage:
    """A page that Gradio serves."""

    address: str
    page: gr.Blocks

    def is_served(self) -> bool:
        """Return whether Gradio's server is at work."""
        return self.page.is_running

    def close(self) -> None:
        """Stop serving; open connections are cut."""
        self.page.close(verbose=False)


def serve_alone(settings: AppSettings) -> ServedPage:
    """Serve the workbench without curator and database, as a Space does."""
    services = build_services(settings)
    page = build_workbench(services)
    return ServedPage(address=serve_page(page, services), page=page)
