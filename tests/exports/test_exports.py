"""What holds for every format."""

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import blip2core.exports
from blip2core.config import ExportConfig
from blip2core.errors import ConfigError, ExportError
from blip2core.exports import FORMATS, export_pairs
from blip2core.records import ExportPair
from tests.exports.conftest import ANSWERS, SUBJECT

EACH = pytest.mark.parametrize("name", FORMATS)


@pytest.fixture
def make_pairs(make_pairs: Callable[..., Any]) -> Callable[..., Any]:
    """Answers to questions, so that every format can hold them."""
    return partial(make_pairs, **ANSWERS)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_all_is_exported() -> None:
    assert all(hasattr(blip2core.exports, name) for name in blip2core.exports.__all__)


@EACH
def test_twice_the_same_is_the_same_bytes(
    name: str, make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    config = ExportConfig(shard_pairs=5)
    manifests = [
        export_pairs(make_pairs(), tmp_path / out, format=name, subject=SUBJECT, config=config)
        for out in ("one", "elsewhere")
    ]
    one, two = contents(tmp_path / "one"), contents(tmp_path / "elsewhere")
    assert one == two
    assert manifests[0].sha256 == manifests[1].sha256
    assert hashlib.sha256(one["manifest.json"]).hexdigest() == manifests[0].sha256


@EACH
def test_sums_and_manifest_cover_every_file(name: str, written: Callable[..., Any]) -> None:
    out, manifest, pairs = written(name)
    files = contents(out)
    told = json.loads(files.pop("manifest.json"))
    sums = files.pop("SHA256SUMS")
    assert told["sha256sums"] == hashlib.sha256(sums).hexdigest()
    entries = [line.split("  ", 1) for line in sums.decode().splitlines()]
    assert {path: digest for digest, path in entries} == {
        path: hashlib.sha256(data).hexdigest() for path, data in files.items()
    }
    assert told["files"] == manifest.files == len(files)
    assert (told["snapshot"], told["content_sha256"]) == ("first", "c0" * 32)
    assert told["counts"]["pairs"] == {"train": 12, "validation": 4, "test": 4}
    assert told["counts"]["captioners"] == {pairs[1].captioner: 10}
    assert told["policy"]["threshold"] == 0.5
    assert (manifest.pairs, manifest.images) == (20, 10)


@EACH
def test_no_path_of_this_machine_is_inside(
    name: str, written: Callable[..., Any], tmp_path: Path
) -> None:
    out, _, _ = written(name)
    for path, data in contents(out).items():
        assert str(tmp_path).encode() not in data, path
        assert b"store-of-this-machine" not in data, path


@EACH
def test_an_error_in_the_middle_leaves_only_partial(
    name: str, make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    def breaking() -> Iterator[ExportPair]:
        yield from make_pairs()[:7]
        raise KeyboardInterrupt

    out = tmp_path / "exports" / "mine"
    with pytest.raises(KeyboardInterrupt):
        export_pairs(breaking(), out, format=name, subject=SUBJECT)
    assert os.listdir(out.parent) == ["mine.partial"]
    assert not (out.parent / "mine.partial" / "manifest.json").exists()
    export_pairs(make_pairs(), out, format=name, subject=SUBJECT)
    assert os.listdir(out.parent) == ["mine"]


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from blip2core.exports import export_pairs, output
from blip2core.exports.subject import Subject

name, moment, pairs_file, out = sys.argv[1:]
pairs = pickle.loads(Path(pairs_file).read_bytes())
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)

def dying():
    yield from pairs[:7]
    die() if moment == "pairs" else None
    yield from pairs[7:]

if moment == "manifest":
    output.Output.write_manifest = die
if moment == "rename":
    Path.rename = die
subject = Subject(dataset="d", snapshot="s", content_sha256="0" * 64)
export_pairs(dying(), Path(out), format=name, subject=subject)
"""


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        *((name, "pairs") for name in ("imagefolder", "webdataset", "parquet", "coco")),
        ("jsonl", "manifest"),
        ("jsonl", "rename"),
    ],
)
def test_a_kill_leaves_only_partial(
    name: str, moment: str, make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "pairs").write_bytes(pickle.dumps(make_pairs()))
    out = tmp_path / "exports" / "mine"
    arguments = [name, moment, str(tmp_path / "pairs"), str(out)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert os.listdir(out.parent) == ["mine.partial"]
    manifest = export_pairs(make_pairs(), out, format=name, subject=SUBJECT)
    assert manifest.pairs == 20
    assert os.listdir(out.parent) == ["mine"]


def test_a_licence_of_its_own_for_each_image(written: Callable[..., Any], make_pairs: Any) -> None:
    pairs = [replace(pair, license=f"mine {pair.item_id}") for pair in make_pairs(150)]
    _, manifest, _ = written("jsonl", pairs)
    licenses = manifest.data["counts"]["licenses"]
    assert len(licenses) == 101
    assert licenses["(others)"] == 100


def test_what_is_there_is_never_overwritten(written: Callable[..., Any], tmp_path: Path) -> None:
    out, _, pairs = written("jsonl")
    before = contents(out)
    with pytest.raises(ExportError, match="exists already"):
        export_pairs(pairs, out, format="jsonl", subject=SUBJECT)
    assert contents(out) == before
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial" / "diary.txt").write_text("mine")
    with pytest.raises(ExportError, match="in the way"):
        export_pairs(pairs, tmp_path / "new", format="jsonl", subject=SUBJECT)
    assert (tmp_path / "new.partial" / "diary.txt").read_text() == "mine"


def test_an_image_that_is_gone_or_damaged(make_pairs: Callable[..., Any], tmp_path: Path) -> None:
    pairs = make_pairs(2)
    item = pairs[2].item_id
    Path(pairs[2].image_path).write_bytes(b"other")
    with pytest.raises(ExportError, match=f"item {item} is damaged"):
        export_pairs(pairs, tmp_path / "a", format="webdataset", subject=SUBJECT)
    Path(pairs[2].image_path).unlink()
    with pytest.raises(ExportError, match=f"item {item} is no longer stored"):
        export_pairs(pairs, tmp_path / "a", format="coco", subject=SUBJECT)
    assert not (tmp_path / "a").exists()


def test_an_image_in_two_splits_is_refused(make_pairs: Callable[..., Any], tmp_path: Path) -> None:
    first, second = make_pairs(1)
    with pytest.raises(ExportError, match="in train and in test"):
        export_pairs(
            [first, replace(second, split="test")], tmp_path / "a", format="csv", subject=SUBJECT
        )


def test_pairs_out_of_order_are_refused(make_pairs: Callable[..., Any], tmp_path: Path) -> None:
    one, other, two, _ = make_pairs(2)
    with pytest.raises(ExportError, match=f"item {one.item_id} do not come together"):
        export_pairs([one, two, other], tmp_path / "a", format="coco", subject=SUBJECT)


def test_nothing_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="first has no pairs"):
        export_pairs([], tmp_path / "a", format="jsonl", subject=SUBJECT)
    assert not (tmp_path / "a").exists()


def test_pairs_of_which_the_format_can_hold_none(
    make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    pairs = make_pairs(2, text_data=None)
    with pytest.raises(ExportError, match=r"none of the pairs \(4 times: no question"):
        export_pairs(pairs, tmp_path / "a", format="vqa", subject=SUBJECT)
    assert not (tmp_path / "a").exists()


def test_unknown_formats_and_settings(tmp_path: Path, make_pairs: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="use one of imagefolder, webdataset"):
        export_pairs([], tmp_path / "a", format="zip", subject=SUBJECT)
    lists = ExportConfig(captions="lists")
    with pytest.raises(ConfigError, match="imagefolder, parquet, jsonl have"):
        export_pairs([], tmp_path / "a", format="csv", subject=SUBJECT, config=lists)


def test_a_full_disk_is_said(
    make_pairs: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="cannot be written: No space left"):
        export_pairs(make_pairs(), tmp_path / "a", format="jsonl", subject=SUBJECT)


GROWTH = """
import gc, hashlib, json, os, pickle, sys, tracemalloc
from dataclasses import replace
from pathlib import Path
from blip2core.config import ExportConfig
from blip2core.exports import FORMATS, Subject, export_pairs
from blip2core.formats import parquet

os.fsync = lambda _: None  # the disk is not what is measured
parquet.GROUP_ROWS = 10
first, second = pickle.loads(Path(sys.argv[1]).read_bytes())[:2]
image, memory, growth = Path(first.image_path), [], {}

for item in range(91):
    data = image.read_bytes() + str(item).encode()
    image.with_name(hashlib.sha256(data).hexdigest()).write_bytes(data)
paths = sorted(path for path in image.parent.iterdir() if path.name != image.name)

def many():
    for item, path in enumerate(paths):
        if item in (30, 90):
            gc.collect()
            memory.append(tracemalloc.get_traced_memory()[0])
        changes = dict(item_id=item, image_sha256=path.name, image_path=str(path))
        for caption, pair in ((2 * item, first), (2 * item + 1, second)):
            yield replace(pair, caption_id=caption, license=f"licence {item % 9}", **changes)

tracemalloc.start()
for name in FORMATS:
    for attempt in "ab":  # once in a while Python itself enlarges a table
        subject = Subject(dataset="d", snapshot="s", content_sha256="0" * 64)
        out, config = Path(sys.argv[2]) / (name + attempt), ExportConfig(shard_pairs=30)
        export_pairs(many(), out, format=name, subject=subject, config=config)
        each = (memory[-1] - memory[-2]) / 120
        growth[name] = min(each, growth.get(name, each))
print(json.dumps(growth))
"""


def test_memory_does_not_grow_with_the_pairs(
    make_pairs: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "pairs").write_bytes(pickle.dumps(make_pairs(1)))
    arguments = [sys.executable, "-c", GROWTH, str(tmp_path / "pairs"), str(tmp_path / "out")]
    told = subprocess.run(arguments, capture_output=True, timeout=120, check=True).stdout
    growth = json.loads(told)  # bytes for each pair
    assert {name: most for name, most in growth.items() if most > 100} == {}
    assert set(growth) == set(FORMATS)
