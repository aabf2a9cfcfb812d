"""What an import read is accounted for: each image and each text of a random source is in a sum."""

import csv
import io
import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from blip2core.errors import ImageError
from blip2core.intake import Limits, NamedFile, Sums, check_image, read
from blip2core.records import Problem, Unused
from blip2core.texts import clean_text
from tests.intake.making import png, tarred, zipped

LIMITS = Limits(text_characters=40, texts=4)
TEXTS = st.lists(
    st.sampled_from(
        ["a dog", "a  cat", "e\u0301", "\u00e9", "=1+1", " ", "", "\u200b", "x" * 41, "two birds"]
    ),
    max_size=7,
)
"""Among them empty ones, one that is too long, one that nobody sees, and two spellings of one."""


@dataclass(frozen=True)
class Drawn:
    """One image of a source as it was drawn, with its texts."""

    state: str
    """good, broken (its bytes are no image), or missing (only its texts are there)."""
    shade: int
    """Images of the same shade are the same image."""
    texts: list[str]


DRAWN = st.lists(
    st.builds(
        Drawn,
        state=st.sampled_from(["good", "good", "broken", "missing"]),
        shade=st.integers(0, 3),
        texts=TEXTS,
    ),
    max_size=6,
)


def content(drawn: Drawn) -> bytes:
    return png(60 * drawn.shade) if drawn.state == "good" else b"no image, whatever its name says"


def read_texts(drawn: list[Drawn]) -> int:
    """How many texts stand there: white space alone is none."""
    return sum(bool(text.strip()) for one in drawn for text in one.texts)


def usable(one: Drawn) -> list[str]:
    """The texts of an image that can be used, each once; of too many the first."""
    texts = dict.fromkeys(clean_text(text) for text in one.texts if len(text) <= 40)
    texts.pop("", None)
    return list(texts)[: LIMITS.texts]


def rows(drawn: list[Drawn]) -> list[tuple[str, str]]:
    """A row for each text, and one for an image without."""
    return [
        (f"{number}.png", text) for number, one in enumerate(drawn) for text in one.texts or [""]
    ]


def csv_table(drawn: list[Drawn]) -> tuple[str, bytes]:
    file = io.StringIO()
    csv.writer(file).writerows([("file_name", "caption"), *rows(drawn)])
    return "metadata.csv", file.getvalue().encode()


def jsonl_table(drawn: list[Drawn]) -> tuple[str, bytes]:
    lines = [
        json.dumps({"file_name": f"{number}.png", "captions": one.texts})
        for number, one in enumerate(drawn)
    ]
    return "metadata.jsonl", "\n".join(lines).encode()


def parquet_table(drawn: list[Drawn]) -> tuple[str, bytes]:
    file = io.BytesIO()
    paths, texts = zip(*rows(drawn), strict=True) if drawn else ((), ())
    columns = {"file_name": pyarrow.array(paths, pyarrow.string())}
    columns["text"] = pyarrow.array(texts, pyarrow.string())
    parquet.write_table(pyarrow.table(columns), file)
    return "metadata.parquet", file.getvalue()


def side_files(drawn: list[Drawn]) -> dict[str, bytes]:
    """A .txt with a line for each text."""
    return {
        f"{number}.txt": "\n".join(one.texts).encode()
        for number, one in enumerate(drawn)
        if one.texts
    }


def arrow_table(drawn: list[Drawn]) -> tuple[str, bytes]:
    file = io.BytesIO()
    paths, texts = zip(*rows(drawn), strict=True) if drawn else ((), ())
    columns = {"file_name": pyarrow.array(paths, pyarrow.string())}
    table = pyarrow.table(columns | {"text": pyarrow.array(texts, pyarrow.string())})
    with pyarrow.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return "metadata.arrow", file.getvalue()


def coco(drawn: list[Drawn]) -> tuple[str, bytes]:
    images = [{"id": number, "file_name": f"{number}.png"} for number in range(len(drawn))]
    captions = [
        {"image_id": number, "caption": text}
        for number, one in enumerate(drawn)
        for text in one.texts
    ]
    captions.reverse()  # they come in any order
    return "all.json", json.dumps({"images": images, "annotations": captions}).encode()


def karpathy(drawn: list[Drawn]) -> tuple[str, bytes]:
    images = [
        {"filename": f"{number}.png", "sentences": [{"raw": text} for text in one.texts]}
        for number, one in enumerate(drawn)
    ]
    return "all.json", json.dumps({"images": images}).encode()


def lavis(drawn: list[Drawn]) -> tuple[str, bytes]:
    found = [{"image": f"{number}.png", "caption": one.texts} for number, one in enumerate(drawn)]
    return "all.json", json.dumps(found).encode()


def conversations(drawn: list[Drawn]) -> list[dict[str, object]]:
    return [
        {
            "image": f"{number}.png",
            "conversations": [
                {"from": "human", "value": "<image>"},
                *({"from": "gpt", "value": text} for text in one.texts),
            ],
        }
        for number, one in enumerate(drawn)
    ]


def llava(drawn: list[Drawn]) -> tuple[str, bytes]:
    return "all.json", json.dumps(conversations(drawn)).encode()


def llava_lines(drawn: list[Drawn]) -> tuple[str, bytes]:
    return "all.jsonl", "\n".join(map(json.dumps, conversations(drawn))).encode()


def label_studio(drawn: list[Drawn]) -> tuple[str, bytes]:
    tasks = [
        {
            "id": number,
            "data": {"image": f"/data/upload/1/{number}.png"},
            "annotations": [{"result": [{"value": {"text": one.texts[:2]}}]}],
            "predictions": [{"result": [{"value": {"text": one.texts[2:]}}]}],
        }
        for number, one in enumerate(drawn)
    ]
    return "all.json", json.dumps(tasks).encode()


TABLES: dict[str, Callable[[list[Drawn]], tuple[str, bytes]]] = {
    "csv": csv_table,
    "jsonl": jsonl_table,
    "parquet": parquet_table,
    "arrow": arrow_table,
    "coco": coco,
    "karpathy": karpathy,
    "lavis": lavis,
    "llava": llava,
    "llava in lines": llava_lines,
    "label studio": label_studio,
}


def members(drawn: list[Drawn], how: str, order: random.Random) -> list[tuple[str, bytes]]:
    """The files of a source, in any order."""
    files = {
        f"{number}.png": content(one) for number, one in enumerate(drawn) if one.state != "missing"
    }
    files |= dict([TABLES[how](drawn)]) if how in TABLES else side_files(drawn)
    shuffled = list(files.items())
    order.shuffle(shuffled)
    return shuffled


def sums_of_reading(files: list[tuple[str, bytes]], container: str) -> Sums:
    """Read as an import does, but keep nothing."""
    with tempfile.TemporaryDirectory() as folder:
        if container == "folder":
            for name, data in files:
                (Path(folder) / name).write_bytes(data)
            found = list(read(folder, limits=LIMITS))
        elif container == "several":
            found = list(read([NamedFile(name, data) for name, data in files], limits=LIMITS))
        else:
            packed = zipped(dict(files)) if container == "zip" else tarred(files)
            found = list(read(NamedFile(f"set.{container}", packed), limits=LIMITS))
    sums, images = Sums(), dict[str, set[str]]()
    for one in found:
        if isinstance(one, Unused):
            sums.add_unused(one)
        elif isinstance(one, Problem):
            sums.add_problem(one)
        else:
            try:
                known = images.get(sha := check_image(one.data).sha256)
            except ImageError as error:
                sums.add_problem(one.problem(str(error)))
                continue
            texts = images.setdefault(sha, set())
            new = set(one.texts) - texts
            texts |= new
            sums.add_image(one, is_new=known is None, texts_new=len(new))
    return sums


@settings(max_examples=400)
@given(
    DRAWN,
    st.sampled_from([*TABLES, "side files"]),
    st.sampled_from(["folder", "zip", "tar", "several"]),
    st.randoms(use_true_random=False),
)
def test_every_image_and_text_is_in_a_sum(
    drawn: list[Drawn], how: str, container: str, order: random.Random
) -> None:
    assume(drawn or how in ("csv", "jsonl", "parquet", "arrow", "side files"))
    files = members(drawn, how, order)
    sums = sums_of_reading(files, container)
    named = [one for one in drawn if one.state != "missing" or how in TABLES]
    good = [one for one in drawn if one.state == "good"]
    assert sums.images_read == len(named)
    assert sums.images_new + sums.images_known == len(good)
    assert sums.images_new == len({one.shade for one in good})
    assert sums.images_refused == len(named) - len(good)
    assert sums.texts_read == read_texts(drawn)
    assert sums.texts_new == len({(one.shade, text) for one in good for text in usable(one)})
    lost = [one for one in drawn if one.state != "good"]
    assert sums.texts_without_image + sums.texts_refused >= read_texts(lost)
    assert sums.texts_without_image >= sum(len(usable(one)) for one in lost)
    assert sums.sources_refused <= sum(not data for _, data in files) and not sums.unused
