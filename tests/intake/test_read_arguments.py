"""Misuse of `read` is an error that names the mistake."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blip2core.errors import IntakeError
from blip2core.intake import Columns, preview, read

SAMPLE = Path(__file__).parents[2] / "data/samples/web/001.jpg"
Call = Callable[[], Any]
TAKES = "read takes the path of a file or folder, a NamedFile, or a list of these"
GIVEN = "texts of read are a table, or a list of texts by the name of each image; "
COLUMNS = (
    'columns of read are Columns(path="foto", texts=("deutsch",)), or a dict of these by the names '
    "of tables"
)
READ: dict[str, tuple[Call, str]] = {
    "None": (lambda: read(None), TAKES + "; got None."),
    "an int": (lambda: read(3), TAKES + "; got an int."),
    "an image": (lambda: read(Image.new("L", (1, 1))), TAKES + "; got an image."),
    "bytes": (
        lambda: read(b"PK"),
        TAKES + "; got a bytes: NamedFile('images.zip', data) names bytes.",
    ),
    "a list of ints": (lambda: read([SAMPLE, 3]), TAKES + "; so must number 2 be; got an int."),
    "a URL": (
        lambda: list(read("https://example.com/a.zip")),
        "is an address: download it, then give the file.",
    ),
    "an address of a storage": (
        lambda: list(read("s3://bucket/folder")),
        "is an address: storages=Storages() of blip2core.intake reads it.",
    ),
    "an empty list": (lambda: read([]), TAKES + "; got an empty list."),
    "one column of texts": (
        lambda: Columns(path="foto", texts="deutsch"),
        "; got a str: put it into a tuple, (name,).",
    ),
    "a number of texts": (lambda: Columns(texts=3), '("deutsch", "english"); got an int.'),
    "no name of a text": (lambda: Columns(texts=(None,)), "not so for one of them; got None."),
    "several columns of images": (
        lambda: Columns(path=("a", "b")),
        "path of Columns is the name of a column, or None; got a tuple of 2.",
    ),
    "columns as a dict": (
        lambda: read(SAMPLE, columns={"path": "foto"}),
        COLUMNS + "; not so for path; got a str.",
    ),
    "columns as a list": (
        lambda: read(SAMPLE, columns=["foto"]),
        COLUMNS + "; got a list of 1.",
    ),
    "columns as a name": (lambda: read(SAMPLE, columns="foto"), COLUMNS + "; got a str."),
    "storages as a flag": (
        lambda: read("memory://bucket", storages=True),
        "storages of read are Storages(), or None; got a bool.",
    ),
    "a download as a flag": (
        lambda: read(SAMPLE, download=True),
        "download of read is Downloads(), or None; got a bool.",
    ),
    "limits as a number": (
        lambda: read(SAMPLE, limits=5),
        "limits of read is Limits(), or None; got an int.",
    ),
    "limits of a preview": (lambda: preview(SAMPLE, limits=5), "or None; got an int."),
    "a root as a number": (
        lambda: read(SAMPLE, root=5),
        "root of read is the path of a folder, or None; got an int.",
    ),
    "a flag as a word": (
        lambda: read(SAMPLE, metadata_texts="no"),
        "metadata_texts of read is True or False; got a str.",
    ),
    "columns of a preview": (
        lambda: preview(SAMPLE, columns={"t.csv": 5}),
        COLUMNS + "; not so for t.csv; got an int.",
    ),
    "an empty path": (
        lambda: read(""),
        "The path of a source is empty; the current folder is '.'.",
    ),
    "an empty path of a preview": (lambda: preview(""), "The path of a source is empty"),
    "one text": (
        lambda: read(SAMPLE, texts={"001.jpg": "a dog"}),
        GIVEN + "001.jpg has a str: put it into a list, [text].",
    ),
    "no text": (lambda: read(SAMPLE, texts={"001.jpg": [None]}), "not so for 001.jpg; got None."),
    "no names": (
        lambda: read(SAMPLE, texts=["a dog"]),
        GIVEN.replace("; ", "; got a list of 1."),
    ),
}


@pytest.mark.parametrize(("call", "sentence"), READ.values(), ids=READ)
def test_misuse_is_named(call: Call, sentence: str) -> None:
    with pytest.raises(IntakeError) as caught:
        call()
    said = str(caught.value)
    assert sentence in said
    assert len(said.splitlines()) == 1
