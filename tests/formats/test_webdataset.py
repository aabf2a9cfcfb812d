import json
import tarfile
from collections.abc import Callable
from typing import Any

import webdataset

from blip2core.config import ExportConfig
from tests.exports.reading import left_open, of_split, texts_of


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


def test_every_kind_of_image_is_decoded(written: Callable[..., Any]) -> None:
    out, _, _ = written("webdataset")
    with left_open():
        shards = sorted(str(path) for path in out.glob("*.tar"))
        read = webdataset.WebDataset(shards, shardshuffle=False).decode("pil")
        kinds = {name for sample in read for name in sample if hasattr(sample[name], "size")}
    assert kinds == {"jpg", "png", "webp", "gif", "bmp"}


def test_members_are_plain_and_tell_nothing_of_where_they_were_made(
    written: Callable[..., Any],
) -> None:
    out, _, _ = written("webdataset")
    with tarfile.open(out / "test-00000.tar") as tar:
        members = tar.getmembers()
        text = json.loads(tar.extractfile(members[2]).read())
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.isreg()) for m in members} == {
        (0, 0, 0, "", "", True)
    }
    assert [m.name for m in members[:3]] == ["000000000.bmp", "000000000.txt", "000000000.json"]
    assert text["decided_by"] == "ann"
