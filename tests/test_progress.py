"""A long job is in the log when it begins, now and then, and when it ends."""

import logging

import pytest

from blip2core import progress as module
from blip2core.progress import Progress

log = logging.getLogger("blip2core.tried")


def test_its_course(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.INFO)
    job = Progress(log, "Run 7 (import)", "item")
    for _ in range(10):
        now[0] += 10
        job.add(done=1, failed=2)
    now[0] += 0.5
    job.end("done")
    assert caplog.messages == [
        "Run 7 (import) begins",
        "Run 7 (import) goes on: 3 items done, 6 failed",
        "Run 7 (import) goes on: 6 items done, 12 failed",
        "Run 7 (import) goes on: 9 items done, 18 failed",
        "Run 7 (import) is done: 10 items done, 20 failed in 100.5 s",
    ]
