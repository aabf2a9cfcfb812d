"""Pairs of images and texts, the order they are drawn in, and the batches of stage 1.

The order is a pure function of the seed and the position in the run: position `p` of the run is
one image of epoch `p // N`, and has its own random generator for the text drawn with it. So a
resumed run needs no state of a loader, and two processes see what one would see with their joined
batch.
"""

import logging
import os
import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, tensor

from blip2core.errors import DataError, IntakeError
from blip2core.formats.csv import csv_rows_by_line
from blip2core.formats.files import NamedFile
from blip2core.formats.jsonl import jsonl_rows
from blip2core.images import open_image
from blip2core.records import Passage, Segment
from blip2core.texts import clean_text, visible
from blip2core.training.features import FeatureCache, Images

_log = logging.getLogger(__name__)
_IMAGE_COLUMNS = ("image", "file_name")
_TEXT_COLUMNS = ("text", "caption")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A text about an image."""

    text: str
    meaning: Hashable = None
    """What the text says, where the source knows; only the source reads it."""


class PairSource(Images, Protocol):
    """Images with texts about each. Texts are drawn anew at each call."""

    def text(self, index: int, rng: random.Random) -> Statement:
        """Draw a true text about image `index`."""

    def hard_text(self, index: int, rng: random.Random) -> str | None:
        """Draw a text that one changed word makes false of the image; None where there is none."""

    def passage(self, index: int, rng: random.Random) -> Passage:
        """Draw what a language model reads and writes about the image."""

    def matches(self, index: int, statement: Statement) -> bool:
        """Return whether a text drawn for any image is true of image `index`."""


class FilePairs:
    """Images and captions named in a JSONL or CSV file.

    Each line holds an image (`image` or `file_name`, relative to the file) and a text (`text` or
    `caption`), or in JSONL a list of them (`captions`). An image may stand on several lines; one
    of its texts is drawn each time. A text is known to be true of an image only where the file
    says so.
    """

    def __init__(self, path: Path) -> None:
        texts: dict[Path, list[str]] = {}
        for line, row in _read_rows(path):
            image = path.parent / _cell(row, _IMAGE_COLUMNS, path, line)
            if not os.path.isfile(image):  # pathlib's own raises where a name is too long
                shown = visible(str(image))
                raise DataError(f"{path}, line {line}: there is no file {shown}.")
            texts.setdefault(image, []).extend(_texts(row, path, line))
        if not texts:
            raise DataError(f"{path} names no image.")
        self._images = list(texts)
        self._texts = list(texts.values())

    @property
    def identity(self) -> str:
        return "\n".join(f"{path} {path.stat().st_size}" for path in self._images)

    def __len__(self) -> int:
        return len(self._images)

    def image(self, index: int) -> Image.Image:
        return open_image(self._images[index])

    def text(self, index: int, rng: random.Random) -> Statement:
        return Statement(text=rng.choice(self._texts[index]))

    def hard_text(self, index: int, rng: random.Random) -> str | None:
        return None

    def passage(self, index: int, rng: random.Random) -> Passage:
        return (Segment(text=rng.choice(self._texts[index]), target=True),)

    def matches(self, index: int, statement: Statement) -> bool:
        return statement.text in self._texts[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which images each step of each process takes."""

    seed: int
    length: int
    """Images in the source."""
    batch: int
    """Images per step and process."""
    rank: int = 0
    """Number of this process."""
    world: int = 1
    """Number of processes."""

    def positions(self, step: int) -> range:
        """Return the `batch` positions in the run that step `step` of this process takes."""
        start = (step * self.world + self.rank) * self.batch
        return range(start, start + self.batch)

    def index(self, position: int) -> int:
        """Return the index of the image at a position; each image comes once in an epoch."""
        epoch, place = divmod(position, self.length)
        return int(_permutation(self.seed, epoch, self.length)[place])

    def rng(self, position: int) -> random.Random:
        """Return a generator of its own for the texts drawn at a position."""
        return random.Random(f"text {self.seed} {position}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage1Batch:
    """B images with a text each."""

    vision: Tensor
    """(B, P, V) image features."""
    ids: Tensor
    """(B, T) token ids, [CLS] first, padded on the right."""
    mask: Tensor
    """(B, T) 1 for a token, 0 for padding."""
    matches: Tensor
    """(B, B) bool: `[i, j]` says that text j is true of image i. The diagonal is True."""
    hard_ids: Tensor | None = None
    """(B, T') a text that one change makes false of image i; all padding where there is none."""
    hard_mask: Tensor | None = None
    """(B, T') 1 for a token, 0 for padding."""


def stage1_batch(
    source: PairSource,
    features: FeatureCache,
    tokenizer: Any,
    order: Order,
    step: int,
    *,
    max_text: int,
    hard_texts: bool = False,
) -> Stage1Batch:
    """Return the batch of a step; a pure function of `order` and `step`.

    With `hard_texts` each row gets one, where the source has one for it.
    """
    positions = order.positions(step)
    indices = [order.index(position) for position in positions]
    generators = [order.rng(position) for position in positions]
    statements = [source.text(i, rng) for i, rng in zip(indices, generators, strict=True)]
    ids, mask = tokenize([statement.text for statement in statements], tokenizer, max_text)
    hard_ids, hard_mask = None, None
    if hard_texts:
        hard = [source.hard_text(i, rng) for i, rng in zip(indices, generators, strict=True)]
        hard_ids, hard_mask = tokenize([text or "" for text in hard], tokenizer, max_text)
        absent = tensor([text is None for text in hard])[:, None]
        hard_ids = hard_ids.masked_fill(absent, tokenizer.pad_token_id)
        hard_mask = hard_mask.masked_fill(absent, 0)
    return Stage1Batch(
        vision=features.read(indices),
        ids=ids,
        mask=mask,
        matches=match_matrix(source, indices, statements),
        hard_ids=hard_ids,
        hard_mask=hard_mask,
    )


def match_matrix(
    source: PairSource, indices: Sequence[int], statements: Sequence[Statement]
) -> Tensor:
    """Return (B, B) bool: whether text j is true of image i, of B images and their texts."""
    return tensor(
        [
            [i == j or source.matches(index, statement) for j, statement in enumerate(statements)]
            for i, index in enumerate(indices)
        ]
    )


def tokenize(texts: list[str], tokenizer: Any, max_text: int) -> tuple[Tensor, Tensor]:
    """Return ids (B, T) and mask (B, T) of texts, padded on the right,
    cut after `max_text` tokens.
    """
    encoded = tokenizer(
        texts,
        padding=True,
        padding_side="right",
        truncation=True,
        max_length=max_text,
        return_tensors="pt",
    )
    return encoded.input_ids, encoded.attention_mask


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, length: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(length)


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and columns of each row of a JSONL or CSV file, read as an import reads it.

    How it was read, where that is not the usual, is logged as a warning.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    if path.suffix not in (".csv", ".jsonl"):
        raise DataError(f"{path} must be a .jsonl or a .csv file.")
    file = NamedFile(path.name, path)
    try:
        for line, row in csv_rows_by_line(file) if path.suffix == ".csv" else jsonl_rows(file):
            if isinstance(row, dict):
                yield line, row
            elif line == 0:
                _log.warning("%s: %s", path, row)
            else:
                reason = str(row)
                raise DataError(f"{path}, line {line}: {reason[:1].lower()}{reason[1:]}")
    except IntakeError as error:
        raise DataError(f"{path}: {error}") from error


def _texts(row: dict[str, Any], path: Path, line: int) -> list[str]:
    captions = row.get("captions")
    if not isinstance(captions, list):
        return [_text(row, path, line)]
    return [_text({"text": text}, path, line) for text in captions]


def _text(row: dict[str, Any], path: Path, line: int) -> str:
    """Return the text of a row as an import stores it. Raises DataError where nothing is left."""
    return clean_text(_cell(row, _TEXT_COLUMNS, path, line))


def _cell(row: dict[str, Any], columns: Sequence[str], path: Path, line: int) -> str:
    for column in columns:
        value = row.get(column)
        if isinstance(value, str) and clean_text(value):
            return value.strip()
    raise DataError(f"{path}, line {line}: {' or '.join(columns)} is missing or empty.")
