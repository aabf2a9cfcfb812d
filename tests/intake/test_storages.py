"""Sources in other storages, read as a folder is, with the same guards; none without a word."""

import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from blip2core.errors import ConfigError, IntakeError
from blip2core.intake import Columns, Limits, Storages, read, storages
from blip2core.records import Problem, WebImage
from blip2core.remote import filesystems
from blip2core.remote.transfers import Transfer
from tests.intake.making import encoded, images, png, reasons, texts, zipped

S = Storages()
FILES = {"a.png": png(1), "a.txt": b"a red bird", "in/b.png": png(2), "in/b.txt": b"two\nlines"}
EXPECTED = {"a.png": ("a red bird",), "in/b.png": ("two", "lines")}


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """An empty storage in memory, which all that ask for memory:// share."""
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    yield storage
    storage.store.clear()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which is empty again after each test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def fill(storage: Any, files: dict[str, bytes], top: str = "/bucket/set/") -> None:
    for name, data in files.items():
        storage.pipe_file(top + name, data)


def replace_storage(monkeypatch: pytest.MonkeyPatch, storage: Any) -> None:
    monkeypatch.setattr(storages, "open_filesystem", lambda *_: storage)


def test_a_folder_of_a_bucket_is_read_as_a_folder(
    memory: MemoryFileSystem, temporary: Path
) -> None:
    fill(memory, FILES | {".hidden/c.png": png(3), ".d.png": png(4)})
    fill(memory, {"e.png": png(5)}, "/bucket/settings/")
    found = read("memory://bucket/set", storages=S)
    assert texts(found) == EXPECTED
    assert list(temporary.iterdir()) == [], "what was fetched is deleted after the last image"


def test_what_read_is_told_holds_for_what_is_fetched(memory: MemoryFileSystem) -> None:
    said = PngInfo()
    said.add_text("Description", "a dog inside")
    image = encoded(Image.new("RGB", (4, 3)), "PNG", pnginfo=said)
    fill(memory, {"a.png": image, "table.csv": b"bild,wort\na.png,a cat\n"})
    columns = Columns(path="bild", texts=("wort",))
    for inside, expected in ((True, {"a cat", "a dog inside"}), (False, {"a cat"})):
        found = read("memory://bucket/set", storages=S, columns=columns, metadata_texts=inside)
        assert {name: set(told) for name, told in texts(found).items()} == {"a.png": expected}


def test_one_object_is_read_as_a_file(memory: MemoryFileSystem) -> None:
    fill(memory, {"set.zip": zipped(FILES), "other.png": png(9)})
    assert texts(read("memory://bucket/set/set.zip", storages=S)) == EXPECTED


def test_the_local_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = LocalFileSystem(auto_mkdir=True)
    fill(local, FILES, f"{tmp_path}/bucket/set/")
    monkeypatch.chdir(tmp_path)
    replace_storage(monkeypatch, local)
    assert texts(read("s3://bucket/set", storages=S)) == EXPECTED


def test_an_address_of_a_file_is_read_in_place(tmp_path: Path, temporary: Path) -> None:
    fill(LocalFileSystem(auto_mkdir=True), FILES, f"{tmp_path}/a b/")
    found = read(f"file://{tmp_path}/a%20b", storages=S)
    assert texts(found) == EXPECTED
    with pytest.raises(IntakeError, match="There is no file or folder"):
        read(f"file://{tmp_path}/nothing", storages=S)


def test_addresses_among_several_sources(memory: MemoryFileSystem, tmp_path: Path) -> None:
    fill(memory, {"a.png": png(1), "table.csv": b"file_name,text\nlocal.png,a house\n"})
    (tmp_path / "local.png").write_bytes(png(7))
    sources = [
        "memory://bucket/set/a.png",
        "memory://bucket/none",
        tmp_path / "local.png",
        "memory://bucket/set/table.csv",
    ]
    found = list(read(sources, storages=S))
    assert {one.name: one.texts for one in found if isinstance(one, WebImage)} == {
        "a.png": (),
        "local.png": ("a house",),
    }
    assert list(reasons(found)) == ["memory://bucket/none"]


def test_without_storages_nothing_is_asked(
    memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memory, FILES)
    monkeypatch.setattr(storages, "open_filesystem", None)
    for address in ("memory://bucket/set", "hf://datasets/ann/web", "file:///etc"):
        with pytest.raises(IntakeError, match="is an address"):
            read(address)
        assert [one.about for one in read([address]) if isinstance(one, Problem)] == ["source"]


def test_a_password_in_an_address_is_refused() -> None:
    for sources in ("s3://key:5ecre7@bucket", ["s3://key:5ecre7@bucket"]):
        with pytest.raises(IntakeError, match="name or password") as caught:
            read(sources, storages=S)
        assert "5ecre7" not in str(caught.value)
    with pytest.raises(IntakeError, match="is an address") as caught:
        read("s3://key:5ecre7@bucket")
    assert "5ecre7" not in str(caught.value)


def test_what_is_not_there(memory: MemoryFileSystem) -> None:
    fill(memory, {".only/hidden.png": png()})
    for address in ("memory://bucket/set", "memory://bucket/nothing"):
        with pytest.raises(IntakeError, match="has no files|nothing of this name"):
            read(address, storages=S)


HOSTILE = {
    "../x.png": "leads outside",
    "/etc/y.png": "absolute path",
    "a//b.png": "empty parts",
    "./c.png": "empty parts",
    "nul\0.png": "NUL",
    "n" * 300 + ".png": "cannot be written here",
    "m" * 2_000 + ".png": "characters",
    "back\\slash.png": "backslashes",
    "d.png/e.png": "two objects|cannot be written",
    "/".join("f" * 40) + ".png": "deeper",
}


class Listed(MemoryFileSystem):
    """A storage with objects of any name, which all have the same bytes."""

    cachable = False
    data = png(5)

    def __init__(self, names: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.names, self.sizes = names, dict.fromkeys(names, len(self.data))

    def isfile(self, path: str) -> bool:
        return False

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[dict[str, Any]]:
        sizes = self.sizes
        return [
            {"name": f"{path}/{name}", "type": "file", "size": sizes[name]} for name in self.names
        ]

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        return io.BytesIO(self.data)


def test_hostile_names_are_refused_one_by_one(
    monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    names = ["d.png", *HOSTILE, "last.png", "last.png", "marks/", ""]
    storage = Listed(names)
    storage.sizes["marks/"] = 0
    replace_storage(monkeypatch, storage)
    seen = []
    for one in read("s3://bucket/set", storages=S):
        seen.append(one)
        inside = [file for file in temporary.rglob("*") if file.is_file()]
        assert len(inside) <= 2, "nothing is written for a name that is refused"
    found = reasons(seen)
    assert [one.name for one in seen if isinstance(one, WebImage)] == ["d.png", "last.png"]
    assert "two objects" in found.pop("last.png")
    assert found.keys() == HOSTILE.keys()
    for name, reason in HOSTILE.items():
        assert re.search(reason, found[name]), (name, found[name])
    assert [file.name for file in temporary.iterdir()] == []


class Failing(Listed):
    """A storage whose objects fail to open with an error."""

    def __init__(self, names: list[str], error: Exception, bad: str, **options: Any) -> None:
        super().__init__(names, **options)
        self.error, self.bad, self.asked = error, bad, 0

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        self.asked += 1
        if self.bad in path:
            raise self.error
        return super().open(path, mode, **options)


def test_objects_that_vanish_and_errors_of_the_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a.png", "bad.png", "c.txt", "z.png"]
    for error, said in (
        (FileNotFoundError("gone"), "nothing of this name"),
        (ValueError("signature=5ecre7"), "failed (ValueError)"),
        (PermissionError(), "do not allow it"),
    ):
        replace_storage(monkeypatch, Failing(names[:2] + names[3:], error, "bad"))
        found = list(read("s3://bucket/set", storages=S))
        assert [one.name for one in found if isinstance(one, WebImage)] == ["a.png", "z.png"]
        assert said in reasons(found)["bad.png"] and "5ecre7" not in str(found)
        assert [one.about for one in found if isinstance(one, Problem)] == ["image"]


def test_a_storage_that_is_gone_is_not_asked_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:04}.png" for number in range(1_000)]
    storage = Failing(names, ConnectionError(), "png")
    replace_storage(monkeypatch, storage)
    found = list(read("s3://bucket/set", storages=S))
    assert storage.asked == storages.TOGETHER
    assert all(isinstance(one, Problem) for one in found)
    assert sum(one.count for one in found) == 1_000, "each is accounted for"


def test_folders_that_cannot_be_looked_into_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Folders(Listed):
        def ls(self, path: str, detail: bool = True, **options: Any) -> list[dict[str, Any]]:
            if path.endswith("/broken"):
                raise ValueError("5ecre7")
            if path.endswith("/good"):
                return super().ls(path, detail, **options)
            deep = "/".join("f" * 40)
            names = ["good", "broken", "..", ".hidden", deep]
            folders = [{"name": f"{path}/{name}", "type": "directory"} for name in names]
            # As s3fs lists a mark of the folder, and a folder without a name in it.
            marks = [
                {"name": f"{path}/", "type": kind, "size": 0} for kind in ("file", "directory")
            ]
            return [*folders, *marks]

    replace_storage(monkeypatch, Folders(["a.png"]))
    found = list(read("s3://bucket/set", storages=S))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["good/a.png"]
    told = {one.name[:9]: one for one in found if isinstance(one, Problem)}
    assert {name: one.about for name, one in told.items()} == dict.fromkeys(
        ["", "..", "broken/", "f/f/f/f/f"], "source"
    )
    assert "without a name" in told[""].reason and "outside" in told[".."].reason
    assert "failed (ValueError)" in told["broken/"].reason and "5ecre7" not in str(found)


def test_a_listing_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoBucket(Listed):
        def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
            raise PermissionError("5ecre7")

    replace_storage(monkeypatch, NoBucket([]))
    with pytest.raises(IntakeError, match="s3://bucket/set cannot be read: the credentials"):
        read("s3://bucket/set", storages=S)


def test_objects_that_are_not_as_long_as_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changing(Listed):
        def ls(self, path: str, detail: bool = True, **options: Any) -> list[dict[str, Any]]:
            infos = super().ls(path, detail, **options)
            for number, by in ((0, -1), (2, +1), (3, None)):
                infos[number]["size"] = None if by is None else infos[number]["size"] + by
            return infos

    replace_storage(monkeypatch, Changing(["grown.png", "same.png", "shrunk.png", "unknown.png"]))
    found = list(read("s3://bucket/set", storages=S))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["same.png", "unknown.png"]
    assert "grew" in reasons(found)["grown.png"] and "early" in reasons(found)["shrunk.png"]


def test_bounds_on_number_and_bytes(
    memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(memory, {f"{number}.png": png(number) for number in range(5)})
    total = memory.du("/bucket/set")
    with pytest.raises(IntakeError, match="at most"):
        read("memory://bucket/set", storages=Storages(most_bytes=total - 1))
    assert len(images(read("memory://bucket/set", storages=Storages(most_bytes=total)))) == 5
    found = list(read("memory://bucket/set", storages=S, limits=Limits(members=3)))
    assert [one.name for one in found if isinstance(one, WebImage)] == ["0.png", "1.png", "2.png"]
    assert "first 3" in reasons(found)["memory://bucket/set"]
    monkeypatch.setattr(storages.shutil, "disk_usage", lambda _: type("U", (), {"free": 10}))
    with pytest.raises(IntakeError, match="TMPDIR"):
        read("memory://bucket/set", storages=S)


def test_progress_is_told_to_the_end(memory: MemoryFileSystem) -> None:
    fill(memory, FILES)
    shown: list[Transfer] = []
    list(read("memory://bucket/set", storages=Storages(show=shown.append)))
    total = sum(map(len, FILES.values()))
    assert [one.files for one in shown] == [1, 2, 3, 4]
    assert (shown[-1].bytes, shown[-1].all_bytes, shown[-1].all_files) == (total, total, 4)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="workers"):
        Storages(workers=0)


def test_what_was_fetched_goes_when_nobody_reads_on(
    memory: MemoryFileSystem, temporary: Path
) -> None:
    fill(memory, FILES)
    found = read("memory://bucket/set", storages=S)
    next(found)
    assert list(temporary.iterdir())
    found.close()
    assert list(temporary.iterdir()) == []


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(IntakeError, match=r"blip2-studio\[remote\]"):
        read("gs://bucket", storages=S)
    assert filesystems.INSTALL.startswith("pip install")
