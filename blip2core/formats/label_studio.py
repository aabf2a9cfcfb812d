"""Label Studio: its exports as JSON, tasks with annotations and predictions, and as JSON_MIN.

https://labelstud.io/guide/export, template "Image Captioning": a TextArea named `caption`. An
export has tasks to import there, each text a prediction (https://labelstud.io/guide/predictions).
What is no text of the whole image is told: choices, ratings, regions and what they say, drafts.
"""

from __future__ import annotations

import re
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
from blip2core.formats.rows import OF_IMAGE, about_image, about_text, by_image, exported_origin
from blip2core.formats.split_files import JsonList, PerSplit
from blip2core.images import IMAGE_SUFFIXES
from blip2core.records import ExportPair, TextOrigin

IMAGE_KEYS = ("image", "img", "url", "picture", "photo")
"""Keys of a task's data that name its image."""
TEXT_KEYS = ("caption", "captions", "text", "title", "description", "prompt")
"""Keys of a task's data that are texts about its image."""
OWN_FIELDS = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")
"""Fields of a row of JSON_MIN that are no label."""
ANNOTATIONS = ("annotations", "completions", "predictions")
"""What people and models wrote about a task; versions before 1.0 say `completions`."""
TEXT_FIELD = re.compile(
    r"([a-z0-9]+_)*(text|caption|prompt|title|alt|description|sentence)s?(_?\d+|_[a-z]{2})?"
)
"""Name of a control that holds texts: JSON_MIN has those of a choice in the same form."""
LOCAL = "/data/local-files/?d="
STORED = re.compile(r"(https?://[^/]+)?/data/(upload/(.*/)?|local-files/\?d=)(?P<path>.+)")
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
    return is_row(row.get("data")) and any(kind in row for kind in (*ANNOTATIONS, "id"))


def read_label_studio(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each task with the texts of its annotations, then those of its predictions.

    Annotations that were cancelled (skipped tasks) are none, and neither is what stands at a region
    of the image.
    """
    for number, row in enumerate(rows_of(document), start=1):
        data = row.get("data")
        data = data if isinstance(data, Mapping) else {}
        key = image_key(data)
        texts: list[Text] = []
        not_used: list[str] = []
        for kind in ANNOTATIONS:
            for one in rows_of(row.get(kind)):
                if one.get("was_cancelled"):
                    not_used.append("cancelled annotation")
                else:
                    texts += _texts(one, kind)
                    not_used += _no_texts(one)
        for name, value in data.items():
            if name in TEXT_KEYS and name != key:
                texts += [(text, TextOrigin(place=f"data: {name}")) for text in nested_texts(value)]
            elif name not in (key, *OF_IMAGE) and _is_words(value, least=2):
                not_used.append(_field(name))
        not_used += ["draft"] * len(rows_of(row.get("drafts")))
        origin = origin_of_image(data if key != "url" else {**data, "url": None})
        found = _annotated(number, data, key, tuple(texts), origin)
        yield replace(found, not_used=tuple(not_used))


def _no_texts(annotation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the kind of each result of an annotation that is no text of the image."""
    for result in rows_of(annotation.get("result")):
        if not is_text_of_image(result):
            value = result.get("value")
            is_said = isinstance(value, Mapping) and strings(value.get("text"))
            kind = safe_name(str(result.get("type")), limit=40)
            yield "region text" if is_said else f"{kind} result"


def is_text_of_image(result: Mapping[str, Any]) -> bool:
    """Return whether a result is the text of a TextArea for the whole image: what stands at a
    region has its place beside the text.
    """
    value, kind = result.get("value"), result.get("type") or "textarea"
    is_text = isinstance(value, Mapping) and value.keys() == {"text"}
    return is_text and str(kind).lower() == "textarea"


def _is_words(value: object, least: int = 1) -> bool:
    """Return whether a value is of so many words, and no name or address of a file."""
    is_text = isinstance(value, str) and len(value[:1_000].split()) >= least
    return is_text and "://" not in str(value) and not _looks_like_image(str(value))


def _field(name: object) -> str:
    return f"`{safe_name(str(name), limit=40)}` field"


def is_min_task(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a task in the form JSON_MIN."""
    return is_row(row, "id", "annotator", "annotation_id")


def read_json_min(document: Any) -> Iterator[AnnotatedImage]:
    """Yield each row with its texts: what can only be a text, {"text": ["a dog", "dogs"]}, and the
    fields that are called as texts are. A single choice looks as a single text does.
    """
    for number, row in enumerate(rows_of(document), start=1):
        key = image_key(row)
        numbers = {name: value for name, value in row.items() if isinstance(value, int | float)}
        data = scalars({name: row[name] for name in OWN_FIELDS if name in row} | numbers)
        texts: list[Text] = []
        not_used: list[str] = []
        for name, value in row.items():
            if name in OWN_FIELDS or name == key:
                continue
            several = value if isinstance(value, list) else [value]
            is_text = TEXT_FIELD.fullmatch(str(name).lower().replace(" ", "_")) is not None
            found = [_written(one, is_text) for one in several]
            texts += [
                (text, TextOrigin(place=str(name), data=data)) for one in found for text in one
            ]
            if any(_is_label(one) for one, said in zip(several, found, strict=True) if not said):
                not_used.append(_field(name))
        one = _annotated(number, row, key, tuple(texts), origin_of_image({}))
        yield replace(one, not_used=tuple(not_used))


def _written(value: object, is_text: bool) -> list[str]:
    """Return the texts of a value, where it is no choice and stands at no region."""
    if isinstance(value, Mapping):
        return strings(value.get("text")) if value.keys() == {"text"} else []
    return [value] if isinstance(value, str) and is_text else []


def _is_label(value: object) -> bool:
    return isinstance(value, Mapping) or _is_words(value)


def _annotated(
    number: int, data: Mapping[str, Any], key: str | None, texts: tuple[Text, ...], origin: Origin
) -> AnnotatedImage:
    image = name_or_id(data[key]) if key is not None else None
    is_url = image is not None and image.startswith(("http://", "https://"))
    return AnnotatedImage(
        number=number,
        path=local_path(image or "") or (None if is_url else image),
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
    return local_path(value) is not None or suffix(path) in IMAGE_SUFFIXES


def local_path(image: str) -> str | None:
    """Return the path of an image that lies with Label Studio, None of any other: of
    /data/upload/3/0a1b2c3d-my%20dog.jpg the name alone, as the folder is its own project.

    Label Studio escapes what an address cannot have.
    """
    found = STORED.fullmatch(image)
    return unquote(found["path"]) if found else None


def _texts(annotation: Mapping[str, Any], kind: str) -> Iterator[Text]:
    about = scalars(annotation, "result", "draft_created_at")
    for result in rows_of(annotation.get("result")):
        if not is_text_of_image(result):
            continue
        place = f"{kind}: {name_or_id(result.get('from_name')) or 'text'}"
        data = about | scalars(result, "value", "type")
        meta = result.get("meta")
        origin = exported_origin(meta if isinstance(meta, Mapping) else {}, place)
        for text in strings(result["value"].get("text")):
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
