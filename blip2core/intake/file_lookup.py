"""Files by the names that tables give them: as written, else without regard to case, to spelling
(Unicode form, spaces, percent escapes), to folders that only one of the two has, or to a missing
ending.

Where both have folders of their own, as train/1.jpg and test/1.jpg, they are two files.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from posixpath import dirname
from unicodedata import normalize
from urllib.parse import unquote

from blip2core.file_names import base_name, safe_name, split_of, stem

MOST_COMPARED = 64
"""Files of nearly the same name that are compared; where there are more, none is chosen."""
_WHOLE, _GIVEN, _END = 2, 1, 0
"""A name is the whole path of a file, its path in the folder that was given, or an end of it."""

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
    """What was not regarded: "case", "spelling", "folders", "ending"."""
    elsewhere: str | None = None
    """Where there is none: a file of this name in a folder that the name does not mean."""


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
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Name of which there is a file only in a folder that it does not mean -> the same."""


class FileLookup:
    """Finds files by names. Built once; a look-up takes a time that hardly grows with the files."""

    def __init__(
        self,
        files: Iterable[str] | Mapping[str, str],
        tables: Iterable[str] = (),
    ) -> None:
        """Take the files, each with the path of the folder or archive it was given in, where that
        is not empty; and the folders in which tables lie.
        """
        self._files = dict(files) if isinstance(files, Mapping) else dict.fromkeys(files, "")
        self._tables = frozenset(tables)

    def find(self, name: str, folder: str = "") -> Found:
        """Return the files that fit best: an exact match, else a whole path, else the longest end
        of a path, else the same without the ending that the name lacks; of several of one rank
        those nearest to `folder`, where the table lies. The table gave what follows the folder.
        """
        if name in self._files:
            return Found(files=(name,))
        by_path = self._by_path.find(name, folder)
        found = by_path if by_path.files else self._by_stem.find(name, folder)
        if found.files:
            return found
        uploaded = self._uploaded(name)
        return uploaded if uploaded.files else by_path if by_path.elsewhere else found

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
        return _Index(self._files, self._tables)

    @cached_property
    def _by_stem(self) -> "_Index":
        return _Index(self._files, self._tables, cut=stem)


class _Index:
    """Files by the last part of their path, and by the last two."""

    def __init__(
        self,
        files: Mapping[str, str],
        tables: Iterable[str],
        cut: Callable[[str], str] | None = None,
    ) -> None:
        self._cut, self._files = cut, files
        self._is_one = not any(files.values())
        self._tables = {_parts(one) for one in tables}
        self._folders: set[tuple[str, ...]] = set()
        self._groups: dict[str, list[tuple[str, str]]] = {}
        for file in files:
            path = _folded(cut(file) if cut else file)
            for count in (1, 2) if "/" in path else (1,):
                self._groups.setdefault(_end(path, count), []).append((path, file))
        for folder in {dirname(file) for file in files}:
            self._folders.update(_with_those_above(_parts(folder)))
        for group in self._groups.values():
            group.sort()

    def find(self, name: str, folder: str) -> Found:
        """Return the best of the files of this name."""
        whole, table = _folded(name), _parts(folder)
        given = whole.split("/")
        if tuple(given[: len(table)]) == table:
            given = given[len(table) :]
        near = self._near(whole, given, table)
        if len(near) > MOST_COMPARED:
            return Found(files=tuple(file for _, file in near[: MOST_COMPARED + 1]), is_whole=False)
        ranks: dict[str, tuple[int, int, int]] = {}
        for path, file in near:
            if path == whole:
                ranks[file] = (_WHOLE, len(given), len(table))
            elif self._may_mean(given[:-1], table, path.split("/")[:-1], file):
                ranks[file] = self._rank(given, table, path, file)
        if not ranks:
            return Found(elsewhere=near[0][1] if near else None)
        best = max(ranks.values())
        files = [file for file, rank in ranks.items() if rank == best]
        return self._nearest(_end(name, len(given)), files, best)

    def _near(
        self, whole: str, given: Sequence[str], table: Sequence[str]
    ) -> Sequence[tuple[str, str]]:
        """Return the files of the last part of a name; of very many only those of the whole path,
        else those that have its last folder too, and are nearest to the table.
        """
        group = self._groups.get(given[-1], [])
        if len(group) <= MOST_COMPARED:
            return group
        first, last = bisect_left(group, (whole, "")), bisect_left(group, (f"{whole}\0", ""))
        if first < last:
            return group[first:last]
        if len(given) > 1:
            group = self._groups.get("/".join(given[-2:]), [])
        for count in range(len(table), 0, -1):
            start = "/".join(table[:count])
            first = bisect_left(group, (f"{start}/", ""))
            last = bisect_left(group, (f"{start}0", ""))  # "0" follows "/"
            if first < last:
                return group[first:last]
        return group

    def _may_mean(
        self, given: Sequence[str], table: Sequence[str], folders: Sequence[str], file: str
    ) -> bool:
        """Return whether the folders of a file may be those that a name in a table gives.

        `given` and `table`: folders in the name, and in which its table lies.
        """
        shared = _count_same(folders, table)
        own = folders[max(shared, len(_parts(self._files[file]))) :]
        if not (_has_all(folders, given) or _has_all(given, own)):
            return False
        if shared == len(table):
            return True
        # The table lies elsewhere: among images of its own, in another split, or the file is
        # beside another table.
        if self._is_one and tuple(table) in self._folders:
            return False
        ours, theirs = _splits(table[shared:]), _splits(folders[shared:])
        if ours and theirs and ours.isdisjoint(theirs):
            return False
        above = _with_those_above(tuple(folders))
        return not any(one in self._tables for one in above if len(one) > shared)

    def _rank(
        self, given: Sequence[str], table: Sequence[str], path: str, file: str
    ) -> tuple[int, int, int]:
        """Return whether the whole path in what was given was named, how many parts at the end are
        the same, and how near to the table the file lies.
        """
        parts = path.split("/")
        source = len(_parts(self._files[file]))
        is_given = source > 0 and parts[source:] == list(given)
        same = _count_same(parts[::-1], given[::-1])
        return (_GIVEN if is_given else _END), same, _count_same(parts[:-1], table)

    def _nearest(self, given: str, files: list[str], rank: tuple[int, int, int]) -> Found:
        """Return the files written most like the name `given`, of those of one rank."""
        whole, same, _ = rank
        is_cut = (
            whole == _END
            and same < given.count("/") + 1
            and not all(_has_all(_parts(dirname(one)), _parts(dirname(given))) for one in files)
        )
        more = (*(("folders",) if is_cut else ()), *(("ending",) if self._cut else ()))
        wanted = _end(given, same)
        ends = {one: _end(self._cut(one) if self._cut else one, same) for one in files}
        for form, without in _FORMS:
            fitting = tuple(one for one, end in ends.items() if form(end) == form(wanted))
            if fitting:
                return Found(files=fitting, is_whole=whole > _END, without=without + more)
        return Found(files=tuple(files), is_whole=whole > _END)


def match(
    wanted: Mapping[str, str],
    files: Iterable[str] | Mapping[str, str],
) -> Matches:
    """Return which of the `wanted` names, each with the folder of its table, belong to which file
    (see `FileLookup`); nothing is guessed.

    A file that is named by its whole path belongs to those names alone. Of several names that
    share only the end of a path with it none is taken.
    """
    lookup = FileLookup(files, wanted.values())
    found = {name: lookup.find(name, folder) for name, folder in wanted.items()}
    unclear = {name: _several(one.files) for name, one in found.items() if len(one.files) > 1}
    elsewhere = {name: _contrary(one.elsewhere) for name, one in found.items() if one.elsewhere}
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
    return Matches(names=taken, loose=loose, unclear=unclear, elsewhere=elsewhere)


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


def _contrary(file: str) -> str:
    return (
        f"There is no such file; {safe_name(file)} lies in another folder, and may be another "
        "image. Write its path, or move it."
    )


def _parts(folder: str) -> tuple[str, ...]:
    """Return the folders of a path, folded: a/B -> (a, b)."""
    return tuple(_folded(folder).split("/")) if folder else ()


def _with_those_above(folder: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (folder[:count] for count in range(len(folder), -1, -1))


def _count_same(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many parts two paths have in common from the start."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _has_all(folders: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether all `wanted` folders are among others, in their order."""
    left = iter(folders)
    return all(one in left for one in wanted)


def _splits(folders: Iterable[str]) -> set[str]:
    """Return the splits that folders are of: the images of one are not those of another."""
    return set(filter(None, map(split_of, folders)))


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


def caseless(path: str) -> str:
    """Return a path in one case and Unicode form."""
    return normalize("NFC", normalize("NFC", path).casefold())


def _folded(path: str) -> str:
    return caseless(_spelled(path))


_FORMS: tuple[tuple[Callable[[str], str], tuple[str, ...]], ...] = (
    (str, ()),
    (_composed, ()),
    (_spelled, ("spelling",)),
    (caseless, ("case",)),
    (_folded, ("case", "spelling")),
)
"""How names are compared, the strictest first -> what is not regarded."""
