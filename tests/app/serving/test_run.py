"""What is said where the studio cannot start."""

import pytest

from app.serving import run as module
from app.serving.ports import taken
from app.serving.run import run
from app.settings import AppSettings


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
    def serve(settings: AppSettings) -> tuple[str, object]:
        raise error

    assert run(serve) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_open_to_everybody_unsaid_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("BLIP2_HOST", "0.0.0.0")
    assert run(lambda settings: ("", lambda: pytest.fail("it was served"))) == 2
    assert "BLIP2_OPEN=1" in capsys.readouterr().err


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLIP2_PORT", "none")
    assert run(lambda settings: ("", lambda: None)) == 2
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
    assert run(lambda settings: ("http://here/", lambda: None)) == 0
    assert opened == (["http://here/"] if asked and screen else [])


def test_it_waits_for_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    waited: list[bool] = []
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("BLIP2_OPEN_BROWSER", "0")
        assert run(lambda settings: ("http://here/", lambda: waited.append(True))) == 0
    assert waited and capsys.readouterr().out == "BLIP-2 Studio: http://here/\n"
