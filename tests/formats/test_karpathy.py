"""Karpathy's splits: folder and name make the path, sentences are read as they were written."""

from blip2core.formats.karpathy import KARPATHY
from tests.formats.reading import data, read

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
    assert [one.split for one in KARPATHY.read(DOCUMENT)] == ["test", "train"]
    assert data(DOCUMENT, KARPATHY) == [{"sentid": 770337}, {}]
