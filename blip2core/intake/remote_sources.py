"""Sources at addresses, s3://bucket/folder or hf://datasets/owner/name, fetched and then read."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blip2core.errors import IntakeError
from blip2core.formats.files import NamedFile
from blip2core.intake.hub_dataset import HubDataset, fetch_dataset, list_dataset
from blip2core.intake.limits import Limits
from blip2core.intake.storages import Listing, Storages, bring, list_storage
from blip2core.records import Problem, Told, Unused, WebImage
from blip2core.remote.addresses import Address, is_address, parse_address

Source = str | Path | NamedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnHub:
    """A dataset of the Hub, or the folder or file of it that is meant."""

    dataset: HubDataset
    below: str


Located = Source | Problem | Listing | _OnHub
"""Where a source is, before anything is fetched; a Problem where it is nowhere."""


def has_addresses(source: Source | Sequence[Source]) -> bool:
    """Return whether a source, or one of several, is an address."""
    one_or_several = [source] if isinstance(source, str | Path | NamedFile) else source
    return any(map(is_address, one_or_several))


def read_fetched(
    source: Source | Sequence[Source],
    storages: Storages,
    limits: Limits,
    read_local: Callable[[Source | list[Source]], Iterator[WebImage | Told]],
) -> Iterator[WebImage | Told]:
    """Return what `read_local` reads of a source, once what lies elsewhere was brought here.

    A Problem for each object that cannot be brought. Addresses are looked at now, so IntakeError is
    raised here for one that is wrong, and where the only source is not there; what several have is
    fetched at the first image, and deleted after the last.
    """
    several = not isinstance(source, str | Path | NamedFile)
    named = [source] if isinstance(source, str | Path | NamedFile) else list(source)
    parsed = [_parsed(one) for one in named]
    if all(isinstance(one, Source) for one in parsed):  # of file://
        return read_local(parsed if several else parsed[0])  # type: ignore[arg-type]
    found = [_located(one, storages, limits, several=several) for one in parsed]
    return _read(found, several, storages, limits, read_local)


def _parsed(source: Source) -> Source | Address:
    if isinstance(source, str) and is_address(source):
        address = parse_address(source, IntakeError)
        return Path(address.path) if address.protocol == "file" else address
    return source


def _located(
    source: Source | Address, storages: Storages, limits: Limits, *, several: bool
) -> Located:
    """Return what is at an address; a Problem where that fails for one of several."""
    if not isinstance(source, Address):
        return source
    try:
        if source.protocol == "hf":
            return _list_hub(source, storages, limits)
        return list_storage(source, storages, limits)
    except IntakeError as error:
        if not several:
            raise
        return Problem(name=str(source), reason=str(error), about="source")


def _read(
    found: Sequence[Located],
    several: bool,
    storages: Storages,
    limits: Limits,
    read_local: Callable[[Source | list[Source]], Iterator[WebImage | Told]],
) -> Iterator[WebImage | Told]:
    with tempfile.TemporaryDirectory(prefix="blip2-fetched-") as top:
        local: list[Source] = []
        for number, one in enumerate(found):
            if isinstance(one, Problem):
                yield one
            elif isinstance(one, Listing):
                folder = Path(top, str(number))
                folder.mkdir()
                yield from one.told
                yield from bring(one, folder, storages, limits)
                local += _brought(one, folder)
            elif isinstance(one, _OnHub):
                try:
                    local.append(_of_hub(one, storages))
                except IntakeError as error:
                    if not several:
                        raise
                    yield Problem(name=one.dataset.name, reason=str(error), about="source")
                yield from _told_of_hub(one.dataset)
            else:
                local.append(one)
        if several or local:
            yield from read_local(local if several else local[0])


def _brought(listing: Listing, folder: Path) -> list[Source]:
    """Return the folder of what was brought; for an address of one file, that file if it came."""
    if not listing.is_file:
        return [folder]
    return [NamedFile(file.name, file) for file in folder.iterdir()]


def _list_hub(address: Address, storages: Storages, limits: Limits) -> _OnHub:
    """List what hf://datasets/OWNER/NAME[@REVISION][/FOLDER] means."""
    kind, *parts = address.path.split("/")
    if kind != "datasets" or len(parts) < 2:
        raise IntakeError(f"{address} is no dataset: write hf://datasets/OWNER/NAME.")
    name, _, revision = parts[1].partition("@")
    below = "/".join(parts[2:])
    dataset = list_dataset(
        f"{parts[0]}/{name}",
        revision=revision or None,
        below=below,
        limits=limits,
        most_bytes=storages.most_bytes,
    )
    return _OnHub(dataset=dataset, below=below)


def _told_of_hub(dataset: HubDataset) -> Iterator[Told]:
    if told := dataset.told_left_out():
        yield Unused(kind="file", name=dataset.name, advice=told, count=len(dataset.left_out))


def _of_hub(one: _OnHub, storages: Storages) -> Source:
    """Fetch a dataset into the Hub's cache -> its folder there, or the file that was meant."""
    found = fetch_dataset(one.dataset, show=storages.show) / one.below
    return NamedFile(found.name, found) if found.is_file() else found
