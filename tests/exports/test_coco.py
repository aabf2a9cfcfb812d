import json
from collections.abc import Callable
from typing import Any

from PIL import Image
from pycocotools.coco import COCO

from tests.exports.reading import of_split


def test_pycocotools_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("coco")
    for split in ("train", "validation", "test"):
        coco = COCO(str(out / f"annotations/captions_{split}.json"))
        expected = of_split(pairs, split)
        assert coco.getImgIds() == list(dict.fromkeys(pair.item_id for pair in expected))
        for pair in expected:
            annotation = coco.loadAnns([pair.caption_id])[0]
            assert (annotation["caption"], annotation["image_id"]) == (pair.text, pair.item_id)
            assert annotation["extra"]["scorer"] == pair.scorer
            image = coco.loadImgs([pair.item_id])[0]
            with Image.open(out / split / image["file_name"]) as opened:
                assert opened.size == (image["width"], image["height"])


def test_licences_are_numbered(written: Callable[..., Any], make_pairs: Any) -> None:
    pairs = make_pairs(4, license="javascript:alert(1)")
    out, _, _ = written("coco", pairs)
    whole = json.loads((out / "annotations/captions_train.json").read_text("utf-8"))
    assert whole["licenses"] == [{"id": 1, "name": "javascript:alert(1)", "url": ""}]
    assert {image["license"] for image in whole["images"]} == {1}


def test_without_licences_none_is_claimed(written: Callable[..., Any], make_pairs: Any) -> None:
    out, _, _ = written("coco", make_pairs(1, license=None))
    whole = json.loads((out / "annotations/captions_train.json").read_text("utf-8"))
    assert whole["licenses"] == []
    assert "license" not in whole["images"][0]
