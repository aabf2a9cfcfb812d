"""Metrics for Prometheus, on a port of their own.

Of their own, so that nobody reaches them by the address of the studio, whoever may come in there
and whatever proxy stands in front: without a setting the port is open to this machine alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import partial

import gradio as gr
import uvicorn
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.gradio_internals import waiting_seconds
from app.inference.model_memory import gpu_memory, model_memory
from app.metrics import Metrics, use_metrics
from app.services import Services
from app.serving.headers import SecurityHeaders
from app.serving.hosts import HostGuard
from app.serving.ports import listen
from app.settings import LOCAL
from blip2core.curation.jobs import code_version
from blip2core.errors import Blip2Error
from blip2core.storage.run_counts import run_counts

SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LONG = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Upper bounds of the buckets of histograms, in seconds."""


class PrometheusMetrics(Metrics):
    """Counts what is measured while the studio works."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "blip2_requests", "Answered requests.", ["app", "kind", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "blip2_request_seconds",
            "Time from a request to the end of its answer.",
            ["app", "kind"],
            buckets=SHORT,
            registry=registry,
        )
        self._refused = Counter(
            "blip2_refused", "Requests and inputs that were refused.", ["reason"], registry=registry
        )
        self._queued = Histogram(
            "blip2_queue_seconds",
            "Time that events waited in the queue before their work began.",
            buckets=LONG,
            registry=registry,
        )
        self._waited = Histogram(
            "blip2_model_wait_seconds",
            "Time that work on models waited for other work on them.",
            ["kind"],
            buckets=LONG,
            registry=registry,
        )
        self._worked = Histogram(
            "blip2_model_work_seconds",
            "Time that a piece of work kept the models.",
            ["kind"],
            buckets=LONG,
            registry=registry,
        )
        self._failed = Counter(
            "blip2_model_work_failed",
            "Work on models that ended with an error.",
            ["kind"],
            registry=registry,
        )

    def answered(self, app: str, kind: str, status: int, seconds: float) -> None:
        """Count a request under its class of status: 2xx, 4xx, ..."""
        self._requests.labels(app, kind, f"{status // 100}xx").inc()
        self._request_seconds.labels(app, kind).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refused.labels(reason).inc()

    def queued(self, seconds: float) -> None:
        """Count an event that leaves the queue."""
        self._queued.observe(seconds)

    def worked(self, kind: str, waited: float, seconds: float, *, failed: bool) -> None:
        """Count a piece of work."""
        self._waited.labels(kind).observe(waited)
        self._worked.labels(kind).observe(seconds)
        if failed:
            self._failed.labels(kind).inc()


class StateCollector(Collector):
    """What is looked up when somebody asks: the queue, memory, and the runs of the database."""

    def __init__(self, page: gr.Blocks, services: Services) -> None:
        self._page, self._services = page, services

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing, so that nothing is looked up before somebody asks."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics."""
        yield _gauge("blip2_info", "The version.", ["version"], [((code_version(),), 1)])
        waiting = waiting_seconds(self._page)
        yield _gauge("blip2_queue_waiting", "Events that wait.", [], [((), len(waiting))])
        oldest = max(waiting, default=0.0)
        yield _gauge(
            "blip2_queue_oldest_seconds", "How long the oldest of them waits.", [], [((), oldest)]
        )
        yield from _memory(self._services)
        yield from _runs(self._services)


def _memory(services: Services) -> Iterator[GaugeMetricFamily]:
    models = model_memory(services.engine.models.loaded)
    yield _gauge(
        "blip2_model_bytes",
        "Memory of the weights of a loaded model.",
        ["model", "kind", "device"],
        [((one.model, one.kind, one.device), one.bytes) for one in models],
    )
    yield _gauge(
        "blip2_gpu_memory_bytes",
        "Memory of a GPU: allocated and reserved by this process; free and total of all.",
        ["device", "state"],
        [
            ((one.device, state), getattr(one, state))
            for one in gpu_memory()
            for state in ("allocated", "reserved", "free", "total")
        ],
    )


def _runs(services: Services) -> Iterator[GaugeMetricFamily]:
    if services.database is None:
        return
    counts, answers = [], True
    try:
        with services.database.read() as session:
            counts = run_counts(session)
    except (SQLAlchemyError, Blip2Error, OSError):
        answers = False
    yield _gauge("blip2_database_up", "Whether the database answers.", [], [((), int(answers))])
    yield _gauge(
        "blip2_runs",
        "Runs in the database: imports, captioning, filtering.",
        ["kind", "status"],
        [((one.kind, one.status), one.runs) for one in counts],
    )
    yield _gauge(
        "blip2_run_items",
        "Items of these runs, by what became of them.",
        ["kind", "status", "outcome"],
        [
            ((one.kind, one.status, outcome), getattr(one, outcome))
            for one in counts
            for outcome in ("done", "failed")
        ],
    )


def _gauge(
    name: str, meaning: str, labels: list[str], values: list[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=labels)
    for found, value in values:
        gauge.add_metric(found, value)
    return gauge


def build_registry(page: gr.Blocks, services: Services) -> CollectorRegistry:
    """Return all metrics of this process, which is measured from now on."""
    # They would be a second series for each, which nobody asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(StateCollector(page, services))
    use_metrics(PrometheusMetrics(registry))
    return registry


def _answer(registry: CollectorRegistry, request: Request) -> Response:
    """Answer with all metrics; Starlette calls it in a thread, as the database may be slow."""
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


def serve_metrics(page: gr.Blocks, services: Services) -> None:
    """Serve the metrics at /metrics from a background thread, as long as the process lives.

    Raises PortTakenError where another program listens on the port, and OSError where it cannot be
    listened on for another reason.
    """
    host, port = services.settings.metrics_host, services.settings.metrics_port
    listener = listen(host, port, setting="BLIP2_METRICS_PORT")
    # Only where this machine alone is served can a page of another site have something to gain.
    guard = Middleware(HostGuard, settings=services.settings.model_copy(update={"host": host}))
    app = Starlette(
        routes=[Route("/metrics", partial(_answer, build_registry(page, services)))],
        middleware=[Middleware(SecurityHeaders), *([guard] if host in LOCAL else [])],
    )
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listener],), name="metrics", daemon=True).start()
