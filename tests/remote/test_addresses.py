"""Addresses of other storages: what they may be, and that no secret in one is ever shown."""

import pytest

from blip2core.errors import IntakeError
from blip2core.remote.addresses import is_address, parse_address, shown_address

SECRET = "wJalrXUtnFEMI/K7MDENG"


@pytest.mark.parametrize(
    ("text", "protocol", "path"),
    [
        ("s3://bucket/folder/a b.zip", "s3", "bucket/folder/a b.zip"),
        ("S3://bucket/", "s3", "bucket"),
        ("gcs://bucket//folder/", "gs", "bucket/folder"),
        ("hf://datasets/ann/web@v1", "hf", "datasets/ann/web@v1"),
        ("memory://a", "memory", "a"),
        ("file:///data/a%20b/", "file", "/data/a b"),
        ("file://localhost/data", "file", "/data"),
        ("s3://bucket/name@with:signs", "s3", "bucket/name@with:signs"),
    ],
)
def test_addresses_that_are_known(text: str, protocol: str, path: str) -> None:
    address = parse_address(text, IntakeError)
    assert (address.protocol, address.path) == (protocol, path)
    assert address.name == path.rpartition("/")[2]
    assert str(address) == f"{protocol}://{path}"


@pytest.mark.parametrize(
    "text",
    [
        f"s3://AKIA:{SECRET}@bucket/folder",
        f"s3://AKIA:{SECRET}/folder",
        "s3://wJalrXUtnFEMI@bucket/folder",
        f"gs://bucket/a?X-Goog-Signature={SECRET}",
        f"https://ann:{SECRET}@example.org/a.zip?token={SECRET}",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(IntakeError) as caught:
        parse_address(text, IntakeError)
    for part in ("wJalr", "K7MDEN", "AKIA"):
        assert part not in str(caught.value).replace("AWS_ACCESS_KEY_ID", "")
        assert part not in shown_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://host/a", "download it"),
        ("s3://", "names nothing"),
        ("s3:///", "names nothing"),
        ("s3://bucket/../other", "leads elsewhere"),
        ("file://server/share", "another machine"),
        ("s3://bucket/a\u202eb", "nobody sees"),
        ("s3://bucket/" + "a" * 3_000, "too long"),
        ("s3://bucket/a\0b", "nobody sees"),
    ],
)
def test_addresses_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(IntakeError, match=reason) as caught:
        parse_address(text, IntakeError)
    assert len(str(caught.value)) < 500


def test_what_is_an_address() -> None:
    assert is_address("s3://bucket") and is_address("https://example.org")
    assert not is_address("C:\\images") and not is_address("/data/s3") and not is_address(None)
    assert shown_address("http://localhost:8080/a") == "http://localhost:8080/a"
    assert shown_address("folder/a\nb") == "folder/a\\u000ab"
