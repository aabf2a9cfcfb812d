"""Traces as files, with names no text can misuse."""

import io
import json
from pathlib import Path

import numpy
import pytest

from blip2core.errors import ExportError
from blip2core.explain import Trace, trace
from blip2core.explain.export import file_name, trace_json, trace_npz, write_file
from blip2core.models import ImageFeatures, Matcher


def test_npz_holds_everything(traced: Trace) -> None:
    with numpy.load(io.BytesIO(trace_npz(traced)), allow_pickle=False) as saved:
        facts = json.loads(str(saved["facts"]))
        assert set(saved.files) == {*facts["arrays"], "facts"}
        for name in facts["arrays"]:
            assert list(saved[name].shape) == facts["arrays"][name]
        numpy.testing.assert_array_equal(saved["together_cross"], traced.together.cross.numpy())
        numpy.testing.assert_array_equal(
            saved["together_within_gradients"], traced.together.within_gradients.numpy()
        )
    assert facts["words"][5] == {"text": "car", "tokens": [10, 11, 12]}
    assert (facts["grid"], facts["layers"]) == ([2, 2], [0])


def test_json_holds_the_same(traced: Trace) -> None:
    read = json.loads(trace_json(traced))
    assert read["values"]["alone_cross"] == traced.alone.cross.tolist()
    assert read["itm"] == traced.itm


def test_a_trace_without_text_has_less(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    read = json.loads(trace_json(trace(tiny_matcher, features)))
    assert list(read["values"]) == ["alone_cross", "alone_within"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a red car", "attention-a-red-car.png"),
        ("../../etc/passwd\0\n", "attention-etc-passwd.png"),
        ("Café <b>&", "attention-cafe-b.png"),
        ("图", "attention.png"),
        (None, "attention.png"),
    ],
)
def test_names_are_safe(text: str | None, name: str) -> None:
    assert file_name(text, "png") == name


def test_names_are_short() -> None:
    assert len(file_name("word " * 100, "npz")) < 80


def test_where_nothing_can_be_written_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        write_file(tmp_path / "nowhere" / "a.npz", b"")


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.npz"
    write_file(file, b"first")

    def full(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="No space left"):
        write_file(file, b"second")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [
        ("a.npz", b"first")
    ]
