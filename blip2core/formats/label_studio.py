"""Label Studio: its exports as JSON, tasks with annotations and predictions, and as JSON_MIN.

https://labelstud.io/guide/export, template "Image Captioning": a TextArea named `caption`. An
export has tasks to import there, each text a prediction (https://labelstud.io/guide/predictions).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from blip2core.config import ExportConfig
from blip2core.file_names import safe_name, suffix
from blip2core.formats.annotated import (
    AnnotatedImage,
    Origin,
    Text,
    is_row,
    name_or_id,
    origin_of_image,
    rows_of,
    scalars,
    strings,
)
from blip2core.formats.format import Format, Output
from blip2core.formats.nested_texts import nested_texts
from blip2core.formats.rows import about_image, about_text, by_image, exported_origin
from blip2core.formats.split_files import JsonList, PerSplit
from blip2core.images import IMAGE_SUFFIXES
from blip2core.records import ExportPair, TextOrigin

IMAGE_KEYS = ("image", "img", "url", "picture", "photo")
"""Keys of a task's data that name its image."""
TEXT_KEYS = ("caption", "captions", "text", "title", "description", "prompt")
"""Keys of a task's data that are texts about its image."""
OWN_FIELDS = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
"""Fields of a row of JSON_MIN that are no label."""
UPLOADED = "/data/upload/"
LOCAL = "/data/local-files/?d="
"""How Label Studio names what was uploaded to it, and what lies in a storage of its own."""
INTERFACE_NAME = "labeling_interface.xml"
INTERFACE = """\
<View>
  <Image name="image" value="$image" zoom="true"/>
  <Header value="Describe the image:"/>
  <TextArea name="caption" toName="image" editable="true" maxSubmissions="20" rows="3"/>
</View>
"""
"""Label Studio's template "Image Captioning", for several texts."""


def is_task(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a task with its annotations."""
    return is_row(row.get("data")) and any(
        kind in row for kind in ("annotations", "predictions", "id")
    )


def read_label_studio(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each task with the texts of its annotations, then those of its predictions.

    Annotations that were cancelled (skipped tasks) are none.
    """
    for number, row in enumerate(rows_of(document), start=1):
        data = row.get("data")
        data = data if isinstance(data, Mapping) else {}
        key = image_key(data)
        texts = [
            text
            for kind in ("annotations", "predictions")
            for one in rows_of(row.get(kind))
            if not one.get("was_cancelled")
            for text in _texts(one, kind)
        ]
        texts += [
            (text, TextOrigin(place=f"data: {name}"))
            for name in TEXT_KEYS
            if name != key
            for text in nested_texts(data.get(name))
        ]
        origin = origin_of_image(data if key != "url" else {**data, "url": None})
        one = _annotated(number, data, key, tuple(texts), origin)
        yield replace(one, not_used=tuple(_not_used(row)))


def _not_used(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the kind of each annotation that was cancelled, and of each result that has no text."""
    for one in (*rows_of(row.get("annotations")), *rows_of(row.get("predictions"))):
        if one.get("was_cancelled"):
            yield "cancelled annotation"
            continue
        for result in rows_of(one.get("result")):
            value = result.get("value")
            if not isinstance(value, Mapping) or "text" not in value:
                yield f"{safe_name(str(result.get('type')), limit=40)} result"


def is_min_task(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a task in the form JSON_MIN."""
    return is_row(row, "id", "annotator", "annotation_id")


def read_json_min(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each row with its texts: each field that is neither the image nor of Label Studio's own
    is what a person wrote, one text or several.
    """
    for number, row in enumerate(rows_of(document), start=1):
        key = image_key(row)
        data = scalars({name: row[name] for name in OWN_FIELDS if name in row})
        texts = tuple(
            (text, TextOrigin(place=str(name), data=data))
            for name, value in row.items()
            if name not in OWN_FIELDS and name != key
            for text in nested_texts(value)
        )
        yield _annotated(number, row, key, texts, origin_of_image({}))


def _annotated(
    number: int, data: Mapping[str, Any], key: str | None, texts: tuple[Text, ...], origin: Origin
) -> AnnotatedImage:
    image = name_or_id(data[key]) if key is not None else None
    is_url = image is not None and image.startswith(("http://", "https://"))
    return AnnotatedImage(
        number=number,
        path=None if is_url or image is None else local_path(image),
        url=image if is_url else origin["url"],
        texts=texts,
        page_url=origin["page_url"],
        license=origin["license"],
    )


def image_key(data: Mapping[str, Any]) -> str | None:
    """Return which field of a task names its image: one with a usual name, else the first that
    names a file of an image, else the only one.
    """
    words = {str(key): value for key, value in data.items() if isinstance(value, str) and value}
    usual = (key for key in IMAGE_KEYS if key in words)
    looks = (key for key, value in words.items() if _looks_like_image(value))
    only = iter(words if len(words) == 1 else ())
    return next((key for keys in (usual, looks, only) for key in keys), None)


def _looks_like_image(value: str) -> bool:
    path = value.partition("?")[0] if "://" in value else value
    return value.startswith((UPLOADED, LOCAL)) or suffix(path) in IMAGE_SUFFIXES


def local_path(image: str) -> str:
    """Return the path of an image that lies with Label Studio: /data/upload/3/a1b2-my%20dog.jpg;
    Label Studio escapes what an address cannot have.
    """
    for start in (LOCAL, UPLOADED):
        if image.startswith(start):
            return unquote(image.removeprefix(start))
    return image


def _texts(annotation: Mapping[str, Any], kind: str) -> Iterator[Text]:
    about = scalars(annotation, "result", "draft_created_at")
    for result in rows_of(annotation.get("result")):
        value = result.get("value")
        if not isinstance(value, Mapping):
            continue
        place = f"{kind}: {name_or_id(result.get('from_name')) or 'text'}"
        data = about | scalars(result, "value", "type")
        meta = result.get("meta")
        origin = exported_origin(meta if isinstance(meta, Mapping) else {}, place)
        for text in strings(value.get("text")):
            yield text, origin or TextOrigin(place=place, data=data)


def write_label_studio(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write `tasks_train.json` and so on, and the labelling interface that they are for.

    A task names its image as a file of a local storage whose document root is the folder of the
    export (LOCAL_FILES_DOCUMENT_ROOT). Each text is a prediction with its ITM score.
    """

    @contextmanager
    def opened(split: str) -> Iterator[JsonList]:
        with output.open(f"tasks_{split}.json") as file:
            tasks = JsonList(file)
            yield tasks
            tasks.close()
            file.write(b"\n")

    with PerSplit(opened) as splits:
        for group in by_image(pairs):
            image = group[0]
            name = f"images/{output.add_image(image, 'images')}"
            data = {"image": LOCAL + name, **about_image(image)}
            predictions = [_prediction(pair, config) for pair in group]
            splits[image.split].add({"data": data, "predictions": predictions})
    with output.open(INTERFACE_NAME) as file:
        file.write(INTERFACE.encode())


def _prediction(pair: ExportPair, config: ExportConfig) -> dict[str, Any]:
    result = {
        "id": str(pair.caption_id),
        "from_name": "caption",
        "to_name": "image",
        "type": "textarea",
        "value": {"text": [pair.text]},
        "meta": about_text(pair, config),
    }
    score = {} if pair.itm is None else {"score": pair.itm}
    return {"model_version": pair.captioner or pair.source, **score, "result": [result]}


LABEL_STUDIO = Format(
    label="Label Studio",
    is_row=is_task,
    read=read_label_studio,
    write=write_label_studio,
    what="`tasks_SPLIT.json` to import into Label Studio: an image each, its texts as predictions "
    "with their ITM scores; `labeling_interface.xml` is the interface, images lie in `images`.",
    example='json.load(open("FOLDER/tasks_train.json"))[0]["predictions"]',
)
LABEL_STUDIO_MIN = Format(label="Label Studio (JSON_MIN)", is_row=is_min_task, read=read_json_min)
