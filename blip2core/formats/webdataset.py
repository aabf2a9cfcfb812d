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
    texts. All images end as the first one: readers decode them by their bytes, and `datasets` takes
    the names of a sample's members for its columns, which have to be the same in all samples.
    """
    ending, formats = "", set[str]()

    def shards(split: str) -> Shards[tarfile.TarFile]:
        return Shards(partial(_tar, output, split), size=config.shard_pairs)

    with PerSplit(shards) as splits:
        for pair in pairs:
            tar = splits[pair.split].next()
            key = f"{splits[pair.split].entries - 1:09d}"
            ending = ending or SUFFIX_OF_FORMAT[pair.format]
            formats.add(pair.format)
            _add(tar, f"{key}.{ending}", output.read_image(pair))
            _add(tar, f"{key}.txt", pair.text.encode())
            _add(tar, f"{key}.json", json_line({"text": pair.text, **about(pair, config)}))
    if len(formats) > 1:
        several = ", ".join(sorted(formats))
        output.notes.append(
            f"The images are of several formats ({several}), all of them called `.{ending}`: "
            "`datasets` wants one name for a column. Readers that go by the bytes, as Pillow does, "
            "decode each of them."
        )


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
    "(`.json`) under one number. All images have the ending of the first, so that `datasets` "
    "opens them.",
    example='webdataset.WebDataset("FOLDER/train-00000.tar", shardshuffle=False).decode("pil")\n'
    '    .to_tuple("jpg;png;webp;gif;bmp", "txt", "json")',
)
