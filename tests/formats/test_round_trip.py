"""Any stored text, exported in any format, is read again as it was stored: by the import, and by
what else reads such files.
"""

import csv
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest
import webdataset
from hypothesis import example, given
from hypothesis import strategies as st

from blip2core import exports
from blip2core.config import ExportConfig
from blip2core.exports import export_pairs
from blip2core.intake import read
from blip2core.records import ExportPair, WebImage
from blip2core.texts import clean_text
from tests.exports.conftest import SUBJECT
from tests.exports.reading import json_lines, left_open, load
from tests.intake.making import images, png

FORMATS = [
    *(("rows", name) for name, format in exports.FORMATS.items() if not format.one_way),
    *(("lists", name) for name, format in exports.FORMATS.items() if format.lists),
]
"""Whatever is written is read again, with what it holds of an image."""
SAID = {"id": "a-1", "question": "What is there?", "score": 0.25, "tags": ["x", {"y": None}]}
"""What was said of each text where it was imported."""
PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\n\n",
            "\t",
            "\r\n",
            "\r",
            '"',
            '""',
            "'",
            ",",
            ";",
            "=",
            "@",
            "+",
            "-",
            "\\",
            "\\n",
        ),
        *("\0", "\ud800", "\udc00", "\u202e", "\u200f", "\u2028", "\x85", "\x0b", "\x1c", "\ufeff"),
        *("e\u0301", "\u0301", "\xa0", "ÿ", "a dog", "a.png", " ", "{", "}", "null", "N/A", "１"),
    ]
)
STORED = (st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=30)).map(clean_text)
TEXTS = st.lists(STORED.filter(bool), min_size=1, max_size=4, unique=True)
HARD = [
    "one\ntwo", "one two", "one\n\ntwo", "=1", "'=1", '"', '"a"', "a\tb", "\u202eright to left",
    "a\u2028b", "N/A", "null", "true", "12", "-5", "a, b; c | d", "\\", "\\n", "a.png,\nb.png,",
    "a.png\nb.png,x",
    "é",    'x "y" z', "{}", "﻿".join("ab"), "#", "'", "''",
]  # fmt: skip
"""Texts that some reader is known to spoil."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with two images; nothing there has to outlast a power cut."""
    found = tmp_path_factory.mktemp("round-trip")
    by_hash = sorted((png(0), png(1)), key=lambda data: hashlib.sha256(data).digest())
    for number, data in enumerate(by_hash):
        (found / f"{number}").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield found


def exported(folder: Path, texts: list[list[str]], how: str, name: str) -> tuple[Path, list[Any]]:
    """Where the texts of each image have been written, and their pairs."""
    pairs = []
    for number, several in enumerate(texts):
        data = (folder / f"{number}").read_bytes()
        for text in several:
            pair = ExportPair(
                caption_id=len(pairs) + 1,
                item_id=number + 1,
                split="train",
                text=text,
                source="web",
                image_sha256=hashlib.sha256(data).hexdigest(),
                image_path=str(folder / f"{number}"),
                format="PNG",
                width=4,
                height=3,
                itm=0.5,
                license="CC0",
                page_url="https://page.example/1",
                text_place="alt text",
                text_data=json.dumps(SAID),
            )
            pairs.append(pair)
    out = folder / f"out-{len(os.listdir(folder))}"
    config = ExportConfig(captions="lists" if how == "lists" else "rows")
    export_pairs(pairs, out, format=name, subject=SUBJECT, config=config)
    return out, pairs


def texts_by_image(out: Path) -> dict[str, list[str]]:
    """Texts of the import by the hash of the image's bytes, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in images(read(out)):
        found[hashlib.sha256(one.data).hexdigest()] += one.texts
    return {image: sorted(texts) for image, texts in found.items()}


def expected(pairs: list[ExportPair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        found[pair.image_sha256].append(pair.text)
    return {image: sorted(texts) for image, texts in found.items()}


@pytest.mark.parametrize(("how", "name"), FORMATS)
def test_an_import_of_an_export_has_nothing_to_tell(folder: Path, how: str, name: str) -> None:
    """No column of ours is advised as one of texts, and what was left out is no problem."""
    out, _ = exported(folder, [["a dog on a beach", "left out <image>"]], how, name)
    assert [one for one in read(out) if not isinstance(one, WebImage)] == []


@pytest.mark.parametrize(("how", "name"), FORMATS)
@given(TEXTS, TEXTS)
@example(["one\ntwo", "one two"], ["=1", "'=1"])
@example(HARD, ["x"])
def test_any_stored_text_is_imported_as_it_was_stored(
    folder: Path, how: str, name: str, first: list[str], second: list[str]
) -> None:
    out, pairs = exported(folder, [first, second], how, name)
    assert texts_by_image(out) == expected(pairs)


@pytest.mark.parametrize(("how", "name"), FORMATS)
def test_what_was_said_of_a_text_and_its_image_comes_back(
    folder: Path, how: str, name: str
) -> None:
    out, pairs = exported(folder, [["a dog", "what = that?"], ["=a cat"]], how, name)
    found = images(read(out))
    assert {one.license for one in found} == {"CC0"}
    assert {one.page_url for one in found} == {"https://page.example/1"}
    origins = {text: origin for one in found for text, origin in one.origins.items()}
    assert origins.keys() == {"a dog", "what = that?", "=a cat"}
    for pair in pairs:
        origin = origins[pair.text]
        assert origin.place == "alt text"
        own = {"caption_id": pair.caption_id, "itm": 0.5, "source": "web"}
        assert origin.data == SAID | {"tags": ["x", {}]} | own


@given(TEXTS)
@example(HARD)
def test_pandas_and_csv_read_any_text_of_a_csv(folder: Path, texts: list[str]) -> None:
    out, _ = exported(folder, [texts], "rows", "csv")
    with (out / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    frame = pandas.read_csv(out / "train.csv", dtype=str, keep_default_na=False)
    for found in (rows, frame.to_dict("records")):
        assert [
            row["text"][1:] if "text" in row["apostrophe_before"].split() else row["text"]
            for row in found
        ] == texts


@given(TEXTS)
@example(HARD)
def test_json_and_pandas_read_any_text_of_json_lines(folder: Path, texts: list[str]) -> None:
    out, _ = exported(folder, [texts], "rows", "jsonl")
    assert [row["text"] for row in json_lines(out / "train.jsonl")] == texts
    frame = pandas.read_json(out / "train.jsonl", lines=True, dtype=False)
    assert list(frame["text"]) == texts


def test_webdataset_reads_hard_texts(folder: Path) -> None:
    texts = HARD
    out, _ = exported(folder, [texts], "rows", "webdataset")
    with left_open():
        found = webdataset.WebDataset(str(out / "train-00000.tar"), shardshuffle=False).decode()
        samples = list(found.to_tuple("txt", "json"))
    assert [text for text, _ in samples] == texts
    assert [origin["text"] for _, origin in samples] == texts


@given(TEXTS)
@example(HARD)
def test_each_line_of_a_sidecar_is_a_caption(folder: Path, texts: list[str]) -> None:
    """As trainers read it, who know of no manifest: a line break has become a space."""
    out, pairs = exported(folder, [texts], "rows", "sidecars")
    lines = (out / f"train/{pairs[0].image_sha256}.txt").read_text("utf-8").split("\n")
    assert [line.split() for line in lines] == [text.split() for text in texts]
    assert [row["text"] for row in json_lines(out / "manifest.jsonl")] == texts


@given(TEXTS)
@example(HARD)
def test_json_reads_any_text_of_coco(folder: Path, texts: list[str]) -> None:
    out, _ = exported(folder, [texts], "rows", "coco")
    told = json.loads((out / "annotations/captions_train.json").read_bytes())
    assert [one["caption"] for one in told["annotations"]] == texts


@pytest.mark.parametrize("name", ["imagefolder", "parquet", "jsonl"])
def test_datasets_reads_hard_texts(folder: Path, tmp_path: Path, name: str) -> None:
    out, _ = exported(folder, [HARD], "rows", name)
    with left_open():
        kind, settings = {
            "imagefolder": ("imagefolder", {"data_dir": str(out)}),
            "parquet": ("parquet", {"data_dir": str(out / "data")}),
            "jsonl": ("json", {"data_files": str(out / "train.jsonl")}),
        }[name]
        found = load(kind, tmp_path, split="train", **settings)
        assert sorted(found["text"]) == sorted(HARD)
