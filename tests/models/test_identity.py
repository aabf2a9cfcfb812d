"""Weights are told apart by their content; a Hub model by its commit."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from blip2core.models.identity import dtype_of, preprocessing_hash, revision_of
from tests import tiny


def in_folder(folder: Any) -> Any:
    return SimpleNamespace(spec=SimpleNamespace(checkpoint=folder))


def test_another_file_of_weights_is_another_revision(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    first = revision_of(in_folder(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert revision_of(in_folder(tmp_path)) != first and len(first) == 64


def test_each_part_of_the_weights_counts(tmp_path):
    names = ["model-1.safetensors", "model-2.safetensors"]
    index = {"weight_map": {"a": names[0], "b": names[1], "c": names[0]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    revisions = set()
    for contents in (b"xx", b"xy", b"yy"):
        for name, content in zip(names, contents, strict=True):
            (tmp_path / name).write_bytes(bytes([content]) * (content % 7 + 1))
        revisions.add(revision_of(in_folder(tmp_path)))
    assert len(revisions) == 3


def test_a_hub_model_has_its_commit(monkeypatch):
    matcher = tiny.matcher(tiny.retrieval(), revision="main")
    assert revision_of(matcher) == "main"
    matcher.model.config._commit_hash = "c" * 40
    assert revision_of(matcher) == "c" * 40


@pytest.mark.parametrize("name", ["tiny_generator", "tiny_matcher"])
def test_of_both_kinds_of_model(name, request):
    model = request.getfixturevalue(name)
    assert dtype_of(model) == str(torch.float32).removeprefix("torch.")
    assert len(preprocessing_hash(model)) == 64
