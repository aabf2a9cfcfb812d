"""Label Studio's JSON: annotations and predictions of the captioning template."""

from blip2core.formats.label_studio import LABEL_STUDIO, local_path
from tests.formats.reading import data, read


def result(*texts: str) -> list[dict[str, object]]:
    value = {"text": list(texts)}
    return [{"from_name": "caption", "to_name": "image", "type": "textarea", "value": value}]


DOCUMENT = [
    {
        "id": 1,
        "data": {"image": "/data/upload/3/a1b2c3-dog.jpg"},
        "annotations": [
            {"id": 10, "completed_by": 1, "was_cancelled": False, "result": result("a dog")},
            {"id": 11, "was_cancelled": True, "result": result("skipped")},
        ],
        "predictions": [
            {"model_version": "blip2", "score": 0.91, "result": result("a big dog", "dogs")}
        ],
    },
    {"id": 2, "data": {"image": "https://example.org/2.jpg"}, "annotations": []},
]


def test_texts_of_annotations_and_predictions() -> None:
    assert read(DOCUMENT, LABEL_STUDIO) == [
        ("3/a1b2c3-dog.jpg", ["a dog", "a big dog", "dogs"]),
        ("https://example.org/2.jpg", []),
    ]
    kept = data(DOCUMENT, LABEL_STUDIO)
    assert kept[1]["score"] == 0.91 and kept[1]["model_version"] == "blip2"
    places = [origin.place for _, origin in next(LABEL_STUDIO.read(DOCUMENT)).texts]
    assert places == ["annotations: caption", "predictions: caption", "predictions: caption"]


def test_paths_of_its_own_storage() -> None:
    assert local_path("/data/local-files/?d=images/1.jpg") == "images/1.jpg"
    assert local_path("images/1.jpg") == "images/1.jpg"
