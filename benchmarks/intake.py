"""An import beside what others do with the same files: images per second, and memory.

    python -m benchmarks.intake                     # 5,000 images; --images N for others
    python -m benchmarks.intake --images 2000 --folder FOLDER    # files that are made once and stay

Photo-like JPEGs of 256 to 512 pixels lie as a folder with a table of texts (imagefolder) and as
tars of 1,000 samples (webdataset). Each contender runs in a process of its own, one after the
other, three times in turn; of the three the median counts. Only ratios of one run mean something:
other programs on the machine slow all of them down. None of them starts other processes, so that
the peak of its own resident memory is all of it.

What each does, once its modules are loaded, which is not counted:

pillow      opens each file of the folder and decodes it to RGB; one thread, no texts
datasets    load_dataset("imagefolder"), which copies names and texts into an Arrow file, then
            decodes each image to RGB; one thread
check       reads the texts, decodes to RGB, hashes the file, its pixels and what it looks like,
            cuts off metadata, keeps nothing; with a thread for each core as in an import, or one
import      the same with all cores, then writes each image to the store and syncs it to disk,
            looks for images of the dataset that are alike, and writes rows into SQLite

The result goes to intake.json beside this file.
"""

import argparse
import csv
import importlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import numpy
from PIL import Image, ImageDraw

TIMES = 3
SHARD = 1_000
"""Samples of a tar."""


def pillow(folder: Path) -> int:
    count = 0
    for file in sorted((folder / "images").glob("*.jpg")):
        with Image.open(file) as image:
            count += image.convert("RGB").width > 0
    return count


def datasets(folder: Path) -> int:
    from datasets import load_dataset

    with tempfile.TemporaryDirectory() as cache:
        found = load_dataset(
            "imagefolder", data_dir=str(folder / "images"), split="train", cache_dir=cache
        )
        return sum(row["image"].convert("RGB").width > 0 and row["text"] != "" for row in found)


def check_alone(source: Path) -> int:
    from blip2core.intake import check_image, read

    return sum(check_image(one.data).width > 0 and one.texts != () for one in read(source))


def check(source: Path) -> int:
    from blip2core.curation.checking import check_all
    from blip2core.intake import read

    return sum(one.safe is not None for one in check_all(read(source)))


def import_all(source: Path) -> int:
    from blip2core.curation import import_images
    from blip2core.intake import Reading, read
    from blip2core.storage import open_database

    reading = Reading()
    with (
        tempfile.TemporaryDirectory(dir=source.parent) as data,
        closing(open_database(f"{data}/studio.db")) as database,
    ):
        found = read(source, reading=reading)
        steps = import_images(database, dataset="many", inputs=found, reading=reading)
        return sum(one.item is not None for one in steps)


CONTENDERS: dict[str, Callable[[Path], int]] = {
    "pillow": pillow,
    "datasets": datasets,
    "check, one thread, folder": lambda folder: check_alone(folder / "images"),
    "check, folder": lambda folder: check(folder / "images"),
    "check, tars": lambda folder: check(folder / "tars"),
    "import, folder": lambda folder: import_all(folder / "images"),
    "import, tars": lambda folder: import_all(folder / "tars"),
}


MODULES = {
    "datasets": ("datasets",),
    "check": ("blip2core.curation.checking", "blip2core.intake"),
    "import": ("blip2core.curation.imports", "blip2core.storage", "blip2core.intake"),
}
"""First word of a contender -> what it needs."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--folder", type=Path, help="Where the files are, or are to stay.")
    parser.add_argument("--only", choices=CONTENDERS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(one_run(options.only, options.folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        make_files(folder, options.images)
        runs = [{name: in_process(name, folder) for name in CONTENDERS} for _ in range(TIMES)]
    result = summary(runs, options.images)
    text = json.dumps(result, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(text)


def one_run(name: str, folder: Path) -> dict[str, float]:
    """Run a contender in this process."""
    for module in MODULES.get(name.split()[0].strip(","), ()):
        importlib.import_module(module)
    began, cpu = time.perf_counter(), time.process_time()
    count = CONTENDERS[name](folder)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "images": count,
        "per_second": count / seconds,
        "cpu_ms": (time.process_time() - cpu) / count * 1_000,
        "peak_mb": peak / 1_024,
    }


def in_process(name: str, folder: Path) -> dict[str, float]:
    """Run a contender in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.intake", "--only", name, "--folder", str(folder)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(name, {key: round(value, 1) for key, value in found.items()}, flush=True)
    return found


def summary(runs: list[dict[str, dict[str, float]]], images: int) -> dict[str, object]:
    """Return medians, and each as a ratio to Pillow's and to that of `datasets`."""
    assert all(one["images"] == images for run in runs for one in run.values()), "equal work"

    def median(name: str, what: str) -> float:
        return statistics.median(run[name][what] for run in runs)

    def ratio(name: str, other: str) -> float:
        ratios = (run[name]["per_second"] / run[other]["per_second"] for run in runs)
        return round(statistics.median(ratios), 2)

    return {
        "images": images,
        "cores": len(os.sched_getaffinity(0)),
        "load of the machine": round(os.getloadavg()[0], 1),
        "contenders": {
            name: {
                "images a second, to pillow": ratio(name, "pillow"),
                "images a second, to datasets": ratio(name, "datasets"),
                "images a second": round(median(name, "per_second")),
                "processor time of an image, ms": round(median(name, "cpu_ms"), 2),
                "peak memory, MB": round(median(name, "peak_mb")),
            }
            for name in CONTENDERS
        },
    }


def make_files(folder: Path, count: int) -> None:
    """Make the folder and the tars, unless they are there."""
    if (folder / "tars").is_dir():
        return
    (folder / "images").mkdir(parents=True)
    (folder / "unfinished").mkdir()
    with (folder / "images" / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file_name", "text"])
        for start in range(0, count, SHARD):
            path = folder / "unfinished" / f"{start // SHARD:05}.tar"
            with tarfile.open(path, "w") as archive:
                for number in range(start, min(start + SHARD, count)):
                    name, data = f"{number:09}.jpg", photo(number)
                    text = f"a photo with the number {number}"
                    (folder / "images" / name).write_bytes(data)
                    table.writerow([name, text])
                    add_members(archive, [(name, data), (f"{number:09}.txt", text.encode())])
    (folder / "unfinished").rename(folder / "tars")


def add_members(archive: tarfile.TarFile, members: Iterable[tuple[str, bytes]]) -> None:
    for name, data in members:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


def photo(number: int) -> bytes:
    """A JPEG with soft colours, shapes and grain; another one for each number."""
    draw = numpy.random.default_rng(number)
    side = int(draw.integers(256, 513))
    colours = draw.integers(0, 256, (9, 9, 3), dtype=numpy.uint8)
    image = Image.fromarray(colours).resize((side, side), Image.Resampling.BICUBIC)
    for _ in range(6):
        left, top, width, height = (int(value) for value in draw.integers(0, side, 4))
        colour = tuple(int(value) for value in draw.integers(0, 256, 3))
        box = (left, top, left + width // 2 + 4, top + height // 2 + 4)
        ImageDraw.Draw(image).ellipse(box, fill=colour)
    grain = Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=numpy.uint8))
    file = io.BytesIO()
    Image.blend(image, grain, 0.08).save(file, "JPEG", quality=88)
    return file.getvalue()


if __name__ == "__main__":
    main()
