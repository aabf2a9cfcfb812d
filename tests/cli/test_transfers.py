"""Commands read from other storages; how far they are stands on standard error."""

import io
import json
from collections.abc import Iterator

import fsspec
import pytest

from blip2core.cli import main
from blip2core.cli.transfers import TransferLine
from blip2core.remote.transfers import Transfer
from tests.cli.conftest import Shell
from tests.intake.making import png


@pytest.fixture
def bucket() -> Iterator[None]:
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    storage.pipe({"/bucket/a.png": png(1), "/bucket/a.txt": b"a red bird", "/bucket/b.png": b"no"})
    yield
    storage.store.clear()


@pytest.mark.usefixtures("bucket")
def test_intake_of_a_bucket_shows_the_sums(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intake", "memory://bucket", "--json"]) == 0
    output = capsys.readouterr()
    image, problem, counts = map(json.loads, output.out.splitlines())
    assert (image["name"], image["texts"]) == ("a.png", ["a red bird"])
    assert problem["name"] == "b.png"
    assert (counts["images_read"], counts["images_new"], counts["texts_new"]) == (2, 1, 1)
    assert output.err == f"3 of 3 files, {len(png(1)) + 12} bytes of {len(png(1)) + 12} bytes\n"


@pytest.mark.usefixtures("bucket", "loaded")
def test_capfilt_imports_from_a_bucket(shell: Shell) -> None:
    problem, counts, *_ = shell.rows("capfilt", "run", "memory://bucket", "--dataset", "web")
    assert problem["name"] == "b.png"
    assert (counts["imported"], counts["problems"], counts["texts_new"]) == (1, 1, 1)
    error = shell.error("capfilt", "run", "s3://key:5ecre7@bucket", "--dataset", "new")
    assert "name or password" in error and "5ecre7" not in error
    assert "new" not in {row.get("dataset") for row in shell.rows("capfilt", "status")}


def test_what_is_wrong_is_one_line_without_the_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intake", "s3://key:5ecre7@bucket"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "name or password" in error and "5ecre7" not in error


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_on_a_terminal_and_few_in_a_log() -> None:
    terminal, log = Terminal(), io.StringIO()
    for number in range(1, 251):
        told = Transfer(files=number, all_files=250, bytes=number, all_bytes=250)
        TransferLine(terminal)(told)
        TransferLine(log)(told)
    assert terminal.getvalue().count("\r") == 250 and terminal.getvalue().count("\n") == 1
    assert [line.split(" of ")[0] for line in log.getvalue().splitlines()] == ["100", "200", "250"]
