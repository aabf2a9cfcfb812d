"""Each way in which a start fails: one sentence that says what is wrong and what to do."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.__main__ import serve
from app.serving.ports import listen
from app.serving.run import run
from app.serving.start_checks import may_write
from blip2core.bundled import CHECKPOINTS

NOBODY = 65_534
WAYS = {"both": "1", "alone": "0"}


@pytest.fixture(autouse=True)
def _a_bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("BLIP2_", "GRADIO_SERVER", "SPACE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BLIP2_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BLIP2_OPEN_BROWSER", "0")
    # Not what models say that an earlier test began to load.
    monkeypatch.setenv("BLIP2_LOG_LEVEL", "error")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """What a setting may name, by the word that stands for it in the table."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "garbage").write_text("garbage " * 1000)
    model = tmp_path / "model"
    model.mkdir()
    shutil.copy(CHECKPOINTS / "stickers-opt" / "config.json", model)
    (model / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ...")
    return {name.name: str(name) for name in tmp_path.iterdir()}


@pytest.fixture
def taken() -> Iterator[str]:
    with listen("127.0.0.1", None) as other:
        yield str(other.getsockname()[1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("PORT={taken}", "{taken} of 127.0.0.1 is taken: choose another port with BLIP2_PORT"),
        ("METRICS=1 METRICS_PORT={taken}", "{taken} .* is taken: .* BLIP2_METRICS_PORT"),
        ("HOST=no.such.host.invalid OPEN=1", "BLIP2_HOST: there is no host called .*0.0.0.0"),
        ("GRADIO_SERVER_NAME=no.such.host.invalid OPEN=1", "GRADIO_SERVER_NAME: there is no host"),
        ("HOST=192.0.2.1 OPEN=1", "BLIP2_HOST: 192.0.2.1 is not an address of this machine"),
        ("HOST=0.0.0.0", "BLIP2_USERS .* BLIP2_OPEN=1"),
        ("GRADIO_SERVER_PORT=abc", "GRADIO_SERVER_PORT must be a whole number: correct it"),
        ("GRADIO_SERVER_PORT=70000", "GRADIO_SERVER_PORT must be 1 to 65535: correct it"),
        ("GRADIO_NUM_PORTS=-1", "GRADIO_NUM_PORTS must be a whole number: correct it"),
        ("PORT=abc", "BLIP2_PORT: .* Port to listen on"),
        ("DEVICE=gpu", "BLIP2_DEVICE: .* auto, cpu, cuda"),
        ("LOG=xml", "BLIP2_LOG: Input should be 'text' or 'json'"),
        ("USERS=", "BLIP2_USERS: is empty; give it a value, or leave the variable out"),
        ("USERS={folder}", "The file of users cannot be read: Is a directory"),
        ("USERS={binary}", "The file of users .* is not UTF-8 text"),
        ("USERS={garbage}", "garbage, line 1: expected a new name"),
        ("USERS={garbage}/users", "cannot be made in .*garbage; name a file in a folder"),
        ("MODEL=nothing", "BLIP2_MODEL: There is no model 'nothing'. Give .* stickers-opt"),
        ("MODEL={folder}", "BLIP2_MODEL: .*config.json: not a checkpoint"),
        ("MODEL={model}", "BLIP2_MODEL: .* bytes in place of .* Copy the checkpoint again"),
        ("MODEL=stickers-itm", "stickers-itm scores texts and writes none"),
        ("MATCHER=stickers-opt", "BLIP2_MATCHER"),
        ("MATCHER=nothing", "BLIP2_MATCHER: There is no model 'nothing'"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    settings: str,
    said: str,
    way: str,
    files: dict[str, str],
    taken: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BLIP2_CURATOR", WAYS[way])
    for setting in settings.format(taken=taken, **files).split(" "):
        name, _, value = setting.partition("=")
        monkeypatch.setenv(name if name.startswith("GRADIO") else f"BLIP2_{name}", value)
    assert run(serve) == 2
    assert_one_sentence(capsys.readouterr().err, said.replace("{taken}", taken))


def assert_one_sentence(told: str, said: str) -> None:
    assert re.search(said, told), told
    assert told.count("\n") == 1 and "Traceback" not in told


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BLIP2_DATABASE_URL", "mysql://ada:secret@host/name", "use sqlite or postgresql"),
        ("BLIP2_DATABASE_URL", "{garbage}", "(?i)database"),
        ("BLIP2_DATABASE_URL", "{folder}", "(?i)database"),
        ("BLIP2_DATABASE_URL", "{garbage}/studio.db", "The folder of the database .* cannot be"),
        ("BLIP2_DATA", "{garbage}", "The folder of the database .* set BLIP2_DATA"),
    ],
)
def test_a_database_that_cannot_be_opened(
    name: str,
    value: str,
    said: str,
    files: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value.format(**files))
    assert run(serve) == 2
    told = capsys.readouterr().err
    assert_one_sentence(told, said)
    assert "secret" not in told


def test_a_database_that_does_not_answer_may_do_so_soon(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service manager starts again what ended with 1, and leaves what ended with 2."""
    monkeypatch.setenv("BLIP2_DATABASE_URL", "postgresql://ada:secret@127.0.0.1:1/x")
    assert run(serve) == 1
    told = capsys.readouterr().err
    assert_one_sentence(told, "(?i)database.*port 1")
    assert "secret" not in told


@pytest.fixture
def stranger() -> Iterator[None]:
    """Somebody who owns nothing here and may do nothing special."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "BLIP2_USERS",
            "cannot be made in .*; name a file in a folder that this user may write to",
        ),
        ("BLIP2_DATA", r"cannot be written \(Permission denied\); set BLIP2_DATA"),
    ],
)
def test_a_folder_of_somebody_else(
    name: str,
    said: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    closed = Path("/tmp") / f"blip2-closed-{os.getpid()}"
    closed.mkdir(mode=0o555)
    try:
        # That of these tests is closed to them as well, and would be named first.
        monkeypatch.setattr("app.serving.run.make_upload_folder", lambda: None)
        request.getfixturevalue("stranger")
        assert not may_write(closed)
        monkeypatch.setenv(name, str(closed / "inside"))
        assert run(serve) == 2
        assert_one_sentence(capsys.readouterr().err, said)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        closed.rmdir()


def test_a_port_that_needs_other_rights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "127.0.0.1:80")

    monkeypatch.setattr("app.serving.start_checks.listen", refuse)
    monkeypatch.setenv("BLIP2_PORT", "80")
    assert run(serve) == 2
    assert_one_sentence(capsys.readouterr().err, "BLIP2_PORT: port 80 needs other rights; take one")
