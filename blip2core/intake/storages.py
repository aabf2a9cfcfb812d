"""Objects of other storages, such as a bucket of S3, listed and brought into a folder here.

The same guards as for an archive: names that lead nowhere else, and bounds on number and bytes.
"""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from blip2core.errors import ConfigError, IntakeError
from blip2core.file_names import HIDDEN, base_name, inner_path
from blip2core.formats.files import refused_file
from blip2core.intake.limits import Limits
from blip2core.records import Problem
from blip2core.remote.addresses import Address
from blip2core.remote.filesystems import open_filesystem, storage_problem
from blip2core.remote.transfers import ShowTransfer, Transfer, megabytes, show_nothing
from blip2core.texts import count_of

BLOCK = 1 << 20
"""Bytes that are copied at once."""
TOGETHER = 64
"""Objects that are asked for before the first of them is waited for."""
FAILED = "The storage does not give it"
FAILURES_IN_A_ROW = 20
"""After so many the storage is taken for gone, and no other object is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storages:
    """That `read` may fetch from other storages by their addresses, and how much.

    Never for addresses that strangers give: they would be read with the credentials of this
    machine.
    """

    most_bytes: int = 50_000_000_000
    """What one source may hold, all objects together."""
    workers: int = 8
    """Objects fetched side by side."""
    show: ShowTransfer = show_nothing
    """Told how far it is, after each object."""

    def __post_init__(self) -> None:
        for name in ("most_bytes", "workers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} ({getattr(self, name)}) must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """An object below an address."""

    key: str
    """As its storage names it."""
    path: str
    """Relative to the address, as the storage has it. Hostile text."""
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What lies at an address."""

    address: Address
    storage: Any
    objects: tuple[_Object, ...]
    is_file: bool
    told: tuple[Problem, ...]


def list_storage(address: Address, storages: Storages, limits: Limits) -> Listing:
    """Return what lies at an address; nothing is fetched.

    Raises IntakeError where there is nothing, the storage does not say, or it is more than fits.
    """
    storage = open_filesystem(address, IntakeError)
    told: list[Problem] = []
    try:
        is_file = storage.isfile(address.path)
        below = _objects(storage, address, limits)
        found = [_one_object(storage, address)] if is_file else [*islice(below, limits.members + 1)]
    except Exception as error:  # each library has its own
        said = storage_problem(error, address)
        raise IntakeError(f"{address} cannot be read: {said}.") from None
    if not found:
        raise IntakeError(f"{address} has no files, or there is nothing of this name.")
    if len(found) > limits.members:
        found.pop()
        reason = f"Only the first {limits.members:,} objects were looked at; name a folder."
        told.append(Problem(name=str(address), reason=reason, about="source"))
    objects = [one for one in found if isinstance(one, _Object)]
    told += [one for one in found if isinstance(one, Problem)]
    _check_size(address, objects, storages)
    return Listing(
        address=address, storage=storage, objects=tuple(objects), is_file=is_file, told=tuple(told)
    )


def _check_size(address: Address, objects: list[_Object], storages: Storages) -> None:
    """Raise IntakeError where all objects together are more than is allowed, or than fits here."""
    total = sum(one.size or 0 for one in objects)
    if total > storages.most_bytes:
        raise IntakeError(
            f"{address} has {megabytes(total)} in {count_of(len(objects), 'object')}, and at most "
            f"{megabytes(storages.most_bytes)} are fetched: name a folder of it."
        )
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if total > free:
        raise IntakeError(
            f"{address} has {megabytes(total)}, and {tempfile.gettempdir()} has room for "
            f"{megabytes(free)}: name another folder with TMPDIR, or a part of it."
        )


def _one_object(storage: Any, address: Address) -> _Object:
    return _Object(key=address.path, path=address.name, size=storage.size(address.path))


def _objects(storage: Any, address: Address, limits: Limits) -> Iterator[_Object | Problem]:
    """Yield the objects below an address, folder by folder; a Problem for each folder that cannot
    be looked into. What is hidden is left out, as in a folder of this machine.

    Not by the library's own walk, which passes over folders that fail, and over empty names.
    """
    root = str(storage._strip_protocol(address.path)).rstrip("/") + "/"
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            listed = storage.ls(folder.rstrip("/"), detail=True)
        except Exception as error:  # each library has its own
            if folder == root:
                raise
            reason = f"{FAILED}: {storage_problem(error, address)}."
            yield Problem(name=folder.removeprefix(root), reason=reason, about="source")
            continue
        inner: list[str] = []
        for info in sorted(listed, key=lambda info: str(info["name"])):
            key, is_folder = str(info["name"]), info["type"] == "directory"
            path = key.removeprefix(root)
            if f"{key.rstrip('/')}/" == folder:
                if is_folder:
                    reason = "A folder without a name is not looked into; rename it."
                    yield Problem(name=path, reason=reason, about="source")
            elif HIDDEN.match(base_name(path.rstrip("/"))):
                continue
            elif not is_folder:
                if not path.endswith("/") or info.get("size"):  # else it marks a folder
                    yield _Object(key=key, path=path, size=info.get("size"))
            elif refused := _refused_folder(path, limits):
                yield refused
            else:
                inner.append(f"{key.rstrip('/')}/")
        folders += reversed(inner)


def _refused_folder(path: str, limits: Limits) -> Problem | None:
    """Return why a folder is not looked into, if so."""
    try:
        inner_path(path.rstrip("/"), depth=limits.depth)
    except IntakeError as error:
        return Problem(name=path, reason=str(error), about="source")
    return None


def bring(listing: Listing, folder: Path, storages: Storages, limits: Limits) -> Iterator[Problem]:
    """Copy objects into an empty folder; yield a Problem for each that is not brought."""
    todo = iter(listing.objects)
    done = arrived = failures = 0
    all_bytes = sum(one.size or 0 for one in listing.objects)
    with ThreadPoolExecutor(storages.workers) as pool:
        while together := list(islice(todo, TOGETHER)):
            if failures >= FAILURES_IN_A_ROW:
                left = [*together, *todo]
                reason = "The storage gave none of the last files, so no other was asked for."
                name = f"{listing.address}/{left[0].path}"
                yield Problem(name=name, reason=reason, about="source", count=len(left))
                return
            targets = [_target(one, folder, limits) for one in together]
            copies = pool.map(partial(_copied, listing, storages), together, targets)
            for copied in copies:
                done += 1
                if isinstance(copied, int):
                    arrived, failures = arrived + copied, 0
                else:
                    failures += copied.reason.startswith(FAILED)
                    yield copied
                storages.show(
                    Transfer(
                        files=done,
                        all_files=len(listing.objects),
                        bytes=arrived,
                        all_bytes=all_bytes,
                    )
                )


def _target(one: _Object, folder: Path, limits: Limits) -> Path | Problem:
    """Return where an object is written; a Problem where its name leads elsewhere or is taken."""
    try:
        path = inner_path(one.path, depth=limits.depth)
        if path != one.path:
            raise IntakeError("The name has empty parts, dots or backslashes in it; rename it.")
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(exist_ok=False)
    except IntakeError as error:
        return refused_file(one.path, str(error))
    except FileExistsError:
        return refused_file(one.path, "There are two objects of this name; the first was taken.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be used"
        return refused_file(one.path, f"A file of this name cannot be written here: {reason}.")
    return target


def _copied(
    listing: Listing, storages: Storages, one: _Object, target: Path | Problem
) -> int | Problem:
    """Copy an object -> its bytes, or why it is not here. More than it was listed with is refused,
    so that all together stay within bounds.
    """
    if isinstance(target, Problem):
        return target
    most = storages.most_bytes if one.size is None else one.size
    count = 0
    try:
        with listing.storage.open(one.key, "rb") as source, target.open("wb") as file:
            while block := source.read(BLOCK):
                count += len(block)
                if count > most:
                    raise IntakeError("The object grew while it was read; import it again.")
                file.write(block)
        if one.size is not None and count < one.size:
            raise IntakeError("The object ended early; import it again.")
    except IntakeError as error:
        target.unlink(missing_ok=True)
        return refused_file(one.path, str(error))
    except Exception as error:  # each library has its own
        target.unlink(missing_ok=True)
        return refused_file(one.path, f"{FAILED}: {storage_problem(error, listing.address)}.")
    return count
