import json
from pathlib import Path

import pytest

from blip2core.errors import DataError
from blip2core.training.accepted_pairs import find_split, origin, training_file, validation_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export as jsonl, with both splits."""
    folder = tmp_path / "export"
    folder.mkdir()
    for split in ("train", "validation"):
        (folder / f"{split}.jsonl").write_text("")
    return folder


def test_files_of_an_export(folder: Path) -> None:
    assert training_file(str(folder)) == folder / "train.jsonl"
    assert validation_file(str(folder), None) == folder / "validation.jsonl"
    assert find_split(folder, "test") is None


def test_files_of_an_imagefolder(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "metadata.jsonl").write_text("")
    assert training_file(str(tmp_path)) == tmp_path / "train" / "metadata.jsonl"
    assert validation_file(str(tmp_path), None) is None


def test_plain_files_stand_for_themselves(folder: Path) -> None:
    file = folder / "train.jsonl"
    assert training_file(str(file)) == file
    assert validation_file(str(file), None) is None
    assert validation_file(str(folder), str(file)) == file


def test_another_export_for_validation(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.jsonl").write_text("")
    assert validation_file(str(folder), str(other)) == other / "train.jsonl"
    (other / "validation.jsonl").write_text("")
    assert validation_file(str(folder), str(other)) == other / "validation.jsonl"


def test_an_unfinished_export_is_refused(folder: Path) -> None:
    partial = folder.rename(folder.with_name("export.partial"))
    with pytest.raises(DataError, match="not written to its end"):
        training_file(str(partial))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file or folder"):
        training_file(str(tmp_path / "gone"))


@pytest.mark.parametrize("text", ["{", "[]", '{"dataset": "d"}'])
def test_a_foreign_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="is not the manifest of an export"):
        origin(str(folder))


def test_origin(folder: Path) -> None:
    assert origin(str(folder)) == {"source": "export"}
    told = {"dataset": "d", "snapshot": "s", "content_sha256": "c", "more": 1}
    (folder / "manifest.json").write_text(json.dumps(told))
    assert origin(str(folder)).keys() == {
        "dataset", "snapshot", "content_sha256", "manifest_sha256"
    }  # fmt: skip
