"""From start to end: what is said where the studio cannot start, and how a signal ends it."""

import json
import os
import signal
from collections.abc import Callable

import pytest

from app.serving import run as module
from app.serving.ports import taken
from app.serving.run import run
from app.settings import AppSettings
from blip2core.errors import UnavailableError


class FakeServed:
    """Ends by itself after so many looks, or is ended; does something when it is looked at."""

    address = "http://here/"

    def __init__(
        self,
        *,
        looks: int = 1_000,
        at_look: Callable[[], object] = lambda: None,
        at_close: Callable[[], object] = lambda: None,
    ) -> None:
        self.looks, self.at_look, self.at_close, self.closed = looks, at_look, at_close, 0

    def is_served(self) -> bool:
        if not self.looks:
            return False
        self.looks -= 1
        self.at_look()
        self.at_look = lambda: None
        return True

    def close(self) -> None:
        self.closed += 1
        self.at_close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (taken("Port 7860 is"), "Port 7860 is taken: choose another port with BLIP2_PORT."),
        (
            FileNotFoundError(2, "No such file or directory", "/srv/users"),
            "The studio cannot start: No such file or directory: /srv/users.",
        ),
        (
            PermissionError(13, "Permission denied", "/srv/data"),
            "The studio cannot start: Permission denied: /srv/data.",
        ),
        (OSError("Something else"), "The studio cannot start: Something else."),
    ],
)
def test_each_error_is_called_what_it_is(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(settings: AppSettings) -> FakeServed:
        raise error

    assert run(serve) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_what_may_pass_has_another_code(capsys: pytest.CaptureFixture[str]) -> None:
    def serve(settings: AppSettings) -> FakeServed:
        raise UnavailableError("The database does not answer.")

    assert run(serve) == 1
    assert capsys.readouterr().err == "The database does not answer.\n"


def test_an_issuer_that_others_could_play_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLIP2_OIDC_ISSUER", "http://login.example.com")
    served: list[AppSettings] = []

    def serve(settings: AppSettings) -> FakeServed:
        served.append(settings)
        return FakeServed(looks=0)

    assert run(serve) == 2 and not served
    said = capsys.readouterr().err
    assert said.startswith("BLIP2_OIDC_ISSUER: must be an address that begins with https://;")
    assert len(said.splitlines()) == 1


def test_open_to_everybody_unsaid_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("BLIP2_HOST", "0.0.0.0")
    assert run(lambda settings: pytest.fail("it was served")) == 2
    assert "BLIP2_OPEN=1" in capsys.readouterr().err


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLIP2_PORT", "none")
    assert run(lambda settings: pytest.fail("it was served")) == 2
    assert capsys.readouterr().err.startswith("BLIP2_PORT: ")


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("screen", [True, False])
def test_a_browser_opens_where_it_is_wanted_and_there_is_a_screen(
    asked: bool, screen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setenv("BLIP2_OPEN_BROWSER", str(int(asked)))
    monkeypatch.setattr(module, "has_screen", lambda: screen)
    monkeypatch.setattr(module.webbrowser, "open", opened.append)
    assert run(lambda settings: FakeServed(looks=0)) == 1
    assert opened == (["http://here/"] if asked and screen else [])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLIP2_OPEN_BROWSER", "0")
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


@pytest.mark.usefixtures("quick")
def test_it_ends_with_its_server(capsys: pytest.CaptureFixture[str]) -> None:
    served = FakeServed(looks=3)
    assert run(lambda settings: served) == 1  # so that whoever started it starts it again
    assert served.looks == 0 and served.closed == 1
    assert capsys.readouterr().out == (
        "BLIP-2 Studio: http://here/\n"
        "Stopping: the batch that is under way is finished first.\nStopped.\n"
    )


@pytest.mark.usefixtures("quick")
def test_where_the_log_is_json_all_that_is_said_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """But the address, which whoever started it reads."""
    monkeypatch.setenv("BLIP2_LOG", "json")
    assert run(lambda settings: FakeServed(looks=1)) == 1
    printed = capsys.readouterr()
    assert printed.out == "BLIP-2 Studio: http://here/\n"
    lines = [json.loads(line) for line in printed.err.splitlines()]
    assert [(one["level"], one["logger"], one["message"]) for one in lines] == [
        ("INFO", "app.serving.run", "Stopping: the batch that is under way is finished first."),
        ("INFO", "app.serving.run", "Stopped."),
    ]

    def serve(settings: AppSettings) -> FakeServed:
        raise taken("Port 7860 is")

    assert run(serve) == 2
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert line["level"] == "ERROR" and line["message"].startswith("Port 7860 is taken")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_in_the_same_way(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs that wait go on before there is an address."""
    served = FakeServed()

    def serve(settings: AppSettings) -> FakeServed:
        os.kill(os.getpid(), number)
        return served

    assert run(serve) == 0
    assert served.closed == 1 and capsys.readouterr().out.endswith("Stopped.\n")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_a_second_one_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    ended: list[bool] = []

    def at_once(*_: object) -> None:
        ended.append(True)

    signal.signal(number, at_once)
    try:
        served = FakeServed(
            at_look=lambda: os.kill(os.getpid(), number),
            at_close=lambda: os.kill(os.getpid(), number),
        )
        assert run(lambda settings: served) == 0
        assert served.closed == 1 and ended == [True]
        assert signal.getsignal(number) == at_once
    finally:
        signal.signal(number, before)
