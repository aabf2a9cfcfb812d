"""Exports with the texts inside the images, and the way back from these images alone."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from blip2core.config import ExportConfig
from blip2core.errors import ExportError
from blip2core.exports import FORMATS, export_pairs
from blip2core.formats.image_metadata import image_metadata
from blip2core.formats.text_embedding import holdable
from blip2core.intake import NamedFile, read
from blip2core.records import ExportPair
from blip2core.texts import clean_text
from tests.exports.conftest import SUBJECT
from tests.exports.reading import left_open, load
from tests.formats.files import saved
from tests.intake.making import images

EMBED = ExportConfig(embed_texts=True)


def copies(out: Path) -> dict[str, bytes]:
    """Images of an export by the hash of the stored image."""
    found = {
        path.stem: path.read_bytes()
        for path in out.rglob("*")
        if path.suffix in {".jpg", ".png", ".webp", ".gif", ".bmp"}
    }
    for path in out.rglob("*.parquet"):
        for row in parquet.read_table(path).to_pylist():
            found[row["image_sha256"]] = row["image"]["bytes"]
    for path in out.rglob("*.tar"):
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        for name, data in members.items():
            if not name.endswith((".json", ".txt")):
                key = json.loads(members[f"{name.partition('.')[0]}.json"])["image_sha256"]
                found[key] = data
    return found


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("name", FORMATS)
def test_every_copy_has_all_texts_of_its_image_inside(
    name: str, written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    asked = make_pairs(text_data='{"question": "What is there?"}')  # which VQA needs
    out, manifest, pairs = written(name, asked, config=EMBED)
    found = copies(out)
    assert len(found) == 10
    for pair in pairs:
        stored = Path(pair.image_path).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == pair.image_sha256, "never changed"
        inside = [text for text, _ in image_metadata(found[pair.image_sha256]).texts]
        if pair.format in ("GIF", "BMP"):
            assert found[pair.image_sha256] == stored
        else:
            assert inside == [one.text for one in pairs if one.image_sha256 == pair.image_sha256]
            assert pixels(found[pair.image_sha256]) == pixels(stored)
    sums = (out / "SHA256SUMS").read_text("utf-8").splitlines()
    for line in sums:
        digest, path = line.split("  ", 1)
        assert hashlib.sha256((out / path).read_bytes()).hexdigest() == digest
    told = manifest.data["notes"]
    assert any(note.startswith("6 images with texts inside") for note in told)
    for format in ("GIF", "BMP"):
        end = "without texts inside, as that format holds none: copied as they are."
        assert f"2 {format} images {end}" in told
    assert manifest.data["options"]["embed_texts"] is True
    assert "6 images with texts inside" in (out / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["imagefolder", "webdataset", "parquet"])
def test_an_export_as_before_changes_no_image(name: str, written: Callable[..., Any]) -> None:
    out, manifest, _ = written(name)
    for digest, data in copies(out).items():
        assert hashlib.sha256(data).hexdigest() == digest
    assert not any("inside" in note for note in manifest.data["notes"])


def test_the_same_pairs_give_the_same_bytes(make_pairs: Callable[..., Any], tmp_path: Path) -> None:
    manifests = [
        export_pairs(make_pairs(), tmp_path / out, format="coco", subject=SUBJECT, config=EMBED)
        for out in ("one", "two")
    ]
    assert manifests[0].sha256 == manifests[1].sha256


def test_datasets_opens_it_and_sees_the_text(
    written: Callable[..., Any], tmp_path: Path, make_pairs: Callable[..., Any]
) -> None:
    pairs = make_pairs(texts=("a dog",))
    out, _, _ = written("imagefolder", pairs, config=EMBED)
    with left_open():
        found = load("imagefolder", tmp_path / "cache", data_dir=str(out))
        row = next(row for row in found["train"] if row["image"].format == "JPEG")
        assert row["image"].getexif()[0x010E] == "a dog"


def test_texts_that_an_image_cannot_hold_are_counted(
    written: Callable[..., Any], make_pairs: Callable[..., Any]
) -> None:
    pairs = [replace(pair, text="\uffff" * 5) for pair in make_pairs(1)[:1]]
    out, manifest, _ = written("imagefolder", pairs, config=EMBED)
    assert manifest.data["notes"][-1:] == [
        "1 text is not in its image: too long, or with a character that XML does not hold."
    ]
    assert copies(out)[pairs[0].image_sha256] == Path(pairs[0].image_path).read_bytes()


def test_an_image_that_cannot_hold_texts_is_an_error_that_says_what_to_do(
    written: Callable[..., Any], make_pairs: Callable[..., Any], store: Path
) -> None:
    broken = b"\x89PNG\r\n\x1a\n"
    digest = hashlib.sha256(broken).hexdigest()
    (store / digest).write_bytes(broken)
    path = str(store / digest)
    pair = replace(make_pairs(1)[0], image_sha256=digest, image_path=path, format="PNG")
    with pytest.raises(ExportError, match="item 1, it is a damaged PNG file: export without"):
        written("imagefolder", [pair], config=EMBED)


HEBREW = "\u05e9\u05dc\u05d5\u05dd"
PIECES = st.sampled_from(
    ["\n", "\t", "\u202e", "\u200f", HEBREW, "🐻\u200d❄️", '"', "'", "<b>", "&amp;", "]]>", "{}"]
)
TEXTS = st.lists(
    (st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=30))
    .map(clean_text)
    .filter(lambda text: text and holdable([text])),
    min_size=1,
    max_size=4,
    unique=True,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("embedded")
    for format in ("JPEG", "PNG", "WEBP"):
        (found / format).write_bytes(saved(format))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing there has to outlast a power cut
        yield found


@given(st.lists(TEXTS, min_size=3, max_size=3))
def test_the_images_alone_bring_back_the_same_texts(folder: Path, texts: list[list[str]]) -> None:
    stored = {one: (folder / one).read_bytes() for one in ("JPEG", "PNG", "WEBP")}
    order = sorted(stored, key=lambda one: hashlib.sha256(stored[one]).digest())
    pairs: list[ExportPair] = []
    expected = {}
    for format, several in zip(order, texts, strict=True):
        digest = hashlib.sha256(stored[format]).hexdigest()
        expected[digest] = tuple(several)
        for text in several:
            pair = ExportPair(
                caption_id=len(pairs) + 1,
                item_id=1,
                split="train",
                text=text,
                source="web",
                image_sha256=digest,
                image_path=str(folder / format),
                format=format,
                width=7,
                height=9,
            )
            pairs.append(pair)
    out = folder / f"out-{len(os.listdir(folder))}"
    export_pairs(pairs, out, format="coco", subject=SUBJECT, config=EMBED)
    alone = [NamedFile(f"{name}.img", data) for name, data in copies(out).items()]
    found = {one.name.removesuffix(".img"): one for one in images(read(alone))}
    assert {name: one.texts for name, one in found.items()} == expected
    assert {one.duplicates for one in found.values()} == {0}
