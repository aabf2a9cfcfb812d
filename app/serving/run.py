"""From the settings in the environment to a page that is served until somebody interrupts."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable

from pydantic import ValidationError

from app.serving.logs import set_up_logging
from app.serving.start_checks import check_start
from app.settings import AppSettings, check_is_closed, settings_problems
from blip2core.errors import Blip2Error, os_problem

Wait = Callable[[], None]
Serve = Callable[[AppSettings], tuple[str, Wait]]
"""Serves in the background; returns the address, and a function that waits for the end."""


def run(serve: Serve) -> int:
    """Serve until interrupted; 2 where it cannot be served, and why in a sentence."""
    if not sys.stderr.isatty():  # nobody watches progress bars in a log
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        settings = AppSettings()
        set_up_logging(settings)
        check_is_closed(settings)
        check_start(settings)
        address, wait = serve(settings)
    except ValidationError as error:
        print(settings_problems(error)[0], file=sys.stderr)
        return 2
    except Blip2Error as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The studio cannot start: {os_problem(error)}.", file=sys.stderr)
        return 2
    print(f"BLIP-2 Studio: {address}", flush=True)
    if settings.open_browser and has_screen():
        webbrowser.open(address)
    wait()
    return 0


def has_screen() -> bool:
    """Return whether a browser opened here would be seen."""
    desktop = sys.platform in ("darwin", "win32")
    return desktop or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
