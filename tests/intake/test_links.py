"""Links in a folder that is imported: inside it followed, outside it refused by name."""

import os
from pathlib import Path
from typing import Any

import pytest

from blip2core.errors import IntakeError
from blip2core.intake import Limits, read
from blip2core.intake.archives import FolderArchive
from blip2core.records import WebImage
from tests.intake.making import png, reasons, texts

SHA = "0123456789abcdef0123456789abcdef01234567"
HASH = "ab" * 32


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot in the cache of the Hub, beside another repository."""
    repository = tmp_path / "hub/datasets--you--cats"
    folder = repository / "snapshots" / SHA
    (folder / "train").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text(SHA, "utf-8")
    files = {
        "train/1.png": png(1),
        "train/2.png": png(2),
        "train/2.txt": b"two",
        "train/metadata.csv": b"file_name,text\n1.png,one\n",
    }
    for number, (name, data) in enumerate(files.items()):
        blob(repository, f"etag{number}", data)
        (folder / name).symlink_to(f"../../../blobs/etag{number}")
    blob(tmp_path / "hub/datasets--others--secret", "secret", png(9))
    return folder


def blob(repository: Path, name: str, data: bytes) -> None:
    (repository / "blobs").mkdir(parents=True, exist_ok=True)
    (repository / "blobs" / name).write_bytes(data)


@pytest.mark.parametrize("below", [".", "..", "../..", "train"])
def test_a_snapshot_of_the_hub_is_read(snapshot: Path, below: str) -> None:
    found = texts(read(snapshot / below))
    assert {Path(name).name: told for name, told in found.items()} == {
        "1.png": ("one",),
        "2.png": ("two",),
    }


def test_a_table_of_a_snapshot_of_the_hub_reaches_the_images_beside_it(snapshot: Path) -> None:
    assert texts(read(snapshot / "train/metadata.csv")) == {"1.png": ("one",)}


def test_files_of_the_store_that_repositories_share_are_read_by_their_own_links(
    snapshot: Path,
) -> None:
    store = snapshot.parents[2] / "blobs"
    (store / "ab").mkdir(parents=True)
    (store / "ab" / HASH).write_bytes(png(3))
    link = snapshot.parents[1] / "blobs/etag9"
    link.symlink_to(f"../../blobs/ab/{HASH}")
    (store / "ab/notes.refs").write_bytes(png(4))  # what is no file of the store
    (snapshot.parents[1] / "blobs/etag8").symlink_to("../../blobs/ab/notes.refs")
    (snapshot / "5.png").symlink_to("../../blobs/etag8")
    (snapshot / "3.png").symlink_to("../../blobs/etag9")
    (snapshot / "4.png").symlink_to(f"../../../blobs/ab/{HASH}")  # not through its own blobs
    assert set(reasons(read(snapshot))) == {"3.png", "4.png", "5.png"}
    (store / ".huggingface-shared-blobs").write_text("1", "utf-8")
    assert set(reasons(read(snapshot))) == {"4.png", "5.png"}
    link.unlink()
    link.symlink_to("../../datasets--others--secret/blobs/secret")
    assert set(reasons(read(snapshot))) == {"3.png", "4.png", "5.png"}


def test_a_snapshot_reaches_no_other_repository(snapshot: Path) -> None:
    (snapshot / "x.png").symlink_to("../../../datasets--others--secret/blobs/secret")
    (snapshot / "y").symlink_to("../../../datasets--others--secret/blobs")
    found = list(read(snapshot))
    assert set(reasons(found)) == {"x.png", "y"}
    assert png(9) not in [one.data for one in found if isinstance(one, WebImage)]


def test_blobs_that_are_a_link_themselves_are_no_blobs(snapshot: Path) -> None:
    blobs = snapshot.parents[1] / "blobs"
    blobs.rename(snapshot.parents[1] / "moved")
    blobs.symlink_to("../datasets--others--secret/blobs")
    (snapshot / "x.png").symlink_to("../../blobs/secret")
    assert "x.png" in reasons(read(snapshot))


def test_what_only_looks_like_a_snapshot_reaches_nothing_more(tmp_path: Path) -> None:
    pairs = {"cats": "snapshots", "datasets--you--cats": "snapshots.old"}
    for repository, snapshots in pairs.items():
        folder = tmp_path / repository / snapshots / SHA
        folder.mkdir(parents=True)
        blob(tmp_path / repository, "etag", png())
        (folder / "x.png").symlink_to("../../blobs/etag")
        assert list(reasons(read(folder))) == ["x.png"]


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / ".data/deep").mkdir(parents=True)
    (tmp_path / "real/1.png").write_bytes(png(1))
    (tmp_path / ".data/deep/2.png").write_bytes(png(2))
    (tmp_path / ".data/deep/2.txt").write_text("two", "utf-8")
    (tmp_path / "a").symlink_to("real")  # its files have a name of their own
    (tmp_path / "b").symlink_to(".data")
    (tmp_path / "c.png").symlink_to("real/1.png")
    (tmp_path / "c.txt").write_text("linked", "utf-8")
    expected = {"c.png": ("linked",), "real/1.png": (), "b/deep/2.png": ("two",)}
    found = texts(read(tmp_path))
    assert found == expected and list(found) == list(expected)


def test_a_table_may_name_a_file_by_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/1.png").write_bytes(png(1))
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "t.csv").write_text("file_name,text\nlink/1.png,one\n", "utf-8")
    assert set(texts(read(tmp_path)).values()) == {("one",)}


def test_circles_of_linked_folders_end(tmp_path: Path) -> None:
    for name in "abcdefgh":
        (tmp_path / ".real" / name).mkdir(parents=True)
        for other in "abcdefgh":
            (tmp_path / ".real" / name / f"to {other}").symlink_to(f"../{other}")
    (tmp_path / ".real/h/1.png").write_bytes(png())
    (tmp_path / "all").symlink_to(".real")
    (tmp_path / "up").symlink_to(".")
    assert list(texts(read(tmp_path))) == ["all/h/1.png"]


def test_links_that_lead_outside_or_nowhere_are_told_by_name(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "1.png").write_bytes(png(9))
    for name in ("1.png", "1.txt", "README.md", "1.csv"):
        (outside / name).touch()
        (inside / name).symlink_to(outside / name)
    (inside / "folder").symlink_to(outside)
    (inside / "twice").symlink_to("folder")
    (inside / "nowhere.png").symlink_to("missing.png")
    (inside / "circle.png").symlink_to("circle.png")
    (inside / "2.png").write_bytes(png(2))
    found = list(read(inside))
    assert [one.data for one in found if isinstance(one, WebImage)] == [png(2)]
    told = reasons(found)
    assert {name for name, reason in told.items() if "leads outside" in reason} == {
        *("1.png", "1.txt", "README.md", "1.csv", "folder", "twice")
    }
    assert told["nowhere.png"] == told["circle.png"] == "The link leads nowhere."


def test_a_link_that_is_turned_outside_after_it_was_listed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(png(9))
    (tmp_path / "in/a.png").write_bytes(png())
    (tmp_path / "in/link.png").symlink_to("a.png")
    archive = FolderArchive(tmp_path / "in", Limits())
    assert list(archive.names()) == ["a.png", "link.png"]
    (tmp_path / "in/link.png").unlink()
    (tmp_path / "in/link.png").symlink_to("../secret.png")
    assert archive.head("link.png") == b""
    with pytest.raises(IntakeError, match="leads outside"):
        archive.file("link.png", 1_000)


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.png").write_bytes(png())
    healthy = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return healthy(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(read(tmp_path))
    assert reasons(found) == {"closed": "The folder cannot be read: Permission denied."}
    assert len(found) == 2
