"""A disk that loses what was not synced: which files there may be after a power cut.

The model is that of POSIX, which promises less than any common file system keeps:

- what was written to a file may be lost until fsync or fdatasync of that file returned, each write
  by itself, in any order, and in units of 512 bytes;
- a name that was made, renamed or removed may be lost until fsync of its folder returned, each
  change by itself and in any order; a rename within a folder happens whole or not at all;
- what was synced stays.
"""

import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.resilience.syscalls import Call

SECTOR = 512
Write = tuple[int, bytes | None]
"""Offset and data; without data the size of the file from then on."""


@dataclass(eq=False)
class File:
    """A file with what is safe and what may be lost."""

    safe: bytes = b""
    now: bytearray = field(default_factory=bytearray)
    unsynced: list[Write] = field(default_factory=list)

    def change(self, write: Write) -> None:
        _apply(self.now, write)
        self.unsynced.append(write)

    def sync(self) -> None:
        self.safe, self.unsynced = bytes(self.now), []


@dataclass(eq=False)
class Folder:
    """A folder with its names that are safe and those that may be lost."""

    safe: "dict[str, File | Folder]" = field(default_factory=dict)
    now: "dict[str, File | Folder]" = field(default_factory=dict)
    unsynced: "list[dict[str, File | Folder | None]]" = field(default_factory=list)
    """Changes of names; None for a name that was removed."""

    def change(self, names: "dict[str, File | Folder | None]") -> None:
        _rename(self.now, names)
        self.unsynced.append(names)

    def sync(self) -> None:
        self.safe, self.unsynced = dict(self.now), []


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A power cut: which of the unsynced writes and names it keeps."""

    name: str
    keeps_write: Callable[[], bool]
    keeps_name: Callable[[], bool]
    draw: random.Random | None = None
    """Tears the writes that are kept; None: they are whole."""


def losses(seed: int) -> list[Loss]:
    """Return power cuts: the four extremes, and two by chance."""
    draw = random.Random(seed)

    def by_chance() -> bool:
        return draw.random() < 0.5

    def always() -> bool:
        return True

    def never() -> bool:
        return False

    return [
        Loss(name="all unsynced is lost", keeps_write=never, keeps_name=never),
        Loss(name="nothing is lost", keeps_write=always, keeps_name=always),
        Loss(name="names without data", keeps_write=never, keeps_name=always),
        Loss(name="data without names", keeps_write=always, keeps_name=never),
        Loss(name="by chance", keeps_write=by_chance, keeps_name=by_chance),
        Loss(name="by chance, torn", keeps_write=by_chance, keeps_name=by_chance, draw=draw),
    ]


class Disk:
    """All files below a folder, brought forward by one system call after the other."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self.top = _read(Path(self._root))
        self._open: dict[int, tuple[File | Folder, str] | None] = {}
        self._at: dict[int, int] = {}

    def feed(self, call: Call) -> bool:
        """Do what a call did; return whether it touched a file here."""
        work = getattr(self, f"_do_{_SAME.get(call.name, call.name)}", None)
        if work is None:
            raise NotImplementedError(f"{call.name} is not in the model")
        return bool(work(call))

    def after(self, loss: Loss, folder: Path) -> None:
        """Write into `folder` what there is after a power cut."""
        _write(_after(self.top, loss), folder)

    # Names of calls after which these are called.

    def _do_openat(self, call: Call) -> bool:
        path = self._path(call, 0)
        self._open[call.result] = None
        if path is None:
            return False
        if "O_TMPFILE" in call.rest:
            self._open[call.result], self._at[call.result] = (File(), path), 0
            return False
        folder, name = self._place(path)
        entry = folder.now.get(name) if name else self.top
        changed = False
        if entry is None:
            entry = File()
            folder.change({name: entry})
            changed = True
        elif isinstance(entry, File) and "O_TRUNC" in call.rest and entry.now:
            entry.change((0, None))
            changed = True
        self._open[call.result] = entry, path
        is_end = isinstance(entry, File) and "O_APPEND" in call.rest
        self._at[call.result] = len(entry.now) if is_end else 0
        return changed

    def _do_write(self, call: Call) -> bool:
        number, file = self._file(call)
        if file is None:
            return False
        data = b"".join(call.texts)[: call.result]
        file.change((self._at[number], data))
        self._at[number] += len(data)
        return True

    def _do_pwrite64(self, call: Call) -> bool:
        _, file = self._file(call)
        if file is None:
            return False
        offset = int(call.rest.rpartition(",")[2])
        file.change((offset, b"".join(call.texts)[: call.result]))
        return True

    def _do_lseek(self, call: Call) -> bool:
        self._at[int(call.rest.partition(",")[0])] = call.result
        return False

    def _do_ftruncate(self, call: Call) -> bool:
        _, file = self._file(call)
        if file is None:
            return False
        file.change((int(call.rest.rpartition(",")[2]), None))
        return True

    def _do_fallocate(self, call: Call) -> bool:
        _, file = self._file(call)
        if file is None:
            return False
        _, _, offset, length = call.rest.split(",")
        size = int(offset) + int(length)
        if size > len(file.now):
            file.change((size, None))
        return True

    def _do_fsync(self, call: Call) -> bool:
        entry = self._open.get(int(call.rest.partition(",")[0]))
        if entry is not None:
            entry[0].sync()
        return entry is not None

    def _do_sync(self, call: Call) -> bool:
        raise NotImplementedError("sync of everything is not in the model")

    def _do_rename(self, call: Call) -> bool:
        old, new = self._path(call, 0), self._path(call, 1)
        if old is None and new is None:
            return False
        assert old is not None and new is not None, "a rename over the border of the folder"
        (source, name), (target, new_name) = self._place(old), self._place(new)
        assert source is target, "a rename between two folders is not in the model"
        source.change({name: None, new_name: source.now[name]})
        return True

    def _do_unlink(self, call: Call) -> bool:
        path = self._path(call, 0)
        if path is None:
            return False
        folder, name = self._place(path)
        folder.change({name: None})
        return True

    def _do_mkdir(self, call: Call) -> bool:
        path = self._path(call, 0)
        if path is None:
            return False
        folder, name = self._place(path)
        folder.change({name: Folder()})
        return True

    def _do_copy_file_range(self, call: Call) -> bool:
        numbers = [int(number) for number in re.findall(r"\d+", call.rest)]
        assert not any(self._open.get(number) for number in numbers[:3]), "not in the model"
        return False

    def _do_link(self, call: Call) -> bool:
        old, new = self._path(call, 0), self._path(call, 1)
        if new is None:
            return False
        assert old is not None and "symlink" not in call.name, "not in the model"
        (source, name), (target, new_name) = self._place(old), self._place(new)
        target.change({new_name: source.now[name]})
        return True

    _do_sendfile = _do_truncate = _do_msync = _do_copy_file_range

    def _file(self, call: Call) -> tuple[int, File | None]:
        number = int(call.rest.partition(",")[0])
        entry = self._open.get(number)
        return number, entry[0] if entry is not None and isinstance(entry[0], File) else None

    def _path(self, call: Call, index: int) -> str | None:
        """Return one of the paths of a call relative to the root; None where it is elsewhere."""
        if index >= len(call.texts):
            return None
        text = os.fsdecode(call.texts[index])
        if not text.startswith("/"):
            before = re.findall(r"(AT_FDCWD|\d+), _", call.rest)
            opened = None
            if len(before) > index and before[index] != "AT_FDCWD":
                opened = self._open.get(int(before[index]))
            if opened is None:
                return None
            return os.path.normpath(os.path.join(opened[1], text))
        path = os.path.normpath(text)
        if path != self._root and not path.startswith(self._root + "/"):
            return None
        return os.path.relpath(path, self._root)

    def _place(self, path: str) -> tuple[Folder, str]:
        """Return the folder of a path, and its name in it; no name for the root."""
        parts = [] if path == "." else path.split("/")
        folder = self.top
        for part in parts[:-1]:
            found = folder.now[part]
            assert isinstance(found, Folder)
            folder = found
        return folder, parts[-1] if parts else ""


_SAME = {
    **dict.fromkeys(("open", "creat"), "openat"),
    **dict.fromkeys(("writev",), "write"),
    **dict.fromkeys(("pwritev",), "pwrite64"),
    **dict.fromkeys(("fdatasync",), "fsync"),
    **dict.fromkeys(("syncfs",), "sync"),
    **dict.fromkeys(("renameat", "renameat2"), "rename"),
    **dict.fromkeys(("unlinkat", "rmdir"), "unlink"),
    **dict.fromkeys(("mkdirat",), "mkdir"),
    **dict.fromkeys(("linkat", "symlink", "symlinkat"), "link"),
}


def _apply(content: bytearray, write: Write) -> None:
    offset, data = write
    if data is None:
        del content[offset:]
        data = b""
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _rename(names: "dict[str, File | Folder]", change: "dict[str, File | Folder | None]") -> None:
    for name, entry in change.items():
        if entry is None:
            names.pop(name, None)
        else:
            names[name] = entry


def _after(folder: Folder, loss: Loss) -> "dict[str, object]":
    names = dict(folder.safe)
    for change in folder.unsynced:
        if loss.keeps_name():
            _rename(names, change)
    return {
        name: _after(entry, loss) if isinstance(entry, Folder) else _content(entry, loss)
        for name, entry in names.items()
        if not name.endswith("-shm")  # SQLite makes it anew where nobody has the database open
    }


def _content(file: File, loss: Loss) -> bytes:
    content = bytearray(file.safe)
    for offset, data in file.unsynced:
        if not loss.keeps_write():
            continue
        if data is None or loss.draw is None:
            _apply(content, (offset, data))
            continue
        for start in range(0, len(data), SECTOR):
            if loss.draw.random() < 0.7:
                _apply(content, (offset + start, data[start : start + SECTOR]))
    return bytes(content)


def _read(folder: Path) -> Folder:
    found = Folder()
    for path in folder.iterdir():
        if path.is_dir():
            found.now[path.name] = _read(path)
        else:
            data = path.read_bytes()
            found.now[path.name] = File(safe=data, now=bytearray(data))
    found.safe = dict(found.now)
    return found


def _write(entries: "dict[str, object]", folder: Path) -> None:
    folder.mkdir()
    for name, entry in entries.items():
        if isinstance(entry, bytes):
            (folder / name).write_bytes(entry)
        else:
            assert isinstance(entry, dict)
            _write(entry, folder / name)
