"""Only an export that is complete, and as it was written, goes elsewhere."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blip2core.errors import ExportError
from blip2core.exports import FORMATS
from blip2core.exports.finished import finished_export
from tests.exports.conftest import ANSWERS


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_of_each_format_is_finished(
    name: str, written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    out, _, _ = written(name, make_pairs(**ANSWERS))
    files = finished_export(out)
    names = [file.name for file in files]
    assert names[0] == "SHA256SUMS" and names[-1] == "manifest.json"
    assert set(names) == {
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()
    }
    for file in files:
        data = file.path.read_bytes()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    (out / ".DS_Store").write_bytes(b"hidden")
    assert finished_export(out) == files


def test_what_is_not_as_it_was_written_is_named(written: Callable[..., Any]) -> None:
    out, _, _ = written("imagefolder")
    image = next((out / "train").rglob("*.png"))
    data, name = image.read_bytes(), image.relative_to(out).as_posix()
    image.write_bytes(data + b"!")
    with pytest.raises(ExportError, match=f"{name} is not as it was written"):
        finished_export(out)
    image.unlink()
    with pytest.raises(ExportError, match=f"{name} is missing"):
        finished_export(out)
    other = out.parent / "elsewhere.png"
    other.write_bytes(data)
    image.symlink_to(other)
    with pytest.raises(ExportError, match=f"{name} is missing"):
        finished_export(out)
    image.unlink()
    image.write_bytes(data)
    (out / "train" / "no\nte.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"train/no\\u000ate.txt is no file of the export"):
        finished_export(out)


def resign(out: Path, sums: bytes) -> None:
    """Write another SHA256SUMS, and the manifest to it."""
    manifest = out / "manifest.json"
    old = hashlib.sha256((out / "SHA256SUMS").read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(old, hashlib.sha256(sums).hexdigest()))
    (out / "SHA256SUMS").write_bytes(sums)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a//b", "./a", "a\\b", "SHA256SUMS"])
def test_hostile_names_in_the_sums_are_not_followed(name: str, written: Callable[..., Any]) -> None:
    out, _, _ = written("jsonl")
    digest = hashlib.sha256(b"secret").hexdigest()
    (out.parent / "secret").write_bytes(b"secret")
    resign(out, (out / "SHA256SUMS").read_bytes() + f"{digest}  {name}\n".encode())
    with pytest.raises(ExportError, match="a line that no export writes"):
        finished_export(out)


def test_what_is_no_export(written: Callable[..., Any], tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ExportError, match="no finished export"):
            finished_export(folder)
    out, _, _ = written("csv")
    sums = (out / "SHA256SUMS").read_bytes()
    resign(out, sums + b"no line of it\n")
    with pytest.raises(ExportError, match="a line that no export writes"):
        finished_export(out)
    (out / "SHA256SUMS").write_bytes(sums)
    with pytest.raises(ExportError, match="not what the manifest says"):
        finished_export(out)
    for broken in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000):
        (out / "manifest.json").write_bytes(broken)
        with pytest.raises(ExportError, match="not what the manifest says"):
            finished_export(out)
    (out / "manifest.json").unlink()
    with pytest.raises(ExportError, match="no finished export"):
        finished_export(out)


def test_a_manifest_that_somebody_wrote_to_the_same_files_is_none(
    written: Callable[..., Any],
) -> None:
    out, _, _ = written("jsonl")
    manifest = out / "manifest.json"
    said = json.loads(manifest.read_bytes())
    for other in ({"sha256sums": said["sha256sums"]}, said | {"files": said["files"] + 1}):
        manifest.write_text(json.dumps(other))
        with pytest.raises(ExportError, match=r"manifest\.json was changed; export it again"):
            finished_export(out)
    manifest.write_text(json.dumps(said))
    assert finished_export(out)
