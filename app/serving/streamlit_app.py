"""Streamlit's app and options, which the curator is served with beside the workbench.

`streamlit.App` is young and Streamlit's options have no public setter for a running process:
tests/app/serving/test_streamlit_app.py says which of them a new version has changed.
"""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from app.design_tokens import MEASURES, SCHEMES, SOURCES
from app.request_info import ID_HEADER, RequestInfo, find_requests_by, harmless_id
from app.roles import VISITOR_HEADER

if TYPE_CHECKING:
    import streamlit

SCRIPT = Path(__file__).parents[1] / "curator" / "main.py"
OPTIONS: dict[str, Any] = {
    "server.fileWatcherType": "none",
    "runner.magicEnabled": False,  # it would print the docstrings of constants
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "browser.gatherUsageStats": False,
    # A session is gone on with by whom it began, in the role that they had: else by a stranger who
    # knows its name, or by an owner who is a curator now.
    "server.trustedUserHeaders": {VISITOR_HEADER: "visitor"},
}
"""Options that are always the same: quiet, closed, nothing fetched from elsewhere."""
_COLOURS = {
    "primaryColor": "accent_text",
    "backgroundColor": "page",
    "secondaryBackgroundColor": "surface",
    "textColor": "text",
    "linkColor": "accent_text",
    "borderColor": "line",
    "dataframeBorderColor": "line",
    "dataframeHeaderBackgroundColor": "surface",
    "sidebar.backgroundColor": "surface",
    "sidebar.secondaryBackgroundColor": "field",
}
"""Colour of Streamlit's theme -> the design token that it is."""
OPTIONS |= {
    f"theme.{scheme}.{name}": getattr(palette, token)
    for scheme, palette in SCHEMES.items()
    for name, token in _COLOURS.items()
}
OPTIONS |= {
    f"theme.{scheme}.chartCategoricalColors": [getattr(palette, source) for source in SOURCES]
    for scheme, palette in SCHEMES.items()
}
OPTIONS |= {
    "theme.font": MEASURES["font"],
    "theme.headingFontSizes": ["1.6rem", "1.35rem", MEASURES["title-size"]],
    "theme.headingFontWeights": [700, 700, 700],
    "theme.baseRadius": MEASURES["radius"],
    "theme.showWidgetBorder": True,
    "theme.showSidebarBorder": True,
}
LARGEST_UPLOAD = "server.maxUploadSize"
"""Option for the largest file that is taken, in megabytes."""


def log_as_others() -> None:
    """Let Streamlit's loggers hand on what they log: each would print it, in a form of its own."""
    import streamlit.logger

    def hand_on(logger: logging.Logger) -> None:
        own = getattr(logger, "streamlit_console_handler", None)
        if own is not None:
            logger.removeHandler(own)
        logger.propagate = True

    streamlit.logger.setup_formatter = hand_on
    streamlit.logger.update_formatter()
    streamlit.logger.set_log_level("warning")


def request_of_script() -> RequestInfo | None:
    """Return the request of the page whose script, or callback, runs in this thread: that of its
    websocket, which stays open. None in any other thread.
    """
    import streamlit
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    found = harmless_id(streamlit.context.headers.get(ID_HEADER))
    return None if found is None else RequestInfo(id=found)


def set_options(largest_upload: int) -> None:
    """Set Streamlit's options for this process; `largest_upload` in megabytes."""
    from streamlit import config  # half a second that tests of the workbench need not wait

    for name, value in (OPTIONS | {LARGEST_UPLOAD: largest_upload}).items():
        config.set_option(name, value)


def build_curator(largest_upload: int) -> streamlit.App:
    """Return the curator as an ASGI application. Streamlit allows one in a process."""
    import streamlit

    set_options(largest_upload)
    log_as_others()
    find_requests_by(request_of_script)
    return streamlit.App(SCRIPT)


def lifespan(curator: streamlit.App, app: FastAPI) -> AbstractAsyncContextManager[None]:
    """Return what starts and ends Streamlit's runtime with the app that it is mounted in."""
    return curator.lifespan()(app)
