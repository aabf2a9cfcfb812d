"""Images by the hash of their bytes: whole or not at all, and no name leads outside."""

import os
from pathlib import Path

import pytest

from blip2core.errors import StorageError
from blip2core.storage import ImageStore

DATA = b"\x89PNG bytes"


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def files(store: ImageStore) -> list[Path]:
    return [file for file in store.root.rglob("*") if file.is_file()]


def test_bytes_come_back_under_their_hash(store: ImageStore) -> None:
    sha256 = store.put(DATA, format="PNG")
    assert store.put(DATA, format="PNG") == sha256
    assert store.read(sha256, format="PNG") == DATA
    assert files(store) == [store.root / sha256[:2] / f"{sha256}.png"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../" * 21 + "e",
        "/etc/passwd",
        "a" * 63,
        "A" * 64,
        "a" * 64 + "\n",
        "a" * 64 + "/",
    ],
)
def test_only_a_hash_is_a_name(store: ImageStore, name: str) -> None:
    with pytest.raises(StorageError):
        store.path(name, format="PNG")
    with pytest.raises(StorageError):
        store.path("a" * 64, format=f"PNG/{name}")


def test_damaged_bytes_are_not_given_out(store: ImageStore) -> None:
    sha256 = store.put(DATA, format="PNG")
    store.path(sha256, format="PNG").write_bytes(DATA[::-1])
    with pytest.raises(StorageError, match="damaged"):
        store.read(sha256, format="PNG")


def test_a_damaged_image_is_mended_by_importing_it_again(store: ImageStore) -> None:
    sha256 = store.put(DATA, format="PNG")
    path = store.path(sha256, format="PNG")
    path.write_bytes(DATA[::-1])  # of the same size
    assert store.has(sha256, format="PNG", bytes=len(DATA))  # nothing is read
    assert not store.has(sha256, format="PNG", bytes=len(DATA) + 1)
    store.put(DATA, format="PNG")
    assert store.read(sha256, format="PNG") == DATA


def test_what_is_no_file_is_no_image(store: ImageStore) -> None:
    path = store.path("a" * 64, format="PNG")
    assert not store.has("a" * 64, format="PNG", bytes=4096)
    path.mkdir(parents=True)
    assert not store.has("a" * 64, format="PNG", bytes=path.stat().st_size)
    with pytest.raises(StorageError, match=f"{path} cannot be read .Is a directory"):
        store.read("a" * 64, format="PNG")


def test_a_crash_leaves_no_half_of_an_image(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    told = f"stored in {store.root}: No space left on device; free some space there"
    with pytest.raises(StorageError, match=told):
        store.put(DATA, format="PNG")
    assert files(store) == []


def test_several_are_stored_together(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is synced before the first gets its name, and each folder once."""
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, _real=real, _name=name: (calls.append(_name), _real(*args))[1]
        )
    many = [(bytes([number]), "PNG") for number in range(20)]
    names = store.put_all([*many, many[0]])
    assert names[0] == names[-1] and len(set(names)) == 20
    assert all(
        store.read(name, format="PNG") == data for name, (data, _) in zip(names, many, strict=False)
    )
    folders = len({name[:2] for name in names}) + 2
    assert calls == ["fsync"] * 21 + ["replace"] * 21 + ["fsync"] * folders
    assert len(files(store)) == 20, "no half-written file is left"


def test_one_that_cannot_be_written_leaves_no_halves_of_the_others(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, calls = os.fsync, []

    def fail_once(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(StorageError, match="No space left on device; free some space there"):
        store.put_all([(bytes([number]), "PNG") for number in range(20)])
    assert files(store) == []


def test_bytes_are_synced_before_they_get_their_name(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, _real=real, _name=name: (calls.append(_name), _real(*args))[1]
        )
    store.put(DATA, format="PNG")
    assert calls == ["fsync", "replace", *["fsync"] * 3]  # and the folders above it


def test_sweep_takes_what_nothing_refers_to(store: ImageStore) -> None:
    wanted, orphan = store.put(DATA, format="PNG"), store.put(DATA * 2, format="JPEG")
    half = store.root / "ab" / "tmp123.partial"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    assert store.sweep(lambda sha256: sha256 == wanted) == 0  # too young
    unwanted = store.unwanted(lambda sha256: sha256 == wanted, older_than=0)
    assert sorted(unwanted) == sorted([store.path(orphan, format="JPEG"), half])
    assert store.sweep(lambda sha256: sha256 == wanted, older_than=0) == 2
    assert [file.stem for file in files(store)] == [wanted]
    with pytest.raises(StorageError, match="not in the store"):
        store.read(orphan, format="JPEG")


def test_what_is_stored_again_is_young_again(store: ImageStore) -> None:
    """A sweep leaves it until its row is there."""
    sha256 = store.put(DATA, format="PNG")
    os.utime(store.path(sha256, format="PNG"), (1, 1))
    assert len(store.unwanted(lambda _: False)) == 1
    store.put(DATA, format="PNG")
    assert store.unwanted(lambda _: False) == []


def test_delete_twice(store: ImageStore) -> None:
    sha256 = store.put(DATA, format="PNG")
    assert store.delete(sha256, format="PNG")
    assert not store.delete(sha256, format="PNG")
    assert files(store) == []
