"""Where an export goes: a folder here, another storage, or the Hub."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from blip2core.cli.transfers import TransferLine
from blip2core.errors import ExportError
from blip2core.remote.addresses import Address, is_address, parse_address


class ExportTarget(Protocol):
    """A place that an export is written to by way of a folder."""

    @property
    def shown(self) -> str:
        """Return how it is called in results."""

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Give the folder that the export is written to: it does not exist yet."""

    def send(self, folder: Path) -> str:
        """Bring the export, which is complete in the folder, to where it goes; returns the place
        that the database notes.
        """


@dataclass(frozen=True, slots=True)
class _Here:
    """A folder of this machine."""

    out: Path

    @property
    def shown(self) -> str:
        return str(self.out)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        yield self.out

    def send(self, folder: Path) -> str:
        """Leave it where it is."""
        return str(folder.resolve())


@dataclass(frozen=True, slots=True)
class _There:
    """Another storage, or the Hub: written whole here first, then sent."""

    address: Address
    dataset: str
    """OWNER/NAME on the Hub; empty for a storage."""

    @property
    def shown(self) -> str:
        return str(self.address)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="blip2-export-") as top:
            yield Path(top, "export")

    def send(self, folder: Path) -> str:
        if self.dataset:
            from blip2core.exports.hub_push import push_export

            push_export(folder, self.dataset, private=True, show=TransferLine())
        else:
            from blip2core.exports.uploads import upload_export

            upload_export(folder, self.address, show=TransferLine())
        return str(self.address)


def export_target(out: str) -> ExportTarget:
    """Return where `out`, a path or an address, is. Raises ExportError where it is taken or no
    export can go there; nothing is written.
    """
    if not is_address(out):
        return _free_folder(Path(out))
    address = parse_address(out, ExportError)
    if address.protocol == "file":
        return _free_folder(Path(address.path))
    if address.protocol != "hf":
        from blip2core.exports.uploads import check_free

        check_free(address)
        return _There(address, "")
    from blip2core.exports.hub_push import check_push

    kind, _, name = address.path.partition("/")
    if kind != "datasets":
        raise ExportError(f"{address} is no dataset: write hf://datasets/OWNER/NAME.")
    check_push(name)
    return _There(address, name)


def _free_folder(out: Path) -> ExportTarget:
    from blip2core.exports.output import refuse_taken

    refuse_taken(out)
    return _Here(out)
