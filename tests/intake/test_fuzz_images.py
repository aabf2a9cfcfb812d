"""A text reaches its own image or none: random folders whose images have the same names."""

import csv
import io
import json
import random
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from blip2core.intake import NamedFile, read
from blip2core.records import WebImage
from tests.intake.making import png, tarred, zipped

FOLDERS = ("", "train", "val", "train/a", "val/a")
NAMES = ("1.png", "2.png", "10.png", "caf\u00e9.png", "cafe\u0301.png", "CAF\u00c9.png")
"""Among them names that are one in other spellings."""


@dataclass(frozen=True)
class Drawn:
    """An image of a source, or one that is only named."""

    number: int
    path: str
    is_there: bool
    texts: list[str]

    @property
    def data(self) -> bytes:
        return png(10 * self.number + 5)


@st.composite
def drawn_sources(draw: st.DrawFn) -> list[Drawn]:
    """Images with texts that name them, at paths of which each is there once."""
    paths = draw(st.lists(st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES)), unique=True))
    return [
        Drawn(
            number=number,
            path=str(PurePosixPath(folder, name)),
            is_there=draw(st.sampled_from([True, True, False])),
            texts=[f"text {number}.{text}" for text in range(draw(st.integers(1, 2)))],
        )
        for number, (folder, name) in enumerate(paths[:8])
    ]


Named = list[tuple[str, list[str]]]
"""Names of images as a table writes them, with their texts."""


def csv_table(named: Named) -> dict[str, bytes]:
    file = io.StringIO()
    rows = [(name, text) for name, texts in named for text in texts]
    csv.writer(file).writerows([("file_name", "caption"), *rows])
    return {"metadata.csv": file.getvalue().encode()}


def json_lines(named: Named) -> dict[str, bytes]:
    lines = [json.dumps({"image": name, "captions": texts}) for name, texts in named]
    return {"all.jsonl": "\n".join(lines).encode()}


def parquet_table(named: Named) -> dict[str, bytes]:
    file = io.BytesIO()
    rows = [{"file_name": name, "text": text} for name, texts in named for text in texts]
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    return {"metadata.parquet": file.getvalue()}


def coco(named: Named) -> dict[str, bytes]:
    images = [{"id": number, "file_name": name} for number, (name, _) in enumerate(named, 1)]
    captions = [
        {"image_id": number, "caption": text}
        for number, (_, texts) in enumerate(named, 1)
        for text in texts
    ]
    return {"captions.json": json.dumps({"images": images, "annotations": captions}).encode()}


def lavis(named: Named) -> dict[str, bytes]:
    rows = [{"image": name, "caption": texts} for name, texts in named]
    return {"all.json": json.dumps(rows).encode()}


def llava(named: Named) -> dict[str, bytes]:
    rows = [
        {
            "image": name,
            "conversations": [
                {"from": "human", "value": "<image>"},
                *({"from": "gpt", "value": text} for text in texts),
            ],
        }
        for name, texts in named
    ]
    return {"all.json": json.dumps(rows).encode()}


def by_number(named: Named) -> dict[str, bytes]:
    """As pandas writes a table with `to_json(orient="index")`."""
    rows = [{"image": name, "caption": text} for name, texts in named for text in texts]
    return {"all.json": json.dumps(dict(enumerate(rows, 1))).encode()}


def by_name(named: Named) -> dict[str, bytes]:
    return {"all.json": json.dumps(dict(named)).encode()}


def questions(named: Named) -> dict[str, bytes]:
    """In two files; the numbers of questions begin at 1 in each folder."""
    asked, answered = [], []
    for name, texts in named:
        for text in texts:
            number = len(asked) + 1
            asked.append({"image": name, "question_id": number, "question": f"{text}?"})
            answered.append({"question_id": number, "answers": [{"answer": text}]})
    return {
        "questions.json": json.dumps({"questions": asked}).encode(),
        "annotations.json": json.dumps({"annotations": answered}).encode(),
    }


TABLES: list[Callable[[Named], dict[str, bytes]]] = [
    *(csv_table, json_lines, parquet_table, coco, lavis, llava, by_number, by_name, questions),
]


def expected(drawn: list[Drawn]) -> dict[int, set[str]]:
    """The texts of each image: its own, and those of a name that is the same in another spelling,
    where no file has that and no other file is meant.
    """
    there = [one for one in drawn if one.is_there]
    texts = {one.number: set(one.texts) for one in there}
    for lost in (one for one in drawn if not one.is_there):
        path = unicodedata.normalize("NFC", lost.path)
        names = {one.number: unicodedata.normalize("NFC", one.path) for one in there}
        meant = [number for number, name in names.items() if name == path]
        meant = meant or [n for n, name in names.items() if name.casefold() == path.casefold()]
        if len(meant) == 1:
            texts[meant[0]] |= set(lost.texts)
    return texts


def files_of(
    drawn: list[Drawn], table: Callable[[Named], dict[str, bytes]], where: str
) -> dict[str, bytes]:
    """The images, and one table that names them by their paths, or one in each folder."""
    files = {one.path: one.data for one in drawn if one.is_there}
    tables: dict[str, Named] = defaultdict(list)
    for one in drawn:
        path = PurePosixPath(one.path)
        if where == "at the top":
            tables["."].append((one.path, one.texts))
        else:
            tables[str(path.parent)].append((path.name, one.texts))
    for folder, named in tables.items():
        for name, data in table(named).items():
            files[str(PurePosixPath(folder, name))] = data
    return files


def texts_by_image(files: dict[str, bytes], container: str, order: random.Random) -> dict[int, set]:
    """Number of an image -> the texts that were read for it."""
    members = list(files.items())
    order.shuffle(members)
    with tempfile.TemporaryDirectory() as folder:
        source: Path | NamedFile = Path(folder)
        for name, data in members:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if container != "folder":
            packed = zipped(dict(members)) if container == "zip" else tarred(members)
            source = NamedFile(f"set.{container}", packed)
        images = [one for one in read(source) if isinstance(one, WebImage)]
    numbers = {png(10 * number + 5): number for number in range(8)}
    read_texts: dict[int, set] = defaultdict(set)
    for image in images:
        read_texts[numbers[image.data]] |= {text.rpartition("? ")[2] for text in image.texts}
    return read_texts


@settings(max_examples=300)
@given(
    drawn_sources(),
    st.sampled_from(TABLES),
    st.sampled_from(["at the top", "in each folder"]),
    st.sampled_from(["folder", "zip", "tar"]),
    st.randoms(use_true_random=False),
)
def test_a_text_reaches_its_own_image(
    drawn: list[Drawn],
    table: Callable[[Named], dict[str, bytes]],
    where: str,
    container: str,
    order: random.Random,
) -> None:
    """All of them where the image is there; nobody else gets any."""
    found = texts_by_image(files_of(drawn, table, where), container, order)
    assert found == expected(drawn)
