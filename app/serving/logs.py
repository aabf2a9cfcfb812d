"""The log: one line for each event, as text or JSON, with the id of the request it belongs to.

What visitors write and upload is in no line. So of an error that nobody expected the log has its
kind and where it happened; its message, which may quote them, only where BLIP2_LOG_TEXTS asks.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping

from pythonjsonlogger.json import JsonFormatter
from uvicorn.config import LOGGING_CONFIG

from app.request_info import current_request
from app.settings import AppSettings
from blip2core.errors import Blip2Error, TextError, os_problem
from blip2core.texts import visible

OURS = ("app", "blip2core")
"""Loggers whose level is that of the settings; of others only warnings are of interest."""
_DETAIL = re.compile(r"\s*DETAIL:.*", re.DOTALL)
"""Where PostgreSQL quotes the row that it refused."""
_SAFE = ("OutOfMemoryError", "MemoryError", "KeyboardInterrupt", "ModuleNotFoundError")
"""Errors whose messages quote nobody, of whatever module."""


MOST_TRACEBACKS = 60
"""Written in a minute. What fails is in visitors' hands, and the disk has an end."""


def set_up_logging(settings: AppSettings) -> None:
    """Send all that this process logs, whoever logs it, to standard error in one form."""
    handler = LogHandler(with_texts=settings.log_texts)
    handler.setFormatter(json_formatter() if settings.log == "json" else TextFormatter())
    level = logging.getLevelName(settings.log_level.upper())
    root = logging.getLogger()
    for other in [one for one in root.handlers if isinstance(one, LogHandler)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    # Every server of uvicorn, Gradio's too, would otherwise set up loggers of its own.
    LOGGING_CONFIG.update(formatters={}, handlers={}, loggers={})
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # of a server that began before
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


class LogHandler(logging.StreamHandler):  # type: ignore[type-arg] # of any stream
    """Writes records in which nothing is left that could break a line or quote a visitor."""

    def __init__(self, *, with_texts: bool) -> None:
        super().__init__()
        self.with_texts = with_texts
        """Whether messages of unexpected errors are written."""
        self._minute, self._tracebacks = 0, 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; of very many errors in one minute only that they were, and asyncio's not
        at all: a server that has no connection left has many thousands in a second.
        """
        if record.exc_info and not self._has_room():
            if record.name == "asyncio":
                return
            kind = type(record.exc_info[1]).__name__
            words = record.msg if isinstance(record.msg, str) else "An error."
            short = {"exc_info": None, "msg": f"{words} ({kind})"}
            record = logging.makeLogRecord(record.__dict__ | short)
        super().emit(record)

    def _has_room(self) -> bool:
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._minute, self._tracebacks = minute, 0
        self._tracebacks += 1
        return self._tracebacks <= MOST_TRACEBACKS

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        request = current_request()
        fields = {
            "request": "" if request is None else request.id,
            "fields": getattr(record, "fields", {}),
            "error": self._error(record),
        }
        found = {"msg": self._message(record), "args": (), **fields}
        kept = ("name", "levelno", "levelname", "created", "msecs")
        safe = logging.makeLogRecord({key: getattr(record, key) for key in kept} | found)
        return super().format(safe)

    def _message(self, record: logging.LogRecord) -> str:
        shown = record.args
        if isinstance(shown, Mapping):
            shown = {key: self._told(value) for key, value in shown.items()}
        elif shown:
            shown = tuple(map(self._told, shown))
        try:
            message = str(self._told(record.msg))
            message = message % shown if shown else message
        except (TypeError, ValueError, KeyError):
            message = str(record.msg)
        # asyncio adds a line with the task, and with it the message of its error.
        return message.partition("\n")[0] if record.name == "asyncio" else message

    def _told(self, value: object) -> object:
        return told(value, with_texts=self.with_texts) if isinstance(value, Exception) else value

    def _error(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[1] is None:
            return ""
        error = record.exc_info[1]
        if self.with_texts:
            return "".join(traceback.format_exception(error)).rstrip()
        return "".join(_traceback(error, set())).rstrip()


class TextFormatter(logging.Formatter):
    """Lines for people; what could break a line is spelled out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record that `LogHandler` has made safe."""
        request: str = getattr(record, "request", "") or "-"
        error: str = getattr(record, "error", "")
        words = f"{record.getMessage()}\n{error}" if error else record.getMessage()
        when = timestamp(record.created)
        line = visible(words).replace("\\u000a", "\\n")
        return f"{when} {record.levelname} {record.name} [{request}] {line}"


class _OneLineJson(JsonFormatter):
    """Fields of our own in place of those that logging gives a record."""

    def process_log_record(self, log_record: dict[str, object]) -> dict[str, object]:
        """Return the fields in their order, without those that are empty."""
        fields = log_record.pop("fields", None)
        kept = {key: value for key, value in log_record.items() if value not in ("", None)}
        return kept | (fields if isinstance(fields, dict) else {})

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Return the time of a record."""
        return timestamp(record.created)


def json_formatter() -> logging.Formatter:
    """Return the formatter that writes each record as a JSON object."""
    names = {"asctime": "time", "levelname": "level", "name": "logger"}
    fields = "%(asctime)s %(levelname)s %(name)s %(message)s"
    return _OneLineJson(fields, rename_fields=names)


def timestamp(seconds: float) -> str:
    """Return a time in UTC, as 2026-11-27T09:30:00.123Z."""
    milliseconds = int(seconds * 1000) % 1000
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"


def told(error: BaseException, *, with_texts: bool = False) -> str:
    """Return what the log says of an error: what may quote a visitor only `with_texts`."""
    kind = type(error).__name__
    if with_texts:
        return str(error) if isinstance(error, Blip2Error) else f"{kind}: {error}"
    if isinstance(error, Blip2Error) and not isinstance(error, TextError):
        return _DETAIL.sub("", str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {os_problem(error)}"
    return f"{kind}: {error}" if kind in _SAFE else kind


def _traceback(error: BaseException, seen: set[int]) -> Iterator[str]:
    """Yield the lines of a traceback, the error that led to this one first."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _traceback(before, seen)
        yield "This led to:\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{told(error)}\n"
    for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _traceback(one, seen)
