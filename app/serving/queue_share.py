"""How much of the queue one visitor may fill, so that others find room in it."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
from starlette.datastructures import Headers
from starlette.types import Scope

from app.gradio_internals import refuse_waiting
from app.roles import visitor_of
from app.serving.visitor_keys import keys_of
from app.settings import AppSettings

SHARE = 0.5
"""Of the queue, for one visitor and for the wider network of their address alike: with more than
half of it each, two could fill it.
"""


def share_queue(page: gr.Blocks, settings: AppSettings) -> None:
    """Refuse events of a visitor who has filled their share. Call it after `page.queue`."""
    most = max(1, int(SHARE * settings.queue_size))

    def refusal(asked: Scope, waiting: Sequence[Scope]) -> str:
        if visitor_of(Headers(scope=asked)).role != "visitor":
            return ""
        key = keys_of(asked)[-1]
        mine = sum(key == keys_of(other)[-1] for other in waiting)
        return f"{mine} of your questions wait already: wait for an answer." if mine >= most else ""

    refuse_waiting(page, refusal)
