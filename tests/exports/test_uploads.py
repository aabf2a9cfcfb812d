"""An export in another storage is complete once it has a manifest; nothing is added to others'."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from blip2core.errors import ExportError
from blip2core.exports import FORMATS, uploads
from blip2core.exports.uploads import check_free, upload_export
from blip2core.intake import Storages, read
from blip2core.remote.addresses import parse_address
from blip2core.remote.transfers import Transfer
from tests.exports.conftest import ANSWERS
from tests.exports.test_exports import contents
from tests.intake.making import texts

ADDRESS = parse_address("memory://bucket/web-v1", ExportError)


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    storage.pipe_file("/bucket/other.txt", b"of somebody else")
    yield storage
    storage.store.clear()


def stored(storage: Any, top: str = "/bucket/web-v1/") -> dict[str, bytes]:
    return {name.removeprefix(top): storage.cat_file(name) for name in storage.find(top)}


@pytest.mark.parametrize("name", FORMATS)
def test_an_upload_has_the_same_bytes_and_texts(
    name: str, memory: MemoryFileSystem, written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    out, _, _ = written(name, make_pairs(**ANSWERS))
    check_free(ADDRESS)
    shown: list[Transfer] = []
    assert upload_export(out, ADDRESS, show=shown.append) == len(contents(out))
    assert stored(memory) == contents(out)
    assert shown[-1].files == shown[-1].all_files == len(contents(out)) - 2
    if not FORMATS[name].one_way:
        assert texts(read(str(ADDRESS), storages=Storages())) == texts(read(out)) != {}
    for call in (lambda: check_free(ADDRESS), lambda: upload_export(out, ADDRESS)):
        with pytest.raises(ExportError, match="exists already"):
            call()


class Watched(LocalFileSystem):
    """Folders of this machine that note what is written, and fail where told to."""

    cachable = False

    def __init__(self, **options: Any) -> None:
        super().__init__(auto_mkdir=True, **options)
        self.written: list[str] = []
        self.error: Exception | None = None
        self.fails_after = 10**6

    def put_file(self, path1: str, path2: str, *args: Any, **options: Any) -> None:
        if len(self.written) >= self.fails_after and self.error is not None:
            raise self.error
        super().put_file(path1, path2, *args, **options)
        self.written.append(path2.removeprefix("bucket/web-v1/"))


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Watched:
    """A storage in a folder, one file at a time."""
    storage = Watched()
    folder = tmp_path / "storage"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(uploads, "open_filesystem", lambda *_: storage)
    monkeypatch.setattr(uploads, "WORKERS", 1)
    return storage


def test_the_sums_come_first_and_the_manifest_last(
    local: Watched, written: Callable[..., Any]
) -> None:
    out, _, _ = written("imagefolder")
    upload_export(out, ADDRESS)
    assert local.written[0] == "SHA256SUMS" and local.written[-1] == "manifest.json"
    assert contents(Path("bucket/web-v1")) == contents(out)


def test_an_upload_that_broke_goes_on(local: Watched, written: Callable[..., Any]) -> None:
    out, _, _ = written("imagefolder")
    local.error, local.fails_after = ConnectionError("signature=5ecre7"), 5
    with pytest.raises(ExportError, match="cannot be reached. The same command goes on") as caught:
        upload_export(out, ADDRESS)
    assert "5ecre7" not in str(caught.value) and caught.value.__cause__ is None
    assert not Path("bucket/web-v1/manifest.json").exists()
    first = list(local.written)
    cut = Path("bucket/web-v1", first[1])
    cut.write_bytes(cut.read_bytes()[:-1])
    local.error = None
    check_free(ADDRESS)
    assert upload_export(out, ADDRESS) == len(contents(out)) - len(first) + 1
    assert contents(Path("bucket/web-v1")) == contents(out), "what was cut is there whole"
    assert first[1] in local.written[len(first) :], "and nothing else is sent again"
    assert not {first[0], *first[2:]} & set(local.written[len(first) :])


def test_an_interrupted_upload_goes_on(local: Watched, written: Callable[..., Any]) -> None:
    out, _, _ = written("jsonl")

    def interrupt(_: Transfer) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload_export(out, ADDRESS, show=interrupt)
    assert not Path("bucket/web-v1/manifest.json").exists()
    upload_export(out, ADDRESS)
    assert contents(Path("bucket/web-v1")) == contents(out)


def test_what_is_of_others_is_left_alone(
    memory: MemoryFileSystem, written: Callable[..., Any]
) -> None:
    out, _, _ = written("jsonl")
    memory.pipe_file("/bucket/web-v1/mine.txt", b"mine")
    for call in (lambda: check_free(ADDRESS), lambda: upload_export(out, ADDRESS)):
        with pytest.raises(ExportError, match="exists already"):
            call()
    memory.pipe_file("/bucket/web-v1/SHA256SUMS", b"other")
    check_free(ADDRESS)
    with pytest.raises(ExportError, match="part of another export"):
        upload_export(out, ADDRESS)
    memory.pipe_file("/bucket/web-v1/SHA256SUMS", (out / "SHA256SUMS").read_bytes())
    with pytest.raises(ExportError, match=r"has mine.txt, which is no file of this export"):
        upload_export(out, ADDRESS)
    assert set(stored(memory)) == {"mine.txt", "SHA256SUMS"}
    file = parse_address("memory://bucket/other.txt", ExportError)
    with pytest.raises(ExportError, match="exists already"):
        check_free(file)


def test_an_object_that_is_not_kept_is_noticed(
    local: Watched, written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _, _ = written("jsonl")
    put = local.put_file

    def lose(path1: str, path2: str, *args: Any, **options: Any) -> None:
        put(path1, path2, *args, **options)
        if path2.endswith("README.md"):
            local.rm(path2)

    monkeypatch.setattr(local, "put_file", lose)
    with pytest.raises(ExportError, match="has not kept README.md"):
        upload_export(out, ADDRESS)
    assert not Path("bucket/web-v1/manifest.json").exists()


def test_only_a_finished_export_is_sent(
    memory: MemoryFileSystem, written: Callable[..., Any]
) -> None:
    out, _, _ = written("csv")
    (out / "README.md").write_text("changed")
    with pytest.raises(ExportError, match="README.md is not as it was written"):
        upload_export(out, ADDRESS)
    assert stored(memory) == {}


def test_a_storage_that_fails_is_one_sentence(
    written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(MemoryFileSystem):
        cachable = False

        def ls(self, path: str, **_: Any) -> Any:
            raise PermissionError("5ecre7")

    monkeypatch.setattr(uploads, "open_filesystem", lambda *_: Refusing())
    with pytest.raises(ExportError, match="credentials do not allow it") as caught:
        check_free(parse_address("s3://bucket/web-v1", ExportError))
    assert "5ecre7" not in str(caught.value) and "AWS_ACCESS_KEY_ID" in str(caught.value)
