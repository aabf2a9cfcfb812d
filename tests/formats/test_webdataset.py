import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import webdataset

from blip2core.config import ExportConfig
from blip2core.records import SUFFIX_OF_FORMAT, ExportPair
from tests.exports.reading import left_open, load, of_split, texts_of


def test_webdataset_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("webdataset", config=ExportConfig(shard_pairs=5))
    shards = sorted(str(path) for path in out.glob("train-*.tar"))
    assert len(shards) == 3
    with left_open():
        read = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")
        samples = list(read.to_tuple("jpg;png;webp;gif;bmp", "txt", "json"))
    train = of_split(pairs, "train")
    assert [text for _, text, _ in samples] == texts_of(train)
    assert [origin["captioner"] for _, _, origin in samples] == [pair.captioner for pair in train]
    assert {image.size for image, _, _ in samples} == {(7, 9)}


def test_every_kind_of_image_is_decoded_under_one_name(written: Callable[..., Any]) -> None:
    out, _, pairs = written("webdataset")
    with left_open():
        shards = sorted(str(path) for path in out.glob("*.tar"))
        read = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")
        samples = list(read)
    ending = SUFFIX_OF_FORMAT[pairs[0].format]
    assert len(samples) == len(pairs)
    assert {sample[ending].size for sample in samples} == {(7, 9)}
    told = f"of several formats (BMP, GIF, JPEG, PNG, WEBP), all of them called `.{ending}`"
    assert told in (out / "README.md").read_text("utf-8")


def test_images_of_one_format_keep_its_ending(
    written: Callable[..., Any], make_pairs: Callable[..., list[ExportPair]]
) -> None:
    pairs = [pair for pair in make_pairs() if pair.format == "PNG"]
    out, _, _ = written("webdataset", pairs)
    with tarfile.open(out / "train-00000.tar") as tar:
        assert {name.partition(".")[2] for name in tar.getnames()} == {"png", "txt", "json"}
    assert "of several formats" not in (out / "README.md").read_text("utf-8")


def test_datasets_reads_images_of_all_formats(written: Callable[..., Any], tmp_path: Path) -> None:
    out, _, pairs = written("webdataset")
    files = {"train": str(out / "train-*.tar"), "test": str(out / "test-*.tar")}
    with left_open():
        found = load("webdataset", tmp_path / "cache", data_files=files)
    ending = SUFFIX_OF_FORMAT[pairs[0].format]
    for split in files:
        of_this = of_split(pairs, split)
        assert [row["txt"] for row in found[split]] == texts_of(of_this)
        assert [row[ending].format for row in found[split]] == [pair.format for pair in of_this]


def test_members_are_plain_and_tell_nothing_of_where_they_were_made(
    written: Callable[..., Any],
) -> None:
    out, _, pairs = written("webdataset")
    with tarfile.open(out / "test-00000.tar") as tar:
        members = tar.getmembers()
        text = json.loads(tar.extractfile(members[2]).read())
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.isreg()) for m in members} == {
        (0, 0, 0, "", "", True)
    }
    assert [m.name for m in members[:3]] == [
        f"000000000.{SUFFIX_OF_FORMAT[pairs[0].format]}",
        "000000000.txt",
        "000000000.json",
    ]
    assert text["decided_by"] == "ann"
