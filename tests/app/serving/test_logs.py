"""One event is one line, whoever logs it, and no line quotes a visitor."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from sqlalchemy.exc import IntegrityError

from app.inference.pool import import_model_code
from app.request_info import RequestInfo, set_request
from app.serving.logs import MOST_TRACEBACKS, LogHandler, set_up_logging
from app.settings import AppSettings
from blip2core.errors import ModelError, StorageError, TextError

SECRET = "what the visitor wrote"
log = logging.getLogger("app.tried")


@pytest.fixture
def lines() -> Callable[..., Any]:
    """Sets up the log; returns what reads the lines written since."""

    def set_up(**settings: Any) -> Callable[[], list[str]]:
        set_up_logging(AppSettings(**settings))
        written = io.StringIO()
        (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, LogHandler)]
        handler.setStream(written)
        return lambda: written.getvalue().splitlines()

    return set_up


def fail(error: BaseException) -> None:
    try:
        raise error
    except type(error):
        log.exception("It failed.")


def test_a_line_of_text(lines: Any) -> None:
    read = lines()
    log.info("Read %d images", 3)
    set_request(RequestInfo(id="abc-1"))
    log.warning("Slow")
    first, second = read()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO app.tried \[-\] Read 3 images", first
    )
    assert second.endswith("WARNING app.tried [abc-1] Slow")


@pytest.mark.parametrize("form", ["text", "json"])
def test_hostile_names_break_no_line(lines: Any, form: str) -> None:
    read = lines(log=form)
    name = 'a\n2026 INFO app [-] forged\r\x1b[31m\u2028\u202e"}'
    log.warning("Left out: %s", name)
    fail(OSError(28, "No space left on device", name))
    assert len(read()) == 2
    shown = "".join(read())
    assert shown.isprintable() and "\x1b" not in shown and "\u202e" not in shown
    if form == "json":
        assert json.loads(read()[0])["message"] == f"Left out: {name}"


def test_a_line_of_json(lines: Any) -> None:
    read = lines(log="json")
    set_request(RequestInfo(id="abc"))
    log.info("Done", extra={"fields": {"status": 200}, "visitor": SECRET})
    found = json.loads(read()[0])
    assert list(found) == ["time", "level", "logger", "message", "request", "status"]
    assert (found["level"], found["logger"], found["request"]) == ("INFO", "app.tried", "abc")


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_unexpected_error_is_told_without_its_message(lines: Any, form: str) -> None:
    read = lines(log=form)
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(f"not {SECRET}") from error
    except ValueError:
        log.exception("It failed.")
    fail(ExceptionGroup(SECRET, [TypeError(SECRET)]))
    log.error("It failed: %s", RuntimeError(SECRET))
    log.error("%(what)s", {"what": RuntimeError(SECRET)})
    log.error(RuntimeError(SECRET))
    said = "\n".join(read())
    assert len(read()) == 5 and SECRET not in said
    for part in ("KeyError", "ValueError", "test_logs.py", "ExceptionGroup", "TypeError"):
        assert part in said
    assert "It failed: RuntimeError" in said


def test_very_many_errors_fill_no_disk(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1.7e9)  # all in one minute
    read = lines()
    for _ in range(MOST_TRACEBACKS):
        fail(RuntimeError(SECRET))
    many = len(read())
    fail(RuntimeError(SECRET))
    log.error(RuntimeError(SECRET), exc_info=RuntimeError(SECRET))
    logging.getLogger("asyncio").error("accept", exc_info=OSError(24, "Too many open files"))
    short, shorter = read()[many:]
    assert short.endswith("It failed. (RuntimeError)") and "Traceback" not in short
    assert shorter.endswith("An error. (RuntimeError)") and SECRET not in "".join(read())
    log.error("without a traceback")
    assert read()[-1].endswith("without a traceback")


def test_its_message_is_there_where_it_is_asked_for(lines: Any) -> None:
    read = lines(log_texts=True)
    fail(ValueError(SECRET))
    log.error("It failed: %s", RuntimeError(SECRET))
    assert all(SECRET in line for line in read())


def test_our_own_errors_say_what_they_say_but_no_texts(lines: Any) -> None:
    read = lines()
    cause = IntegrityError("INSERT", {"text": SECRET}, Exception(SECRET))
    refused = StorageError(f"The database refused a change: a key. DETAIL: Key ({SECRET}).")
    refused.__cause__ = cause
    for error in (ModelError("No weights."), refused, TextError(f"{SECRET} is long.")):
        log.error("A job failed: %s", error, exc_info=error)
    said = "\n".join(read())
    assert SECRET not in said
    assert "failed: No weights." in said and "failed: The database refused a change: a key." in said
    assert "failed: TextError" in said


def test_memory_that_runs_out_says_how_much(lines: Any) -> None:
    read = lines()

    class OutOfMemoryError(RuntimeError):
        pass

    fail(OutOfMemoryError("tried to allocate 20 GB"))
    assert "tried to allocate 20 GB" in read()[0]


def test_a_task_whose_error_nobody_saw(lines: Any) -> None:
    read = lines()
    loop = asyncio.new_event_loop()
    try:
        loop.call_exception_handler(
            {"message": "Task exception was never retrieved", "exception": ValueError(SECRET),
             "future": f"<Task exception=ValueError({SECRET})>"}
        )  # fmt: skip
    finally:
        loop.close()
    assert len(read()) == 1 and SECRET not in read()[0] and "never retrieved" in read()[0]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_the_level_is_that_of_our_loggers(lines: Any, level: str) -> None:
    read = lines(log_level=level)
    names = ["debug", "info", "warning", "error"]
    for name in names:
        getattr(log, name)("ours")
        getattr(logging.getLogger("httpx.tried"), name)("theirs")
    assert sum("ours" in line for line in read()) == 4 - names.index(level)
    assert sum("theirs" in line for line in read()) == (1 if level == "error" else 2)


def test_servers_and_warnings_go_through_it(lines: Any) -> None:
    read = lines()
    uvicorn.Config(
        lambda: None, log_level="warning"
    )  # as Gradio makes one, with loggers of its own
    logging.getLogger("uvicorn.error").error(
        "Exception in ASGI application\n", exc_info=ValueError(SECRET)
    )
    logging.getLogger("py.warnings").warning("%s", "file.py:1: UserWarning: old\n  line\n")
    assert len(read()) == 2 and SECRET not in "".join(read())


def test_set_up_twice_it_logs_once(lines: Any) -> None:
    lines()
    read = lines()
    log.info("once")
    assert len(read()) == 1


def test_libraries_of_models_log_through_it(lines: Any) -> None:
    read = lines()
    import_model_code()
    for name in ("transformers.tried", "huggingface_hub.tried"):
        logging.getLogger(name).warning("by %s", name)
    assert [line.partition("] ")[2] for line in read()] == [
        "by transformers.tried",
        "by huggingface_hub.tried",
    ]
