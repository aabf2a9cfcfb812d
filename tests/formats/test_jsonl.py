import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

from blip2core.config import ExportConfig
from blip2core.formats.rows import json_line
from blip2core.training.data import FilePairs
from tests.exports.reading import json_lines, load, of_split, texts_of


def test_pandas_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("jsonl")
    frame = pandas.read_json(out / "train.jsonl", lines=True, dtype=False)
    assert list(frame["text"]) == texts_of(of_split(pairs, "train"))
    assert all((out / name).is_file() for name in frame["image"])


def test_letters_of_all_scripts_stand_as_they_are() -> None:
    line = json_line({"text": "\u00e9 \u72d7 \u2028 \u2029 \x85 end"})
    assert line.decode() == '{"text": "\u00e9 \u72d7 \\u2028 \\u2029 \\u0085 end"}\n'


def test_datasets_reads_it(written: Callable[..., Any], tmp_path: Path) -> None:
    out, _, pairs = written("jsonl")
    loaded = load(str(out), tmp_path / "cache")
    assert list(loaded["test"]["text"]) == texts_of(of_split(pairs, "test"))


@pytest.mark.parametrize("captions", ["rows", "lists"])
def test_a_column_that_one_split_does_not_have(
    written: Callable[..., Any], make_pairs: Any, tmp_path: Path, captions: Any
) -> None:
    pairs = [pair for pair in make_pairs() if (pair.source == "web") == (pair.split == "train")]
    out, _, _ = written("jsonl", pairs, config=ExportConfig(captions=captions))
    loaded = load(str(out), tmp_path / "cache")
    rows = [
        detail
        for split in ("train", "test")
        for row in loaded[split]
        for detail in (row["details"] if captions == "lists" else [row])
    ]
    assert [row["run_uid"] for row in rows] == [None] * 6 + ["run-1"] * 2
    assert [row["itm"] for row in rows] == [None] * 6 + [
        pair.itm for pair in of_split(pairs, "test")
    ]


def test_training_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("jsonl")
    read = FilePairs(out / "validation.jsonl")
    expected = of_split(pairs, "validation")
    assert len(read) == len(expected) / 2
    assert read.image(0).size == (7, 9)
    drawn = {read.text(0, random.Random(seed)).text for seed in range(20)}
    assert drawn == set(texts_of(expected[:2]))


def test_lists(written: Callable[..., Any]) -> None:
    out, _, pairs = written("jsonl", config=ExportConfig(captions="lists"))
    rows = json_lines(out / "train.jsonl")
    assert rows[0]["captions"] == texts_of(pairs[:2])
    assert rows[0]["details"][1]["captioner"] == pairs[1].captioner
    assert rows[0]["url"] == pairs[0].url
