"""What is measured while the studio works; nothing comes of it unless metrics are on.

`app.serving.prometheus_metrics` puts its own in place of `Metrics`; nothing else of the app knows
Prometheus.
"""

from __future__ import annotations

from app.request_info import current_request
from blip2core.errors import Blip2Error, ImageError, TextError


class Metrics:
    """Takes what is measured and forgets it. The words in it come from the code, never from a
    visitor, so that there are few of each.
    """

    def answered(self, app: str, kind: str, status: int, seconds: float) -> None:
        """Note an answered request; `app` and `kind`: see `app.serving.request_kinds`."""

    def refused(self, reason: str) -> None:
        """Note that something was refused."""

    def queued(self, seconds: float) -> None:
        """Note how long an event waited in the queue of the page before its work began."""

    def worked(self, kind: str, waited: float, seconds: float, *, failed: bool) -> None:
        """Note a piece of model work: its wait for the model, and the time it kept the model."""


_used: list[Metrics] = [Metrics()]


def metrics() -> Metrics:
    """Return what takes the measurements of this process."""
    return _used[0]


def use_metrics(instead: Metrics) -> None:
    """Let another one take the measurements of this process."""
    _used[0] = instead


def note_refusal(reason: str) -> None:
    """Count something that was refused, and let the log say so of the request."""
    request = current_request()
    if request is not None:
        request.refused = reason
    metrics().refused(reason)


def note_refused_input(error: Blip2Error) -> None:
    """Count an image or a text that cannot be used; other errors are not about what was sent."""
    if isinstance(error, ImageError):
        note_refusal("image")
    elif isinstance(error, TextError):
        note_refusal("text")
