"""What Prometheus is told, with few series whatever visitors do; nothing of it where it is off."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from prometheus_client import generate_latest

from app.inference.model_memory import GpuMemory
from app.metrics import Metrics, metrics
from app.serving import prometheus_metrics as module
from app.serving.ports import PortTakenError, listen
from app.serving.prometheus_metrics import build_registry, serve_metrics
from app.serving.watching import watch
from app.settings import AppSettings
from blip2core.errors import StorageError
from blip2core.storage.database import Database
from blip2core.storage.runs import NewRun, create_run, heartbeat
from tests.fakes import FakeGenerator, fake_services

ROOT = Path(__file__).parents[3]


def values(page: Any = None, **changes: Any) -> dict[str, float]:
    """Each series with its value, after `with_work` was measured."""
    services = replace(fake_services(FakeGenerator()), **changes)
    registry = build_registry(page or gr.Blocks(), services)
    with_work(metrics())
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


def with_work(measured: Metrics) -> None:
    measured.answered("workbench", "ask", 200, 0.02)
    measured.answered("workbench", "ask", 204, 0.02)
    measured.answered("other", "other", 404, 0.02)
    measured.refused("host")
    measured.queued(1.5)
    measured.worked("chat", 0.5, 2.0, failed=False)
    measured.worked("chat", 0.5, 2.0, failed=True)


def test_requests_refusals_the_queue_and_model_work() -> None:
    found = values()
    for name, value in {
        'blip2_requests_total{app="workbench",kind="ask",status="2xx"}': 2,
        'blip2_requests_total{app="other",kind="other",status="4xx"}': 1,
        'blip2_request_seconds_count{app="workbench",kind="ask"}': 2,
        'blip2_refused_total{reason="host"}': 1,
        "blip2_queue_seconds_sum": 1.5,
        'blip2_model_wait_seconds_sum{kind="chat"}': 1,
        'blip2_model_work_seconds_sum{kind="chat"}': 4,
        'blip2_model_work_seconds_bucket{kind="chat",le="1.0"}': 0,
        'blip2_model_work_failed_total{kind="chat"}': 1,
        'blip2_info{version="blip2-studio 0.1.0"}': 1,
        "blip2_queue_waiting": 0,
    }.items():
        assert found[name] == value, name
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert not [name for name in found if "_created" in name or "database" in name]


def test_what_waits_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "waiting_seconds", lambda page: [0.5, 7.25, 1.0])
    found = values()
    assert (found["blip2_queue_waiting"], found["blip2_queue_oldest_seconds"]) == (3, 7.25)


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = GpuMemory(device="cuda:0", allocated=1, reserved=2, free=3, total=4)
    monkeypatch.setattr(module, "gpu_memory", lambda: [gpu])
    weights = SimpleNamespace(nbytes=64, data_ptr=lambda: 1)
    inner = SimpleNamespace(parameters=lambda: [weights], buffers=list)
    services = fake_services(FakeGenerator())
    loaded = SimpleNamespace(model=inner, device="cpu", spec=FakeGenerator().spec)
    services.engine.models.loaded.append(loaded)
    found = values(engine=services.engine)
    assert found['blip2_model_bytes{device="cpu",kind="generator",model="stickers-opt"}'] == 64
    assert found['blip2_gpu_memory_bytes{device="cuda:0",state="free"}'] == 3


def test_jobs_of_the_database(database: Database) -> None:
    with database.write() as session:
        run = create_run(session, NewRun(kind="import", code_version="test"))
        heartbeat(session, run_id=run.id, done=5, failed=2)
    found = values(database=database)
    assert found["blip2_database_up"] == 1
    assert found['blip2_runs{kind="import",status="queued"}'] == 1
    assert found['blip2_run_items{kind="import",outcome="done",status="queued"}'] == 5
    assert found['blip2_run_items{kind="import",outcome="failed",status="queued"}'] == 2


def test_a_database_that_is_down_takes_nothing_else_with_it() -> None:
    def fail() -> None:
        raise StorageError("down")

    found = values(database=SimpleNamespace(read=fail))
    assert found["blip2_database_up"] == 0 and "blip2_queue_waiting" in found


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", None) as other:
        settings = AppSettings(metrics=True, metrics_port=other.getsockname()[1])
        services = replace(fake_services(FakeGenerator()), settings=settings)
        with pytest.raises(PortTakenError, match="BLIP2_METRICS_PORT"):
            serve_metrics(gr.Blocks(), services)


def test_off_nothing_is_counted_and_nothing_imported() -> None:
    watch(gr.Blocks(), fake_services(FakeGenerator()))
    assert type(metrics()) is Metrics
    code = "import sys, app.serving.server as _; print('prometheus_client' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_guide_names_every_metric() -> None:
    guide = (ROOT / "docs/hosting.md").read_text("utf-8")
    source = Path(module.__file__).read_text("utf-8")
    names = set(re.findall(r'"(blip2_\w+)"', source))
    assert len(names) > 12
    assert {name for name in names if not re.search(rf"`{name}(_total)?[`{{]", guide)} == set()
