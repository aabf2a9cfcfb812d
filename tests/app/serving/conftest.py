"""What the tests of serving share: the log and the metrics are as they were after each test."""

import logging
import warnings
from collections.abc import Iterator

import pytest
from uvicorn.config import LOGGING_CONFIG

from app.metrics import Metrics, use_metrics
from app.request_info import set_request
from app.serving.logs import OURS


@pytest.fixture(autouse=True)
def _log_and_metrics_are_left_alone() -> Iterator[None]:
    root, config = logging.getLogger(), dict(LOGGING_CONFIG)
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in OURS}
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(False)
    LOGGING_CONFIG.update(config)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, kept in levels.items():
        logging.getLogger(name).setLevel(kept)
    use_metrics(Metrics())
    set_request(None)
