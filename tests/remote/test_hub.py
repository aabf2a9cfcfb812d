"""Names on the Hub, bytes that are checked, and what its client says in words."""

import hashlib
from pathlib import Path

import pytest

from blip2core.errors import IntakeError
from blip2core.remote.hub import HubFile, asking_hub, check_dataset_name, hub_problem


@pytest.mark.parametrize("name", ["ann/web", "Ann-1/web_v1.2", "a/b", "_x/0"])
def test_names_that_a_dataset_can_have(name: str) -> None:
    check_dataset_name(name, IntakeError)


@pytest.mark.parametrize(
    "name",
    [
        *("web", "a/b/c", "/b", "a/", "", "a/..", "../b", "a/b--c", "a/b..c", "a/.b", "-a/b"),
        *("a/b.git", "a/b-", "a./b", "a b/c", "a/b\n", "a/b\u202e", "a/" + "b" * 97, "ann/ö"),
    ],
)
def test_names_that_none_can_have(name: str) -> None:
    with pytest.raises(IntakeError, match="OWNER/NAME") as caught:
        check_dataset_name(name, IntakeError)
    assert "\n" not in str(caught.value) and "\u202e" not in str(caught.value)


def test_bytes_are_compared_as_git_and_the_large_storage_name_them(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"what is up, doc?")
    # The SHA-1 stands in Pro Git, section 10.2.
    small = HubFile(path="a", size=16, digest="bd9dbf5aae1a3862dd1526723246b20206e5fc37")
    large = HubFile(path="a", size=16, digest=hashlib.sha256(b"what is up, doc?").hexdigest())
    assert small.is_same(file) and large.is_same(file)
    file.write_bytes(b"what is up, Doc?")
    assert not small.is_same(file) and not large.is_same(file)
    file.write_bytes(b"what is up, doc?!")
    assert not small.is_same(file)


class OfflineModeIsEnabled(ConnectionError):  # noqa: N818
    """Has the name that the client's has."""


class TransportError(Exception):
    """Has the name that the HTTP library's has."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OfflineModeIsEnabled("5ecre7"), "HF_HUB_OFFLINE"),
        (TransportError("5ecre7"), "cannot be reached"),
        (OSError(28, "No space left on device", "/data/a.png"), "No space left on device: /data"),
        (KeyError("5ecre7"), "could not be used for ann/web (KeyError)"),
    ],
)
def test_errors_of_the_client_are_one_sentence(error: Exception, said: str) -> None:
    wrapped = RuntimeError("5ecre7")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        with pytest.raises(IntakeError) as caught, asking_hub("ann/web", IntakeError):
            raise one
        assert said in str(caught.value) and "5ecre7" not in str(caught.value)
        assert caught.value.__cause__ is None, "a traceback in a log would quote it"


def test_errors_of_ours_and_interruptions_pass() -> None:
    for kind in (IntakeError, KeyboardInterrupt):
        with pytest.raises(kind, match="as it is"), asking_hub("ann/web", IntakeError):
            raise kind("as it is")


def test_errors_that_wrap_each_other_end() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert "ValueError" in hub_problem(first, "ann/web")
