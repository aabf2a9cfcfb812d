"""Weights have a name of their own, that changes with them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from blip2core.models.revision import revision_of
from blip2core.models.specs import ModelSpec, find_spec


def spec_of(folder: Path) -> ModelSpec:
    (folder / "config.json").write_text('{"architectures": ["Blip2ForConditionalGeneration"]}')
    return find_spec(str(folder))


def test_a_folder_is_named_by_its_weights(tmp_path: Path) -> None:
    names = []
    for weights in (b"one", b"two", b"one"):
        (tmp_path / "model.safetensors").write_bytes(weights)
        names.append(revision_of(SimpleNamespace(), spec_of(tmp_path)))
    assert names[0] == names[2] != names[1]
    assert len(names[0]) == 64


@pytest.mark.parametrize(("commit", "revision"), [("59a1ef6", "59a1ef6"), (None, "main")])
def test_the_hub_names_a_commit(commit: str | None, revision: str) -> None:
    config = SimpleNamespace(_commit_hash=commit)
    assert revision_of(config, find_spec("blip2-opt-2.7b")) == revision
