"""COCO captions and NoCaps: captions find their images by id, and none is lost."""

import json
from collections.abc import Callable
from typing import Any

from PIL import Image
from pycocotools import coco as pycocotools

from blip2core.formats.coco import COCO, read_coco
from tests.exports.reading import of_split
from tests.formats.reading import data, read, refused

DOCUMENT = {
    "info": {"year": 2014},
    "licenses": [{"id": 4, "name": "CC BY", "url": "http://creativecommons.org/licenses/by/2.0/"}],
    "images": [
        {"id": 9, "file_name": "COCO_val2014_000000000009.jpg", "license": 4, "width": 640},
        {"id": 8, "coco_url": "http://images.cocodataset.org/val2017/000000000008.jpg"},
    ],
    "annotations": [
        {"id": 1, "image_id": 8, "caption": "two dogs"},
        {"id": 2, "image_id": 9, "caption": "a bowl of food"},
        {"id": 3, "image_id": 9, "caption": "a table\n", "extra": {"itm": 0.9, "width": 3}},
        {"id": 4, "image_id": 7, "caption": "of no image"},
        {"id": 5, "image_id": 9},
    ],
}


def test_captions_by_image() -> None:
    assert read(DOCUMENT, COCO) == [
        ("COCO_val2014_000000000009.jpg", ["a bowl of food", "a table\n"]),
        ("http://images.cocodataset.org/val2017/000000000008.jpg", ["two dogs"]),
        (None, ["of no image"]),
    ]
    licenses = [one.license for one in read_coco(DOCUMENT)]
    assert licenses == ["http://creativecommons.org/licenses/by/2.0/", None, None]


def test_ids_and_scores_stay_with_the_text() -> None:
    assert data(DOCUMENT, COCO)[:2] == [{"id": 2}, {"id": 3, "itm": 0.9}]


def test_odd_documents_raise_nothing() -> None:
    odd = {"images": [None, {"id": []}, 3], "annotations": [{"caption": 3}, None, []]}
    assert [one.path for one in read_coco(odd)] == [None, None, None, None]
    assert refused(odd, COCO) == {"The caption is no text.": 1}
    [last] = [one for one in read_coco(odd) if one.not_used]
    assert last.not_used == ("annotation without a caption",) * 2


def test_pycocotools_reads_it(written: Callable[..., Any]) -> None:
    out, _, pairs = written("coco")
    for split in ("train", "validation", "test"):
        coco = pycocotools.COCO(str(out / f"annotations/captions_{split}.json"))
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


def test_ids_that_went_through_a_table_of_numbers_and_those_that_are_missing() -> None:
    document = {
        "images": [
            {"id": 1.0, "file_name": "a.jpg"},
            {"id": 2.0, "file_name": "b.jpg"},
            {"file_name": "c.jpg"},
        ],
        "annotations": [
            {"image_id": 2.0, "caption": "of b"},
            {"image_id": 1, "caption": "of a"},
            {"caption": "of nobody knows what"},
        ],
    }
    assert read(document, COCO) == [
        ("a.jpg", ["of a"]),
        ("b.jpg", ["of b"]),
        ("c.jpg", []),
        (None, ["of nobody knows what"]),
    ]


def test_captions_of_other_forms_are_read_or_told() -> None:
    captions = [["one", "two"], {"en": "three"}, 5, None, ""]
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}],
        "annotations": [{"image_id": 1, "caption": caption} for caption in captions]
        + [{"image_id": 1, "text": "four"}, {"image_id": 9, "caption": 7}],
    }
    assert read(document, COCO) == [
        ("a.jpg", ["one", "two", "three", "", "four"]),
        ("b.jpg", []),
        (None, []),
    ]
    assert refused(document, COCO) == {"The caption is no text.": 3}
    [_, again, _] = COCO.read(document)
    assert again.notes == (
        "Another image has the same id; the captions of the id were taken for that one.",
    )


def test_a_caption_without_an_image_id_says_so() -> None:
    document = {
        "images": [],
        "annotations": [{"caption": "a dog"}, {"caption": "b", "image_id": 7}],
    }
    assert [one.missing for one in read_coco(document)] == [
        "The annotation has no image_id.",
        "The file lists no image with the id 7.",
    ]


def test_captions_after_boxes_are_captions() -> None:
    boxes = [{"image_id": 1, "bbox": [0, 0, 1, 1]}] * 2
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [*boxes, {"image_id": 1, "caption": "a dog"}],
    }
    assert read(document, COCO) == [("a.jpg", ["a dog"])]
    [one] = COCO.read(document)
    assert one.refused == () and one.not_used == ("annotation without a caption",) * 2


def test_a_caption_that_stands_with_the_image_is_a_text_of_it() -> None:
    images = [{"id": 1, "file_name": "a.jpg", "caption": "with the image"}]
    annotations = [{"image_id": 1, "caption": "a dog"}]
    document = {"images": images, "annotations": annotations}
    assert read(document, COCO) == [("a.jpg", ["a dog", "with the image"])]
    assert read(document | {"annotations": []}, COCO) == [("a.jpg", ["with the image"])]


def test_other_files_of_coco_have_no_captions() -> None:
    boxes = {"images": [{"id": 1}], "annotations": [{"image_id": 1, "bbox": [0, 0, 1, 1]}]}
    assert not COCO.is_it(boxes)
    assert not COCO.is_it({"images": [], "annotations": {"1": {"caption": "a dog"}}})
