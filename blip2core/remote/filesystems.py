"""The library that speaks with a storage, and what it says in words that have no secrets."""

import logging
import os
from typing import Any

from blip2core.errors import Blip2Error, way_out
from blip2core.remote.addresses import Address

INSTALL = "pip install 'blip2-studio[remote]'"
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=1 for a public bucket",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or FSSPEC_GS_TOKEN=anon for a public bucket",
}
"""Where the libraries look for them."""
LOGGERS = ("aiobotocore", "botocore", "fsspec", "gcsfs", "google", "s3fs")
"""What the libraries log under: each try that fails with a traceback, and addresses with signatures
in them; what matters of it is in the error that they raise.
"""
PARTS_OF_NAMES = {
    "Credential": "no credentials were found",
    "RefreshError": "the credentials have run out",
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": "there is no such object",
    "Timeout": "the storage is too slow",
    "Connect": "the storage cannot be reached",
}
"""Part of the name of an error's class -> what it says. The libraries have classes of their own."""


def open_filesystem(address: Address, error: type[Blip2Error]) -> Any:
    """Return the file system of fsspec that an address is of.

    Raises `error` where its library is not installed or cannot begin.
    """
    import fsspec

    for name in LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:  # else somebody wants to read it
            logger.setLevel(logging.CRITICAL)
    try:
        return fsspec.filesystem(address.protocol, use_listings_cache=False)
    except ImportError as missing:
        raise error(
            f"{address.protocol}:// needs a library that is not installed: {INSTALL}"
        ) from missing
    except Exception as failed:
        # Not `from failed` here and below: what the libraries say may have a signed address in it.
        raise error(f"{address} cannot be opened: {storage_problem(failed, address)}.") from None


def storage_problem(error: Exception, address: Address) -> str:
    """Return what went wrong in a storage, as the end of a sentence. Nothing that its library says
    is quoted.
    """
    if isinstance(error, FileNotFoundError):
        return "there is nothing of this name"
    if isinstance(error, PermissionError):
        return f"the credentials do not allow it{_hint(address)}"
    kinds = " ".join(kind.__name__ for kind in type(error).__mro__)
    for part, words in PARTS_OF_NAMES.items():
        if part in kinds:
            return words + (_hint(address) if part == "Credential" else "")
    if isinstance(error, OSError) and error.errno:  # of this machine, such as a full disk
        return f"{os.strerror(error.errno)}{way_out(error)}"
    return f"the storage failed ({type(error).__name__})"


def _hint(address: Address) -> str:
    where = CREDENTIALS.get(address.protocol)
    return f"; set {where}" if where else ""
