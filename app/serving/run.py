"""From the settings in the environment to a page that is served until a signal ends it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from pydantic import ValidationError

from app.serving.logs import set_up_logging
from app.serving.start_checks import check_start
from app.serving.upload_folder import make_upload_folder
from app.settings import AppSettings, check_is_closed, settings_problems
from blip2core.errors import Blip2Error, UnavailableError, os_problem

log = logging.getLogger(__name__)
END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C at a terminal; systemd, Docker and Spaces."""


LOOK_SECONDS = 1.0
"""Seconds after which a server that has ended by itself is noticed."""


class Served(Protocol):
    """What is served in the background."""

    @property
    def address(self) -> str:
        """The address for browsers on this machine."""

    def is_served(self) -> bool:
        """Return whether it still is; a server may end by itself."""

    def close(self) -> None:
        """Answer nobody any more, and return when work in the background has been put down."""


Serve = Callable[[AppSettings], Served]


def run(serve: Serve) -> int:
    """Serve until a signal comes -> the exit code.

    2 where it cannot be served, and why in a sentence; 1 where that may pass, as when the database
    does not answer, or the server has ended by itself: whoever started it may start it again.
    """
    if not sys.stderr.isatty():  # nobody watches progress bars in a log
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        settings = AppSettings()
    except ValidationError as error:
        print(settings_problems(error)[0], file=sys.stderr)
        return 2
    set_up_logging(settings)
    with first_signal() as ended:  # from here on, as runs go on before the address is there
        try:
            check_is_closed(settings)
            check_start(settings)
            make_upload_folder()
            served = serve(settings)
        except Blip2Error as error:
            say(settings, str(error), logging.ERROR)
            return 1 if isinstance(error, UnavailableError) else 2
        except OSError as error:
            say(settings, f"The studio cannot start: {os_problem(error)}.", logging.ERROR)
            return 2
        print(f"BLIP-2 Studio: {served.address}", flush=True)
        if settings.open_browser and has_screen() and not ended.is_set():
            webbrowser.open(served.address)
        while served.is_served() and not ended.wait(LOOK_SECONDS):
            pass
    say(settings, "Stopping: the batch that is under way is finished first.")
    served.close()
    say(settings, "Stopped.")
    return 0 if ended.is_set() else 1


def say(settings: AppSettings, words: str, level: int = logging.INFO) -> None:
    """Tell whoever started the studio: in the log where programs read it, else in plain words."""
    if settings.log == "json":
        log.log(level, "%s", words)
    else:
        print(words, file=sys.stderr if level >= logging.ERROR else sys.stdout, flush=True)


@contextmanager
def first_signal() -> Iterator[threading.Event]:
    """Yield an event that is set by the first signal to end; a second one ends at once.

    A signal that comes while the studio starts ends it once it has started.
    """
    ended = threading.Event()
    usual = {number: signal.getsignal(number) for number in END_SIGNALS}

    def end(_number: int, _frame: object) -> None:
        ended.set()
        restore()

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    for number in END_SIGNALS:
        signal.signal(number, end)
    try:
        yield ended
    finally:
        restore()


def has_screen() -> bool:
    """Return whether a browser opened here would be seen."""
    desktop = sys.platform in ("darwin", "win32")
    return desktop or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
