"""The Hugging Face Hub: its client, names of datasets on it, and what it says in words.

The token is the user's own, of HF_TOKEN or of `hf auth login`; only the client ever has it.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blip2core.errors import Blip2Error, os_problem
from blip2core.remote.addresses import shown_address

NAME = re.compile(
    r"(?!.*(?:--|\.\.|[.-]/|[.-]$|\.git$))"  # nowhere in it
    r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
)
"""OWNER/NAME, as the Hub takes them."""
LOG_IN = "`hf auth login`, or set HF_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a dataset on the Hub, as the Hub describes it."""

    path: str
    """Relative to the dataset. Hostile text."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256 of the bytes, where the file is large; else the SHA-1 that git knows it by; hex."""

    def is_same(self, file: Path) -> bool:
        """Return whether a file here has these bytes. Raises OSError where it cannot be read."""
        if file.stat().st_size != self.size:
            return False
        with file.open("rb") as opened:
            if len(self.digest) == 64:
                return hashlib.file_digest(opened, "sha256").hexdigest() == self.digest
            digest = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
            while block := opened.read(1 << 20):
                digest.update(block)
        return digest.hexdigest() == self.digest


def check_dataset_name(name: str, error: type[Blip2Error]) -> None:
    """Raise `error` where a name is none that a dataset on the Hub can have."""
    last = name.rpartition("/")[2]
    if (
        not NAME.fullmatch(name)
        or ".." in name
        or "--" in name
        or last.endswith((".", "-", ".git"))
    ):
        raise error(
            f"{shown_address(name)} is no name of a dataset on the Hub: write OWNER/NAME, with "
            "letters, digits, - _ and dots, such as ann/web-v1."
        )


def hub_client() -> Any:
    """Return the client, an HfApi. Which Hub is asked says HF_ENDPOINT."""
    from huggingface_hub import HfApi

    return HfApi(library_name="blip2-studio")


def hub_files(entries: Any) -> Iterator[HubFile]:
    """Yield the files among what the client lists of a dataset; the folders are left out."""
    from huggingface_hub.hf_api import RepoFile

    for entry in entries:
        if isinstance(entry, RepoFile):
            digest = entry.lfs.sha256 if entry.lfs is not None else entry.blob_id
            size = entry.lfs.size if entry.lfs is not None else entry.size
            yield HubFile(path=str(entry.path), size=int(size), digest=str(digest))


@contextmanager
def asking_hub(name: str, error: type[Blip2Error]) -> Iterator[None]:
    """Ask the Hub about a dataset of this name: within the block its client neither logs nor draws
    bars, and what goes wrong is raised as `error`, in one sentence that says what to do.
    """
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )

    drew, level = not are_progress_bars_disabled(), logging.get_verbosity()
    disable_progress_bars()
    # What it warns of are addresses with signatures in them, where a transfer is tried again.
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    except (Blip2Error, MemoryError):
        raise
    except Exception as failed:
        # Not `from failed`: a traceback in a log would quote what the client says.
        raise error(hub_problem(failed, name)) from None
    finally:
        logging.set_verbosity(level)
        if drew:
            enable_progress_bars()


def hub_problem(error: BaseException, name: str) -> str:
    """Return what the Hub's client has against it, in one sentence; it quotes nothing that it says.

    The client raises errors of its own, of two HTTP libraries, and wraps them in others.
    """
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) and inner not in chain:
        chain.append(inner)
    for one in chain:
        if said := _problem(one, name):
            return said
    return (
        f"The Hub could not be used for {name} ({type(chain[-1]).__name__}): try the same later; "
        "what is done stays done."
    )


def _problem(error: BaseException, name: str) -> str:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "OfflineModeIsEnabled" in kinds:
        return "HF_HUB_OFFLINE forbids it to ask the Hub: unset it, and do the same again."
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int) and status >= 400:
        return _refusal(status, kinds, name)
    if {"TransportError", "Timeout", "ConnectionError", "ConnectError"} & kinds:
        return (
            f"The Hub cannot be reached for {name}, or the connection broke: do the same again, "
            "and it goes on where it was."
        )
    if isinstance(error, OSError) and error.errno and error.strerror and error.filename:
        return f"{os_problem(error)}."  # of this machine, such as a full disk
    return ""


def _refusal(status: int, kinds: set[str], name: str) -> str:
    """Return what a status of HTTP means for a dataset."""
    if "GatedRepoError" in kinds:
        return f"{name} is given only to whoever asks for it: do that on its page on the Hub."
    if "RevisionNotFoundError" in kinds:
        return f"{name} has no such revision: name a branch, a tag or a commit of it."
    if status == 401 and "RepositoryNotFoundError" not in kinds:
        return f"The Hub does not take the token (401): {LOG_IN} with a new one."
    if status in (401, 404):
        return (
            f"There is no dataset {name} on the Hub, or it is private and your token may not read "
            f"it: look at the name, or {LOG_IN}."
        )
    if status == 403:
        return (
            f"The token may not do this with {name} (403): make one that may, at "
            "https://huggingface.co/settings/tokens."
        )
    if status == 429:
        return "The Hub asks to wait (429): do the same again later, and it goes on where it was."
    if status == 409:
        return f"{name} is there already, or somebody changed it meanwhile (409): look at it first."
    if status >= 500:
        return f"The Hub has a problem of its own ({status}): do the same again later."
    return f"The Hub refuses this for {name} ({status})."
