"""Files by the names that tables give them: as written, else without regard to case, to spelling
(Unicode form, spaces, percent escapes), to the folders in front, or to a missing ending.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from unicodedata import normalize
from urllib.parse import unquote

from blip2core.file_names import base_name, safe_name, stem

MOST_COMPARED = 64
"""Files of nearly the same name that are compared; where there are more, none is chosen."""

UPLOADED = re.compile(r"[0-9a-f]{8}-(?P<name>.+)")
"""Name of what was uploaded to Label Studio: eight digits of a random number in front."""
NOT_KEPT = re.compile(r"[^-\w.]")
"""What its web framework leaves out of the name of an upload; of a space it makes "_"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The files that a name fits."""

    files: tuple[str, ...] = ()
    """None, the one that fits best, or several where nothing decides between them."""
    is_whole: bool = True
    """All of the file's path was named, no more and no less."""
    without: tuple[str, ...] = ()
    """What was not regarded: "case", "spelling", "ending"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Which of the wanted names belong to which file."""

    names: Mapping[str, tuple[str, ...]]
    """File -> the names that mean it."""
    loose: Mapping[str, tuple[str, ...]]
    """Name -> what was not regarded to find its file, where that is worth telling."""
    unclear: Mapping[str, str]
    """Name that fits several files, or a file that other names fit as well -> why, in a
    sentence."""


class FileLookup:
    """Finds files by names. Built once; a look-up takes a time that hardly grows with the files."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = dict.fromkeys(files)

    def find(self, name: str) -> Found:
        """Return the files that fit best: an exact match, else a whole path, else the longest end
        of a path, else the same without the ending that the name lacks.
        """
        if name in self._files:
            return Found(files=(name,))
        return self._by_path.find(name) or self._by_stem.find(name) or self._uploaded(name)

    def _uploaded(self, name: str) -> Found:
        """Return the files whose name Label Studio made this one of, as they were uploaded."""
        if not UPLOADED.fullmatch(_folded(base_name(name))):
            return Found()
        files = self._by_upload.get(_as_uploaded(name), ())[: MOST_COMPARED + 1]
        return Found(files=tuple(files), is_whole=False, without=("the code of an upload",))

    @cached_property
    def _by_upload(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for file in self._files:
            found.setdefault(_as_uploaded(file), []).append(file)
        return found

    def has_whole(self, name: str) -> bool:
        """Return whether a file has this whole path, exactly or in another spelling."""
        found = self.find(name)
        return bool(found.files) and found.is_whole

    @cached_property
    def _by_path(self) -> "_Index":
        return _Index(self._files)

    @cached_property
    def _by_stem(self) -> "_Index":
        return _Index(self._files, cut=stem)


class _Index:
    """Files sorted by their paths read backwards, so that paths that end alike stand together."""

    def __init__(self, files: Iterable[str], cut: Callable[[str], str] | None = None) -> None:
        self._cut = cut
        pairs = sorted((_backwards(_folded(cut(one) if cut else one)), one) for one in files)
        self._keys = [key for key, _ in pairs]
        self._files = [one for _, one in pairs]

    def find(self, name: str) -> Found | None:
        """Return the files with the longest end of a path in common with `name`; None where no
        file is called so.
        """
        parts = _folded(name).split("/")[::-1]
        start, end, common, key = 0, len(self._keys), 0, ""
        for part in parts:
            longer = f"{key}{part}/"
            first = bisect_left(self._keys, longer, start, end)
            last = bisect_left(self._keys, f"{longer[:-1]}0", first, end)  # "0" follows "/"
            if first == last:
                break
            start, end, common, key = first, last, common + 1, longer
        if not common:
            return None
        is_whole = common == len(parts) and self._keys[start] == key
        if is_whole:
            end = bisect_left(self._keys, f"{key}\0", start, end)
        files = self._files[start : min(end, start + MOST_COMPARED + 1)]
        return self._nearest(name, files, common, is_whole)

    def _nearest(self, name: str, files: list[str], common: int, is_whole: bool) -> Found:
        """Return the files written most like `name`, of those that share `common` parts with it."""
        if len(files) > MOST_COMPARED:
            return Found(files=tuple(files), is_whole=is_whole)
        wanted = _end(name, common)
        ends = {one: _end(self._cut(one) if self._cut else one, common) for one in files}
        ending = ("ending",) if self._cut else ()
        for form, without in _FORMS:
            fitting = tuple(one for one, end in ends.items() if form(end) == form(wanted))
            if fitting:
                return Found(files=fitting, is_whole=is_whole, without=without + ending)
        return Found(files=tuple(files), is_whole=is_whole)


def match(wanted: Iterable[str], files: Iterable[str]) -> Matches:
    """Return which of the `wanted` names belong to which file; nothing is guessed.

    A file that is named by its whole path belongs to those names alone. Of several names that
    share only the end of a path with it none is taken.
    """
    lookup = FileLookup(files)
    found = {name: lookup.find(name) for name in wanted}
    unclear = {name: _several(one.files) for name, one in found.items() if len(one.files) > 1}
    named: dict[str, list[str]] = {}
    for name, one in found.items():
        if len(one.files) == 1:
            named.setdefault(one.files[0], []).append(name)
    for file, names in named.items():
        whole = [name for name in names if found[name].is_whole]
        ends = [name for name in names if not found[name].is_whole]
        named[file] = whole or (ends if len(ends) == 1 else [])
        if not whole and len(ends) > 1:
            reason = f"Other rows fit the file {safe_name(file)} as well; write its whole path."
            unclear |= dict.fromkeys(ends, reason)
    taken = {file: tuple(names) for file, names in named.items() if names}
    loose = {n: found[n].without for names in taken.values() for n in names if found[n].without}
    return Matches(names=taken, loose=loose, unclear=unclear)


def loose_keys(name: str) -> frozenset[str]:
    """Return keys of which two names share one where one may be found by the other."""
    base = base_name(_folded(name))
    return frozenset((base, stem(base), _as_uploaded(name)))


def _as_uploaded(path: str) -> str:
    """Return the name of a file as Label Studio keeps an upload, without the code that it puts in
    front: "a/my dog (1).jpg" and "0a1b2c3d-my_dog_1.jpg" -> my_dog_1.jpg.
    """
    base = _folded(base_name(path)).replace(" ", "_")
    found = UPLOADED.fullmatch(base)
    return NOT_KEPT.sub("", found["name"] if found else base)


def whole_key(path: str) -> str:
    """Return what two paths have in common that may mean the same file."""
    return _folded(stem(path))


def _several(files: tuple[str, ...]) -> str:
    shown = ", ".join(safe_name(one) for one in files[:3])
    more = "" if len(files) <= 3 else " and others"
    return f"There is no file of this name, and it fits several: {shown}{more}; write which."


def _backwards(path: str) -> str:
    """Return the parts of a path in reverse: a/b.jpg -> b.jpg/a/."""
    return "/".join(path.split("/")[::-1]) + "/"


def _end(path: str, count: int) -> str:
    return "/".join(path.split("/")[-count:])


def _spelled(path: str) -> str:
    """Return a path without percent escapes and without spaces around its parts."""
    decoded = unquote(path, errors="surrogateescape") if "%" in path else path
    # A slash that was escaped is part of a name.
    names = decoded.split("/") if decoded.count("/") == path.count("/") else path.split("/")
    return normalize("NFC", "/".join(name.strip() for name in names))


def _composed(path: str) -> str:
    return normalize("NFC", path)


def _caseless(path: str) -> str:
    return normalize("NFC", normalize("NFC", path).casefold())


def _folded(path: str) -> str:
    return _caseless(_spelled(path))


_FORMS: tuple[tuple[Callable[[str], str], tuple[str, ...]], ...] = (
    (str, ()),
    (_composed, ()),
    (_spelled, ("spelling",)),
    (_caseless, ("case",)),
    (_folded, ("case", "spelling")),
)
"""How names are compared, the strictest first -> what is not regarded."""
