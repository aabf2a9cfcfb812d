"""What is done to a page before it is served, the same however that is."""

from __future__ import annotations

import gradio as gr

from app.gradio_internals import (
    allow_fetching,
    ignore_lost_sessions,
    leave_out_cors,
    share_sessions,
)
from app.request_info import current_visitor
from app.services import Services
from app.serving.queue_share import share_queue
from app.serving.sweeping import sweep_regularly
from app.serving.watching import watch


def prepare_page(page: gr.Blocks, services: Services) -> None:
    """Bound what visitors may take of a page, and tie it to the log and the metrics.

    Raises PortTakenError and OSError where the port of the metrics cannot be had.
    """
    settings = services.settings
    allow_fetching(settings.downloads)
    leave_out_cors()
    share_sessions(current_visitor)
    page.queue(api_open=False, max_size=settings.queue_size)
    ignore_lost_sessions(page)
    share_queue(page, settings)
    watch(page, services)
    sweep_regularly(page)
