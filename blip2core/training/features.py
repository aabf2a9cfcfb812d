"""A cache of image features: each image goes through the frozen image encoder once.

`<name>.npy` is a plain array (N, P, V) of fp16, read through memory mapping; `<name>.json` beside
it says which encoder, processor and images it was made from, and how far the building got. What
is kept is the output of the encoder including its last layer norm, which is frozen with the rest.
The image is seen in one view only: there is no random cropping.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from blip2core.errors import CheckpointError, ModelError
from blip2core.models.vision import fingerprint

_SAVE_EVERY = 16
"""Batches between two writes of the number of encoded images."""


class Images(Protocol):
    """A numbered set of images."""

    @property
    def identity(self) -> str:
        """Text that names these images and their order; others have another one."""

    def __len__(self) -> int: ...

    def image(self, index: int) -> Image.Image:
        """Return image `index`, in RGB."""


class FeatureCache:
    """The features of N images, (N, P, V), on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._array: NDArray[np.float16] = np.load(path, mmap_mode="r")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Images, tokens per image, width of a token."""
        images, tokens, width = self._array.shape
        return images, tokens, width

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, indices: Sequence[int]) -> Tensor:
        """Return the features of images (B,) as (B, P, V) of float32, on the CPU."""
        return torch.from_numpy(self._array[list(indices)]).float()


def build_features(
    path: Path, images: Images, encoder: Any, image_processor: Any, *, batch: int = 64
) -> FeatureCache:
    """Encode all images; what is already in the file is not computed again.

    Args:
        path: The array to write, `*.npy`; its description goes to `*.json` beside it.
        encoder: A `Blip2VisionModel`; it runs where it lies, in its own dtype.
        image_processor: Turns PIL images into pixel values for this encoder.
        batch: Images encoded together.

    Raises:
        CheckpointError: The file is of another encoder, processor or set of images.
        ModelError: A feature does not fit into fp16.
    """
    shape = (len(images), encoder.embeddings.num_positions, encoder.config.hidden_size)
    header: dict[str, Any] = {
        "fingerprint": cache_fingerprint(encoder, image_processor, images),
        "shape": list(shape),
        "dtype": "float16",
        "done": 0,
    }
    if path.exists():
        header["done"] = _read_header(path, header)["done"]
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape).flush()
        _write_header(path, header)
    if header["done"] < len(images):
        _fill(path, header, images, encoder, image_processor, batch)
    return FeatureCache(path)


def cache_fingerprint(encoder: Any, image_processor: Any, images: Images) -> str:
    """Return the SHA-256 of the encoder's weights, the processor's settings and the images'
    identity.
    """
    settings = json.dumps(image_processor.to_dict(), sort_keys=True, default=str)
    whole = f"{fingerprint(encoder)}\n{settings}\n{images.identity}"
    return hashlib.sha256(whole.encode()).hexdigest()


@torch.inference_mode()
def _fill(
    path: Path,
    header: dict[str, Any],
    images: Images,
    encoder: Any,
    image_processor: Any,
    batch: int,
) -> None:
    array = np.load(path, mmap_mode="r+")
    starts = range(header["done"], len(images), batch)
    with tqdm(total=len(images), initial=header["done"], desc="encode", disable=None) as bar:
        for number, start in enumerate(starts, start=1):
            stop = min(start + batch, len(images))
            opened = [images.image(index) for index in range(start, stop)]
            pixels = image_processor(opened, return_tensors="pt").pixel_values  # (B, 3, H, W)
            pixels = pixels.to(encoder.device, encoder.dtype)
            features = encoder(pixel_values=pixels).last_hidden_state.to(torch.float16).cpu()
            if not features.isfinite().all():
                raise ModelError(f"The features of images {start} to {stop} do not fit in fp16.")
            array[start:stop] = features.numpy()
            bar.update(stop - start)
            if number % _SAVE_EVERY == 0 or stop == len(images):
                array.flush()
                _write_header(path, header | {"done": stop})


def _read_header(path: Path, expected: dict[str, Any]) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    if not beside.exists():
        raise CheckpointError(f"{path} has no {beside.name} beside it: delete it to build it anew.")
    found: dict[str, Any] = json.loads(beside.read_text())
    for name in ("shape", "dtype", "fingerprint"):
        if found.get(name) != expected[name]:
            raise CheckpointError(
                f"{path} was made from another image encoder, processor or set of images "
                f"(its {name} differs): delete it, or name another cache file."
            )
    return found


def _write_header(path: Path, header: dict[str, Any]) -> None:
    beside = path.with_suffix(".json")
    unfinished = beside.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(header, indent=2) + "\n")
    os.replace(unfinished, beside)
