import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blip2core.config import ExportConfig
from tests.exports.reading import json_lines, left_open, load, of_split, texts_of

SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize("by_card", [False, True], ids=["data_dir", "card"])
def test_datasets_reads_it(written: Callable[..., Any], tmp_path: Path, by_card: bool) -> None:
    out, _, pairs = written("imagefolder")
    source = (str(out), {}) if by_card else ("imagefolder", {"data_dir": str(out)})
    loaded = load(source[0], tmp_path / "cache", **source[1])
    assert set(loaded) == set(SPLITS)
    for split in SPLITS:
        expected = of_split(pairs, split)
        assert list(loaded[split]["text"]) == texts_of(expected)
        with left_open():
            assert [image.size for image in loaded[split]["image"]] == [(7, 9)] * len(expected)
        assert list(loaded[split]["caption_id"]) == [pair.caption_id for pair in expected]
        assert list(loaded[split]["captioner"]) == [pair.captioner or "" for pair in expected]
        assert list(loaded[split]["itm"]) == [
            -1 if pair.itm is None else pair.itm for pair in expected
        ]


def test_a_column_that_one_split_does_not_have(
    written: Callable[..., Any], make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    pairs = [
        pair for pair in make_pairs() if (pair.source == "web") == (pair.split == "train")
    ]  # no run wrote a text of the training split
    out, _, _ = written("imagefolder", pairs)
    loaded = load(str(out), tmp_path / "cache")
    assert set(loaded["train"]["run_uid"]) == {""}
    assert set(loaded["train"]["itm"]) == {-1}
    assert set(loaded["test"]["run_uid"]) == {"run-1"}


def test_one_row_per_image(written: Callable[..., Any], tmp_path: Path) -> None:
    out, manifest, pairs = written("imagefolder", config=ExportConfig(captions="lists"))
    train = of_split(pairs, "train")
    loaded = load("imagefolder", tmp_path / "cache", data_dir=str(out))["train"]
    assert loaded["captions"][0] == texts_of(train[:2])
    assert [detail["source"] for detail in loaded["details"][0]] == ["web", "synthetic"]
    assert len(loaded) == len(train) / 2
    assert manifest.pairs == len(pairs)


def test_images_are_the_stored_bytes_under_their_hash(written: Callable[..., Any]) -> None:
    out, _, pairs = written("imagefolder")
    for row in json_lines(out / "train/metadata.jsonl"):
        data = (out / "train" / row["file_name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["image_sha256"]
        assert row["file_name"].startswith(row["image_sha256"][:2] + "/" + row["image_sha256"])
    assert len(list((out / "train").rglob("*.*"))) == 1 + len(of_split(pairs, "train")) / 2


def test_a_line_break_of_any_kind_stays_inside_its_line(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    text = "a\nb\u2028c\u2029d\x85e\rf"
    out, _, _ = written("imagefolder", make_pairs(1, texts=(text,)))
    whole = (out / "train/metadata.jsonl").read_text("utf-8")
    assert next(json.loads(line)["text"] for line in io.StringIO(whole)) == text
    assert len(whole.splitlines()) == 2
