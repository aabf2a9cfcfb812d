"""What storages say, in words that have no secrets; and a library that is missing."""

import errno
import logging
import sys
from collections.abc import Iterator

import pytest

from blip2core.errors import IntakeError
from blip2core.remote import filesystems
from blip2core.remote.addresses import parse_address
from blip2core.remote.filesystems import open_filesystem, storage_problem

ADDRESS = parse_address("s3://bucket/folder", IntakeError)
SECRET = "X-Amz-Signature=5ecre7"


class NoCredentialsError(Exception):
    """Has the name that botocore's has."""


class ClientConnectorError(OSError):
    """Has the name that aiohttp's has."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(SECRET), "nothing of this name"),
        (PermissionError(SECRET), "do not allow it; set AWS_ACCESS_KEY_ID"),
        (NoCredentialsError(SECRET), "no credentials were found; set AWS_ACCESS_KEY_ID"),
        (ClientConnectorError(SECRET), "cannot be reached"),
        (ConnectionResetError(SECRET), "cannot be reached"),
        (TimeoutError(SECRET), "too slow"),
        (OSError(errno.ENOSPC, SECRET), "No space left on device; free some space"),
        (OSError(SECRET), "failed (OSError)"),
        (ValueError(SECRET), "failed (ValueError)"),
    ],
)
def test_an_error_is_told_without_the_words_of_its_library(error: Exception, said: str) -> None:
    told = storage_problem(error, ADDRESS)
    assert said in told and "5ecre7" not in told


def test_a_missing_library_is_told_with_the_line_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(IntakeError, match=r"s3:// needs .* pip install 'blip2-studio\[remote\]'"):
        open_filesystem(ADDRESS, IntakeError)


@pytest.fixture
def unset_levels() -> Iterator[None]:
    """The loggers of the libraries as they are at first."""
    loggers = [logging.getLogger(name) for name in filesystems.LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.mark.usefixtures("unset_levels")
def test_the_libraries_log_nothing_unless_asked_to(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("s3fs").setLevel(logging.DEBUG)
    open_filesystem(parse_address("memory://a", IntakeError), IntakeError)
    for name in ("gcsfs.retry", "s3fs"):
        logging.getLogger(name).error("signature=5ecre7")
    assert [record.name for record in caplog.records] == ["s3fs"]
