"""Ties a page that is about to be served to the log and to the metrics, however it is served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from app.gradio_internals import log_tracebacks, watch_queue
from app.metrics import metrics
from app.request_info import SCOPE_KEY, set_request
from app.services import Services


def watch(page: gr.Blocks, services: Services) -> None:
    """Let the log name the request behind each event, and serve the metrics where they are on.

    Call it after `page.queue`. Raises PortTakenError and OSError where the port of the metrics
    cannot be had.
    """
    log_tracebacks()
    watch_queue(page, _begin)
    if services.settings.metrics:
        from app.serving.prometheus_metrics import serve_metrics  # not needed without them

        serve_metrics(page, services)


def _begin(scope: Mapping[str, Any], waited: float) -> None:
    set_request(scope.get(SCOPE_KEY))
    metrics().queued(waited)
