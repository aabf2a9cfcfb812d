"""Addresses of other storages: s3://bucket/folder, gs://, hf://datasets/owner/name, file://."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from blip2core.arguments import ADDRESS
from blip2core.errors import Blip2Error
from blip2core.texts import visible

Protocol = Literal["s3", "gs", "hf", "memory", "file"]
PROTOCOLS: dict[str, Protocol] = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "hf": "hf",
    "memory": "memory",
    "file": "file",
}
"""What stands before `://`, in lower case -> the storage."""
PORT = re.compile(r"[\w.-]+:\d{1,5}")
"""A host with a port, which is no password."""
LONGEST_ADDRESS = 2_000
"""Characters."""
LONGEST_SHOWN = 200
"""Characters of an address in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A file or folder in another storage; it has no credentials in it."""

    protocol: Protocol
    path: str
    """bucket/folder; for `file` an absolute path. Without a slash at its end."""

    def __str__(self) -> str:
        return f"{self.protocol}://{self.path}"

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]


def is_address(text: object) -> bool:
    """Return whether a text begins as an address, of whichever storage."""
    return isinstance(text, str) and ADDRESS.match(text) is not None


def shown_address(text: str) -> str:
    """Return an address for an error or a log: without what may be a secret, and on one line.

    A name, a password and a query are left out. A secret key may have slashes in it, so where there
    is an @ nothing before the last one is shown.
    """
    protocol, separator, rest = text.partition("://")
    if not separator:
        return visible(text[:LONGEST_SHOWN])
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    if "@" in rest or (":" in host and not PORT.fullmatch(host)):
        host, slash, path = "…", "", ""
    return visible(f"{protocol}://{host}{slash}{path}"[:LONGEST_SHOWN])


def parse_address(text: str, error: type[Blip2Error]) -> Address:
    """Return the storage and the path that an address means.

    Raises `error` where it is of no storage that is known, names nothing, leads out of its bucket,
    or has credentials in it.
    """
    start, _, rest = text.partition("://")
    protocol = PROTOCOLS.get(start.lower())
    if protocol is None:
        raise error(
            f"{shown_address(text)} is an address that is not read: download it, then give the "
            "file. Known are s3://, gs://, hf:// and file://."
        )
    host, _, path = rest.partition("/")
    if "@" in host or ":" in host:
        raise error(
            f"The address {start}://… has a name or password in it, which others can read where "
            "commands are kept: leave it out, and give it to the storage's own library, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if "?" in rest and protocol != "file":
        raise error(
            f"The address {shown_address(text)} has a query (?…) in it, which may be a secret: "
            "leave it out."
        )
    if len(text) > LONGEST_ADDRESS or visible(text) != text:
        raise error("The address is too long, or has characters in it that nobody sees.")
    if protocol == "file":
        if host not in ("", "localhost"):
            raise error(f"{shown_address(text)} names another machine: write file:///folder.")
        return Address(protocol=protocol, path=unquote(f"/{path}").rstrip("/") or "/")
    parts = [part for part in rest.split("/") if part]
    if not parts:
        raise error(f"{start}:// names nothing: write {start}://bucket/folder.")
    if ".." in parts or "." in parts:
        raise error(f"{shown_address(text)} has a part that leads elsewhere: leave out the dots.")
    return Address(protocol=protocol, path="/".join(parts))
