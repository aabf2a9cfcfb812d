"""Karpathy's splits: folder and name make the path, sentences are read as they were written."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from blip2core.formats.karpathy import KARPATHY
from tests.formats.reading import data, read, refused

DOCUMENT = {
    "dataset": "coco",
    "images": [
        {
            "filepath": "val2014",
            "filename": "COCO_val2014_000000391895.jpg",
            "split": "test",
            "sentences": [
                {"tokens": ["a", "man"], "raw": "A man with a red helmet.", "sentid": 770337},
                {"tokens": ["two"], "raw": "Two men."},
            ],
        },
        {"filename": "1.jpg", "split": "train", "sentences": []},
    ],
}


def test_sentences_and_split() -> None:
    assert read(DOCUMENT, KARPATHY) == [
        ("val2014/COCO_val2014_000000391895.jpg", ["A man with a red helmet.", "Two men."]),
        ("1.jpg", []),
    ]
    assert data(DOCUMENT, KARPATHY) == [{"split": "test", "sentid": 770337}, {"split": "test"}]


def test_an_image_without_sentences_may_stand_first() -> None:
    document = {"images": [{"filename": "1.jpg"}, {"filename": "2.jpg", "sentences": ["A cat."]}]}
    assert read(document, KARPATHY) == [("1.jpg", []), ("2.jpg", ["A cat."])]


def test_sentences_of_other_forms_are_read_or_told() -> None:
    sentences = ["A dog.", {"tokens": ["two", "dogs"]}, {"raw": None}, 5, {"raw": "A cat."}]
    document = {"images": [{"filename": "1.jpg", "sentences": sentences}]}
    assert read(document, KARPATHY) == [("1.jpg", ["A dog.", "two dogs", "A cat."])]
    assert refused(document, KARPATHY) == {"The sentence has no text.": 2}


@pytest.mark.parametrize(("sentences", "texts", "lost"), [("A dog.", ["A dog."], 0), (5, [], 1)])
def test_sentences_that_are_no_list(sentences: object, texts: list[str], lost: int) -> None:
    document = {"images": [{"filename": "1.jpg", "sentences": sentences}]}
    assert read(document, KARPATHY) == [("1.jpg", texts)]
    (one,) = KARPATHY.read(document)
    assert sum(refused.count for refused in one.refused) == lost


def test_one_file_for_all_splits(written: Callable[..., Any]) -> None:
    out, _, pairs = written("karpathy")
    told = json.loads((out / "dataset.json").read_text("utf-8"))["images"]
    assert [one["split"] for one in told].count("val") == 2
    by_id = {pair.caption_id: pair for pair in pairs}
    for one in told:
        assert (out / one["filepath"] / one["filename"]).is_file()
        assert one["sentids"] == [sentence["sentid"] for sentence in one["sentences"]]
        for sentence in one["sentences"]:
            pair = by_id[sentence["sentid"]]
            assert (sentence["raw"], sentence["imgid"]) == (pair.text, one["imgid"])
            assert sentence["extra"]["scorer"] == pair.scorer


def test_tokens_are_words_in_lower_case(written: Callable[..., Any], make_pairs: Any) -> None:
    pairs = make_pairs(1, texts=("A man's red_helmet, 2 Bären.",))[:1]
    out, _, _ = written("karpathy", pairs)
    [one] = json.loads((out / "dataset.json").read_text("utf-8"))["images"]
    words = ["a", "man", "s", "red", "helmet", "2", "bären"]
    assert one["sentences"][0]["tokens"] == words
