"""WebDataset: tar files of samples, each an image, its text and its origin under one key."""

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO

from blip2core.config import ExportConfig
from blip2core.formats.format import Format, Output
from blip2core.formats.rows import about, json_line
from blip2core.formats.split_files import PerSplit, Shards
from blip2core.records import SUFFIX_OF_FORMAT, ExportPair


def write_webdataset(pairs: Iterable[ExportPair], output: Output, config: ExportConfig) -> None:
    """Write `train-00000.tar` and so on, with `config.shard_pairs` samples each.

    Readers cut a name at its first dot, so keys are numbers. An image is repeated for each of its
    texts.
    """

    def shards(split: str) -> Shards[tarfile.TarFile]:
        return Shards(partial(_tar, output, split), size=config.shard_pairs)

    with PerSplit(shards) as splits:
        for pair in pairs:
            tar = splits[pair.split].next()
            key = f"{splits[pair.split].entries - 1:09d}"
            _add(tar, f"{key}.{SUFFIX_OF_FORMAT[pair.format]}", output.read_image(pair))
            _add(tar, f"{key}.txt", pair.text.encode())
            _add(tar, f"{key}.json", json_line({"text": pair.text, **about(pair, config)}))


@contextmanager
def _tar(output: Output, split: str, number: int) -> Iterator[tarfile.TarFile]:
    with (
        output.open(f"{split}-{number:05d}.tar") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        yield tar


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a plain file; time and owner stay at the zeros that `TarInfo` starts with."""
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, BytesIO(data))


WEBDATASET = Format(
    write=write_webdataset,
    label="webdataset (tar shards)",
    what="Tar files per split; each sample is an image, its text (`.txt`) and its origin "
    "(`.json`) under one number.",
    example='webdataset.WebDataset("FOLDER/train-00000.tar", shardshuffle=False).decode("pil")\n'
    '    .to_tuple("jpg;png;webp;gif;bmp", "txt", "json")',
)
