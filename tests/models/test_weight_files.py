"""Whether a checkpoint is whole is seen without reading it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from blip2core.bundled import CHECKPOINTS
from blip2core.errors import ModelError
from blip2core.models.specs import SPECS, ModelSpec
from blip2core.models.weight_files import check_weights, weight_files

EMBEDDED = [spec for spec in SPECS.values() if spec.is_embedded]


@pytest.mark.parametrize("spec", EMBEDDED, ids=lambda spec: spec.name)
def test_the_embedded_ones_are_whole(spec: ModelSpec) -> None:
    check_weights(spec)


def test_of_the_hub_nothing_is_looked_at() -> None:
    check_weights(SPECS["blip2-opt-2.7b"])


@pytest.fixture
def copied(tmp_path: Path) -> ModelSpec:
    shutil.copytree(CHECKPOINTS / "stickers-itm", tmp_path / "model")
    return replace(SPECS["stickers-itm"], checkpoint=tmp_path / "model")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda data: data[:-1], "bytes in place of"),
        (lambda data: data[:100], "is damaged, or no safetensors file"),
        (lambda data: data + b"x", "bytes in place of"),
        (lambda data: b"", "is damaged"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\n" * 3, "is damaged"),
        (lambda data: b"\x02\0\0\0\0\0\0\0[]", "cannot be read"),
        (lambda data: b"\x02\0\0\0\0\0\0\0{]", "cannot be read"),
        (lambda data: b'\x07\0\0\0\0\0\0\0{"a":1}', "cannot be read"),
    ],
)
def test_what_is_damaged_is_named(copied: ModelSpec, content: object, said: str) -> None:
    assert isinstance(copied.checkpoint, Path) and callable(content)
    file = copied.checkpoint / "model.safetensors"
    file.write_bytes(content(file.read_bytes()))
    with pytest.raises(ModelError, match=f"{said}.*opy the checkpoint again"):
        check_weights(copied)


def test_what_is_missing_is_named(copied: ModelSpec) -> None:
    assert isinstance(copied.checkpoint, Path)
    index = {"weight_map": {"a": "b.safetensors", "c": "model.safetensors"}}
    (copied.checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    assert [file.name for file in weight_files(copied.checkpoint)] == [
        "b.safetensors",
        "model.safetensors",
    ]
    with pytest.raises(ModelError, match="b.safetensors is missing"):
        check_weights(copied)
    (copied.checkpoint / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelError, match="cannot be read"):
        check_weights(copied)
    (copied.checkpoint / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        check_weights(copied)
