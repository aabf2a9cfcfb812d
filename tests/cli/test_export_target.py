"""blip2 export writes to addresses too: whole, and noted under the address."""

# ruff: noqa: F811 - fixtures are imported
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from sqlalchemy import select

from blip2core.errors import StorageError
from blip2core.exports import uploads
from blip2core.storage import Database, open_database
from blip2core.storage.schema import Export
from blip2core.storage.snapshots import named_snapshot
from tests.exports.test_snapshots import ITEMS, accept, command, studio  # noqa: F401
from tests.remote.fake_hub import FakeHub


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A storage in memory, which memory:// means."""
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pseudo_dirs[:] = [""]
    yield storage
    storage.store.clear()


def noted(tmp_path: Path) -> list[tuple[str, str | None]]:
    """Status and place of each export in the database."""
    database = open_database(str(tmp_path / "studio.db"), owner=False)
    with database.read() as session:
        found = [(one.status, one.location) for one in session.scalars(select(Export))]
    database.close()
    return found


def test_the_command_writes_to_an_address(
    command: Any, studio: Database, bucket: Any, tmp_path: Path
) -> None:
    accept(studio, *range(2, 2 * ITEMS + 1, 2))
    arguments = ("birds", "--format", "jsonl", "--out")
    code, told, _ = command(*arguments, "memory://bucket/birds")
    assert (code, told["out"], told["pairs"]) == (0, "memory://bucket/birds", ITEMS)
    manifest = bucket.cat_file("/bucket/birds/manifest.json")
    assert told["manifest_sha256"] == hashlib.sha256(manifest).hexdigest()
    assert noted(tmp_path) == [("complete", "memory://bucket/birds")]
    code, told, said = command(*arguments, "memory://bucket/birds")
    assert (code, told) == (2, None) and "exists already" in said
    code, told, _ = command(*arguments, f"file://{tmp_path}/out")
    assert code == 0 and (tmp_path / "out/manifest.json").is_file()
    assert len(noted(tmp_path)) == 2


def test_an_upload_that_breaks_is_a_failed_export_and_goes_on(
    command: Any, studio: Database, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(studio, *range(2, 2 * ITEMS + 1, 2))
    arguments = ("birds", "--format", "jsonl", "--out", "memory://bucket/birds")
    with monkeypatch.context() as broken:
        broken.setattr(uploads, "_put_all", _cut)
        code, told, said = command(*arguments)
    assert (code, told) == (2, None) and "The same command goes on" in said
    assert bucket.ls("/bucket/birds", detail=False) == ["/bucket/birds/SHA256SUMS"]
    assert command(*arguments)[0] == 0
    assert noted(tmp_path) == [("failed", None), ("complete", "memory://bucket/birds")]


def _cut(*_: Any) -> None:
    raise ConnectionResetError


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("s3://key:5ecre7@bucket/birds", "name or password"),
        ("ftp://host/birds", "not read"),
        ("hf://models/ann/birds", "hf://datasets/OWNER/NAME"),
        ("hf://datasets/ann", "OWNER/NAME"),
    ],
)
def test_an_address_that_cannot_be_is_refused_before_anything_is_frozen(
    command: Any, studio: Database, tmp_path: Path, out: str, message: str
) -> None:
    accept(studio, 2)
    code, told, said = command("birds", "--format", "jsonl", "--out", out)
    assert (code, told) == (2, None)
    assert message in said and "5ecre7" not in said
    with studio.read() as session, pytest.raises(StorageError, match="none is frozen"):
        named_snapshot(session, name="birds@v1")


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
def test_the_command_writes_to_the_hub_and_privately(
    command: Any, studio: Database, hub: FakeHub, tmp_path: Path
) -> None:
    accept(studio, *range(2, 2 * ITEMS + 1, 2))
    code, _, _ = command("birds", "--format", "jsonl", "--out", "hf://datasets/ann/birds")
    assert code == 0
    made = hub.datasets["ann/birds"]
    assert made.private and "manifest.json" in made.files
    assert noted(tmp_path) == [("complete", "hf://datasets/ann/birds")]
