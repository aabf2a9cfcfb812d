import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from PIL import Image
from pyarrow import parquet as tables

from blip2core.config import ExportConfig
from blip2core.formats import parquet
from tests.exports.reading import load, of_split, texts_of


@pytest.mark.parametrize("by_card", [False, True], ids=["data_dir", "card"])
def test_datasets_reads_images_and_origin(
    written: Callable[..., Any], tmp_path: Path, by_card: bool
) -> None:
    out, _, pairs = written("parquet")
    source = (str(out), {}) if by_card else ("parquet", {"data_dir": str(out / "data")})
    loaded = load(source[0], tmp_path / "cache", **source[1])
    for split in ("train", "validation", "test"):
        expected = of_split(pairs, split)
        assert list(loaded[split]["text"]) == texts_of(expected)
        assert [image.size for image in loaded[split]["image"]] == [(7, 9)] * len(expected)
        for column in ("scorer", "license", "url", "decided_by", "itc", "decision_id"):
            assert list(loaded[split][column]) == [getattr(pair, column) for pair in expected]


def test_pandas_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("parquet")
    frame = pandas.read_parquet(out / "data/train-00000.parquet")
    assert list(frame["text"]) == texts_of(of_split(pairs, "train"))
    assert Image.open(io.BytesIO(frame["image"][0]["bytes"])).size == (7, 9)


def test_lists_of_captions(written: Callable[..., Any], tmp_path: Path) -> None:
    out, _, pairs = written("parquet", config=ExportConfig(captions="lists"))
    loaded = load(str(out), tmp_path / "cache")["train"]
    train = of_split(pairs, "train")
    assert loaded["captions"][1] == texts_of(train[2:4])
    assert loaded["details"][1][1]["run_uid"] == "run-1"
    assert loaded["image_sha256"][1] == train[2].image_sha256


def test_shards_and_row_groups(
    written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    out, _, pairs = written("parquet", config=ExportConfig(shard_pairs=5))
    files = sorted(out.glob("data/train-*.parquet"))
    assert [tables.ParquetFile(file).metadata.num_row_groups for file in files] == [3, 3, 1]
    rows = [text for file in files for text in tables.read_table(file)["text"].to_pylist()]
    assert rows == texts_of(of_split(pairs, "train"))


def test_a_row_group_ends_where_its_images_are_large(
    written: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GROUP_BYTES", 1)
    out, _, _ = written("parquet")
    assert tables.ParquetFile(out / "data/train-00000.parquet").metadata.num_row_groups == 12
