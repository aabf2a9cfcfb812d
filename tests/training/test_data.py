import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from blip2core.errors import DataError
from blip2core.training.data import FilePairs, Order, Statement, stage1_batch
from blip2core.training.features import FeatureCache
from tests import tiny


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a data file beside two images."""
    for name in ("red", "blue"):
        Image.new("RGB", (4, 4), name).save(tmp_path / f"{name}.png")

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_jsonl_and_csv_give_the_same_pairs(write: Callable[[str, str], Path]) -> None:
    rows = [("red.png", "a red square"), ("blue.png", "blue, all blue"), ("red.png", "red")]
    lines = [json.dumps({"file_name": image, "caption": text}) for image, text in rows]
    quoted = "".join(f'{image},"{text}"\n' for image, text in rows)
    for path in (write("a.jsonl", "\n".join(lines)), write("a.csv", "image,text\n" + quoted)):
        pairs = FilePairs(path)
        assert len(pairs) == 2
        assert pairs.image(0).getpixel((0, 0)) == (255, 0, 0)
        drawn = {pairs.text(0, random.Random(seed)).text for seed in range(20)}
        assert drawn == {"a red square", "red"}
        assert pairs.passage(1, random.Random(0))[0].text == "blue, all blue"
        assert pairs.matches(0, Statement(text="red"))
        assert not pairs.matches(1, Statement(text="red"))
        assert pairs.hard_text(0, random.Random(0)) is None


def test_a_line_may_hold_several_captions(write: Callable[[str, str], Path]) -> None:
    row = {"file_name": "red.png", "captions": ["red", "a red square"]}
    pairs = FilePairs(write("a.jsonl", json.dumps(row)))
    drawn = {pairs.text(0, random.Random(seed)).text for seed in range(20)}
    assert drawn == {"red", "a red square"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"image": "red.png", "captions": ["x", 3]}', "line 1: text or caption is"),
        ("a.jsonl", '{"image": "red.png", "text": "x"}\n{"image"', "line 2: this is not JSON"),
        ("a.jsonl", "[1]", "line 1: this is not a JSON object"),
        ("a.jsonl", '{"image": "red.png", "text": " "}', "line 1: text or caption is missing"),
        ("a.csv", "image,text\nred.png,x\ngone.png,y\n", "line 3: there is no file .*gone.png"),
        ("a.csv", "image,text\n", "names no image"),
        ("a.txt", "", "must be a .jsonl or a .csv file"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    write: Callable[[str, str], Path], name: str, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        FilePairs(write(name, text))


ACCENTS = "image,text\nred.png,ein Bär\nblue.png,l’été\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_is_read_in_any_encoding_that_an_import_reads(
    write: Callable[[str, str], Path], caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    lines = [
        json.dumps({"image": image, "text": text}, ensure_ascii=False) + "\n"
        for image, text in (("red.png", "ein Bär"), ("blue.png", "l’été"))
    ]
    for name, text in (("a.csv", ACCENTS), ("a.jsonl", "".join(lines))):
        path = write(name, "")
        path.write_bytes(text.encode(encoding))
        caplog.clear()
        pairs = FilePairs(path)
        drawn = [pairs.text(index, random.Random(0)).text for index in range(2)]
        assert drawn == ["ein Bär", "l’été"]
        assert len(caplog.messages) == (encoding in {"utf-16-le", "cp1252"})
        assert all(one.startswith(f"{path}: The file is not UTF-8") for one in caplog.messages)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "a.csv",
            b"image,text\nred.png,B\xc3\xa4r\nblue.png,\xff\n",
            "line 3: the row is not UTF-8",
        ),
        ("a.csv", b'image,text\nred.png,"1\n2"\nblue.png\n', "line 4: the row has 1 cell"),
        ("a.csv", b'image,text\nred.png,"open\nblue.png,a,b\n', "line 3: the row has 3 cells"),
        ("a.csv", b"image,text\nred.png,\0\n", "line 2: text or caption is missing or empty"),
        ("a.csv", b"image,text\n\0.png,x\n", r"line 2: there is no file .*\\u0000.png"),
        ("a.csv", b"image,text\n" + b"x" * 300 + b",x\n", "line 2: there is no file"),
        ("a.csv", b"a\0b,c\n", "no header of a table"),
        ("a.jsonl", b'{"image": "red.png", "text": "\xff"}\n', "line 1: the line is not UTF-8"),
        ("a.jsonl", b'{"image": "red.png", "text": "\\ud800"}', "line 1: text or caption is"),
        (
            "a.jsonl",
            b'{"image": "\\ud800.png", "text": "x"}',
            r"line 1: there is no file .*\\ud800",
        ),
        ("a.jsonl", b"[" * 100_000, "line 1: this is no JSON that can be read"),
        ("a.jsonl", b"[" + b"9" * 5_000, "line 1: this is not JSON"),
    ],
)
def test_a_damaged_row_is_one_line_with_file_and_row(
    write: Callable[[str, str], Path], name: str, data: bytes, message: str
) -> None:
    path = write(name, "")
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as raised:
        FilePairs(path)
    assert str(raised.value).startswith(str(path)) and len(str(raised.value).splitlines()) == 1
    str(raised.value).encode()  # it can be printed


def test_texts_are_read_as_an_import_stores_them(write: Callable[[str, str], Path]) -> None:
    row = {"image": "red.png", "captions": ["half \ud800 a pair", " e\u0301\0 ", "one\r\ntwo"]}
    pairs = FilePairs(write("a.jsonl", json.dumps(row)))
    drawn = {pairs.text(0, random.Random(seed)).text for seed in range(30)}
    assert drawn == {"half  a pair", "é", "one\ntwo"}


def test_an_exported_csv_is_read_without_its_apostrophes(
    write: Callable[[str, str], Path],
) -> None:
    table = "image,text,apostrophe_before\nred.png,'=1,text\nblue.png,'=1,\n"
    pairs = FilePairs(write("a.csv", table))
    assert [pairs.text(index, random.Random(0)).text for index in (0, 1)] == ["=1", "'=1"]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no file"):
        FilePairs(tmp_path / "none.csv")


def test_order_shows_every_image_once_in_an_epoch() -> None:
    order = Order(seed=1, length=10, batch=4)
    seen = [order.index(position) for step in range(5) for position in order.positions(step)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]
    other = Order(seed=2, length=10, batch=4)
    assert seen != [other.index(p) for step in range(5) for p in other.positions(step)]


def test_processes_share_the_joined_batch() -> None:
    joined = Order(seed=1, length=10, batch=4)
    parts = [Order(seed=1, length=10, batch=2, rank=rank, world=2) for rank in (0, 1)]
    for step in range(6):
        together = [position for part in parts for position in part.positions(step)]
        assert together == list(joined.positions(step))


def test_each_position_has_its_own_generator() -> None:
    order = Order(seed=1, length=10, batch=4)
    assert order.rng(3).random() == order.rng(3).random() != order.rng(4).random()


def test_stage1_batch_is_a_pure_function_of_its_step(pairs: Any, features: FeatureCache) -> None:
    order = Order(seed=0, length=len(pairs), batch=6)
    arguments = (pairs, features, tiny.letter_tokenizer(), order)
    first = stage1_batch(*arguments, 3, max_text=12, hard_texts=True)
    again = stage1_batch(*arguments, 3, max_text=12, hard_texts=True)
    for name in ("vision", "ids", "mask", "matches", "hard_ids", "hard_mask"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.vision, stage1_batch(*arguments, 4, max_text=12).vision)


def test_stage1_batch_holds_what_was_drawn(pairs: Any, features: FeatureCache) -> None:
    order, tokenizer = Order(seed=0, length=len(pairs), batch=6), tiny.letter_tokenizer()
    batch = stage1_batch(pairs, features, tokenizer, order, 0, max_text=12, hard_texts=True)
    indices = [order.index(position) for position in order.positions(0)]
    colours = [pairs.colour(index) for index in indices]
    assert torch.equal(batch.vision, features.read(indices))
    assert batch.ids.shape[1] <= 12
    assert batch.ids[:, 0].tolist() == [tokenizer.cls_token_id] * 6
    assert torch.equal(batch.mask, (batch.ids != tokenizer.pad_token_id).long())
    expected = [[ours == theirs for theirs in colours] for ours in colours]
    assert batch.matches.tolist() == expected
    assert batch.hard_ids is not None and batch.hard_mask is not None
    has_hard = [colour != "white" for colour in colours]
    assert batch.hard_mask.any(dim=1).tolist() == has_hard == batch.hard_ids.any(dim=1).tolist()


def test_without_hard_texts_there_are_none(pairs: Any, features: FeatureCache) -> None:
    order = Order(seed=0, length=len(pairs), batch=2)
    batch = stage1_batch(pairs, features, tiny.letter_tokenizer(), order, 0, max_text=8)
    assert batch.hard_ids is None and batch.hard_mask is None
