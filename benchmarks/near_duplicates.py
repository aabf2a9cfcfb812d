"""How well perceptual hashes find copies of sticker scenes, and what a search costs.

    python -m benchmarks.near_duplicates

Writes near_duplicates.json beside itself. Counts do not change from run to run, seconds do.
"""

import io
import json
import random
import resource
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from PIL import Image

from blip2core.images import find_images, open_image
from blip2core.intake import near_pairs, perceptual_hash
from blip2core.intake.duplicates import MOST_BITS

ROOT = Path(__file__).parents[1]
HASHES = 200_000


def jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def copy(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return open_image(file.getvalue())

    return copy


def scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.resize([round(side * factor) for side in image.size])


def cropped(image: Image.Image) -> Image.Image:
    """3% less on each side."""
    width, height = image.size
    return image.crop((width * 3 // 100, height * 3 // 100, width * 97 // 100, height * 97 // 100))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG at quality 90": jpeg(90),
    "JPEG at quality 50": jpeg(50),
    "half the size": scaled(0.5),
    "twice the size": scaled(2.0),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "15% brighter": lambda image: image.point(lambda value: min(255, round(value * 1.15))),
    "3% cut off each side": cropped,
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def main() -> None:
    scenes = [open_image(path) for path in find_images(ROOT / "data/samples")]
    hashes = [perceptual_hash(scene) for scene in scenes]
    distances = [(one ^ two).bit_count() for one, two in combinations(hashes, 2)]
    found = {
        name: sum(
            (perceptual_hash(copy(scene)) ^ own).bit_count() <= MOST_BITS
            for scene, own in zip(scenes, hashes, strict=True)
        )
        for name, copy in COPIES.items()
    }
    chance = random.Random(0)
    many = [chance.getrandbits(64) for _ in range(HASHES)]
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    sum(1 for _ in near_pairs(many))
    figures = {
        "scenes": len(scenes),
        "copies found within 3 bits": found,
        "pairs of different scenes": len(distances),
        "of these within 3 bits": sum(bits <= MOST_BITS for bits in distances),
        "nearest two different scenes, bits": min(distances),
        f"all pairs of {HASHES} hashes, seconds": round(time.perf_counter() - started, 1),
        "memory for that, MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        // 1024,
    }
    text = json.dumps(figures, indent=2)
    Path(__file__).with_suffix(".json").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
