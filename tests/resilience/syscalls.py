"""The system calls of a process that change files, recorded by strace with all their data."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHANGES = (
    *("openat", "open", "creat", "write", "writev", "pwrite64", "pwritev", "ftruncate", "truncate"),
    *("fallocate", "fsync", "fdatasync", "sync", "syncfs", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat"),
    *("lseek", "sendfile", "copy_file_range", "msync"),
)
"""Calls that are recorded. A file that is written through mmap would not be seen; only the index
beside SQLite's write-ahead log is, which is made anew after a crash."""
_WHOLE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>,? ?(.*)\) += (-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A system call that succeeded."""

    name: str
    texts: tuple[bytes, ...]
    """Its strings: paths, or what is written."""
    rest: str
    """Its other arguments, as strace shows them, with _ for each string."""
    result: int


def is_available() -> bool:
    """Return whether strace is installed, and may trace here."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


def record(command: Sequence[str], log: Path, **options: object) -> None:
    """Run a command to its end and write its calls into `log`."""
    traced = ["strace", "-f", "-xx", "-s", "100000000", "--seccomp-bpf", "-o", str(log)]
    traced += ["-e", f"trace={','.join(f'?{name}' for name in CHANGES)}", "-e", "signal=none"]
    done = subprocess.run([*traced, *command], capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr.decode()[-3000:]


def read(log: Path) -> Iterator[Call]:
    """Yield the calls that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii") as lines:
        for line in lines:
            if found := _BEGUN.match(line.rstrip("\n")):
                begun[found[1]] = found[3]
            elif found := _ENDED.match(line):
                yield from _call(found[2], begun.pop(found[1], "") + " " + found[3], found[4])
            elif found := _WHOLE.match(line):
                yield from _call(found[2], found[3], found[4])


def _call(name: str, arguments: str, result: str) -> Iterator[Call]:
    if int(result) < 0:
        return
    texts = []
    for text, more in _TEXT.findall(arguments):
        assert not more, f"strace cut a string of {name}"
        texts.append(bytes.fromhex(text.replace("\\x", "")))
    rest = _TEXT.sub("_", arguments)
    yield Call(name=name, texts=tuple(texts), rest=rest, result=int(result))
