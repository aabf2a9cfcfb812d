"""A finished export, copied to another storage such as a bucket of S3; the manifest comes last, so
that what has one is complete.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blip2core.errors import Blip2Error, ExportError
from blip2core.exports.finished import ExportedFile, finished_export
from blip2core.exports.output import MANIFEST_NAME, SUMS
from blip2core.remote.addresses import Address
from blip2core.remote.filesystems import open_filesystem, storage_problem
from blip2core.remote.transfers import ShowTransfer, Transfer, show_nothing
from blip2core.texts import visible

WORKERS = 8
"""Files sent side by side."""


def check_free(address: Address) -> None:
    """Raise ExportError where an address is taken, or cannot be looked at: nothing is ever added to
    what is there. What an upload that broke off left there is no hindrance.
    """
    _begun(open_filesystem(address, ExportError), address)


def upload_export(folder: Path, address: Address, *, show: ShowTransfer = show_nothing) -> int:
    """Copy a finished export to an address -> the number of files that were sent.

    An upload that broke off goes on: SHA256SUMS is sent first and says of which export it is, and
    what has arrived in its full size is not sent again. Raises ExportError where the address is
    taken, the folder is no finished export, or the storage fails.
    """
    files = finished_export(folder)
    storage = open_filesystem(address, ExportError)
    sums, *others, manifest = files
    with _telling(address):
        begun = _begun(storage, address)
        if begun and storage.cat_file(f"{address.path}/{SUMS}") != sums.path.read_bytes():
            raise ExportError(
                f"{address} has part of another export: delete it, or name another address."
            )
        there = _sizes(storage, address)
        _refuse_others(address, files, there)
        if not begun:
            _put(storage, address, sums)
        missing = [file for file in others if there.get(file.name) != file.size]
        _put_all(storage, address, missing, show)
        there = _sizes(storage, address)
        if lost := next((one for one in others if there.get(one.name) != one.size), None):
            raise ExportError(f"{address} has not kept {visible(lost.name)}: export again.")
        _put(storage, address, manifest)
    return len(missing) + 1 + (not begun)


def _begun(storage: Any, address: Address) -> bool:
    """Return whether an upload to an address broke off. ExportError where it is taken."""
    with _telling(address):
        names = set(_top_names(storage, address))
    if MANIFEST_NAME in names or (names and SUMS not in names):
        raise ExportError(f"{address} exists already: name a new address for the export.")
    return bool(names)


def _top_names(storage: Any, address: Address) -> Iterator[str]:
    """Yield the names directly at an address; none where there is nothing."""
    try:
        found = storage.ls(address.path, detail=False)
    except FileNotFoundError:
        return
    for name in found:
        if str(name).strip("/") != address.path:
            yield str(name).rstrip("/").rpartition("/")[2]
        elif storage.isfile(address.path):  # else it only marks the folder
            yield ""


def _sizes(storage: Any, address: Address) -> dict[str, int]:
    """Return the names of the objects below an address, relative to it, with their bytes."""
    root = str(storage._strip_protocol(address.path)).rstrip("/") + "/"
    found = storage.find(address.path, detail=True)
    return {
        name.removeprefix(root): info["size"]
        for name, info in found.items()
        if not name.endswith("/")
    }


def _refuse_others(address: Address, files: list[ExportedFile], there: dict[str, int]) -> None:
    ours = {file.name for file in files}
    if other := next((name for name in there if name not in ours), None):
        raise ExportError(
            f"{address} has {visible(other)}, which is no file of this export: name a new address."
        )


def _put(storage: Any, address: Address, file: ExportedFile) -> ExportedFile:
    storage.put_file(str(file.path), f"{address.path}/{file.name}")
    return file


def _put_all(storage: Any, address: Address, files: list[ExportedFile], show: ShowTransfer) -> None:
    done, arrived, all_bytes = 0, 0, sum(file.size for file in files)
    pool = ThreadPoolExecutor(WORKERS)
    try:
        tasks = [pool.submit(_put, storage, address, file) for file in files]
        for task in as_completed(tasks):
            done, arrived = done + 1, arrived + task.result().size
            show(Transfer(files=done, all_files=len(files), bytes=arrived, all_bytes=all_bytes))
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _telling(address: Address) -> Iterator[None]:
    """Raise what a storage has against it as ExportError, without the words of its library."""
    try:
        yield
    except (Blip2Error, MemoryError):
        raise
    except Exception as error:  # each library has its own
        said = storage_problem(error, address)
        raise ExportError(
            f"{address} cannot be written: {said}. The same command goes on where it was."
        ) from None
