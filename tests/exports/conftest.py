"""Accepted pairs as a snapshot hands them out, with real image files and hostile texts."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from blip2core.exports import Manifest, Subject, export_pairs
from blip2core.records import ExportPair

HOSTILE = (
    'two dogs, one said "no"\nand a second line',
    '=HYPERLINK("http://evil.example";"click")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "<script>alert(1)</script> [x](javascript:alert(1)) | a | b |",
    "ein Bär, 熊, דוב, 🐻\u200d❄️, e\u0301",
    "tab\tinside, \\ backslash, 'quotes', \u2028 a separator",
    "N/A",
    "12",
    "-5 degrees",
    "true",
)
"""Captions that one format or another is known to spoil."""
FORMATS_OF_IMAGES = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
SUBJECT = Subject(
    dataset="stickers | <b>web</b>",
    snapshot="first",
    content_sha256="c0" * 32,
    policy={
        "threshold": 0.5,
        "splits": {"train": 0.8},
        "guidelines": "Say what is there.\n\n# Not a heading <script>",
    },
    applied=[{"batch": 1, "applied_by": "ann", "threshold": 0.75}],
    rejected={"ITM 0.31 is below 0.50": 12},
    agreement="Cohen's kappa 0.81 on 40 items",
)
ANSWERS = {"text_place": "answer", "text_data": '{"question": "What is there?"}'}
"""Fields of pairs that every format can hold."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where the images of `make_pairs` lie."""
    folder = tmp_path / "store-of-this-machine"
    folder.mkdir()
    return folder


@pytest.fixture
def make_pairs(store: Path) -> Callable[..., list[ExportPair]]:
    """(number of images) -> two texts for each, one in five images held out."""

    def make(count: int = 10, *, texts: tuple[str, ...] = HOSTILE, **changes: Any) -> Any:
        noise = numpy.random.default_rng(0)
        pairs = []
        for number in range(count):
            kind = FORMATS_OF_IMAGES[number % 5]
            image = Image.fromarray(noise.integers(0, 256, (9, 7, 3), dtype=numpy.uint8))
            file = io.BytesIO()
            image.save(file, kind)
            digest = hashlib.sha256(file.getvalue()).hexdigest()
            (store / digest).write_bytes(file.getvalue())
            web = dict(
                caption_id=2 * number + 1,
                item_id=number + 1,
                split=("train", "train", "train", "validation", "test")[number % 5],
                text=texts[number % len(texts)],
                source="web",
                image_sha256=digest,
                image_path=str(store / digest),
                format=kind,
                width=7,
                height=9,
                decision_id=number + 1,
                decided_by="ann",
                url=f"https://pictures.example/{number}?a=1&b=2",
                license="CC BY 4.0" if number % 2 else None,
            )
            written = dict(
                caption_id=2 * number + 2,
                text=f"noise number {number}",
                source="synthetic",
                itm=0.25 + number / 100,
                itc=-0.125,
                scorer="stickers-itm@" + "a" * 40,
                run_uid="run-1",
                captioner="stickers-opt@" + "b" * 40,
            )
            pairs += [ExportPair(**web | changes), ExportPair(**web | written | changes)]
        return sorted(pairs, key=lambda pair: (pair.image_sha256, pair.caption_id))

    return make


@pytest.fixture
def written(
    tmp_path: Path, make_pairs: Callable[..., list[ExportPair]]
) -> Callable[..., tuple[Path, Manifest, list[ExportPair]]]:
    """(format, settings) -> folder, manifest and pairs of an export."""

    def written(name: str, pairs: list[ExportPair] | None = None, **settings: Any) -> Any:
        pairs = make_pairs() if pairs is None else pairs
        out = tmp_path / f"export-{name}"
        return out, export_pairs(pairs, out, format=name, subject=SUBJECT, **settings), pairs

    return written
