"""Memory of CapFilt over many images: it must not grow with their number.

    python -m benchmarks.capfilt_memory 20000

Images are small PNG files made on the way, the models random and tiny: what is measured is the
pipeline, not the models. Resident memory is read along the way through the pipeline alone, and then
through a whole curation (import; captions and scores into SQLite) of as many. The result goes to
capfilt_memory.json beside this file.
"""

import gc
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import torch
from PIL import Image

from blip2core.capfilt import CapFilt, Task, judge
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.curation import import_images, start_capfilt, work
from blip2core.models.vision import share_encoder
from blip2core.records import Candidate, WebImage
from blip2core.storage import open_database
from blip2core.storage.datasets import find_dataset
from tests import tiny

POINTS = 10
"""How often memory is read after the start."""


def main(count: int) -> None:
    torch.set_num_threads(1)
    models = tiny_models()
    result = {
        "pictures": count,
        "pipeline": over_pipeline(models, count),
        "curation": over_curation(models, count),
    }
    text = json.dumps(result, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


def tiny_models() -> CapFilt:
    captioner = tiny.generator(tiny.blip2())
    model, processor = tiny.retrieval()
    model.vision_model.load_state_dict(captioner.model.vision_model.state_dict())
    matcher = tiny.matcher((model, processor))
    assert share_encoder(captioner, matcher).shared
    decode = DecodeConfig(mode="sample", seed=0, max_new_tokens=4)
    captions = CaptionConfig(num=2, decode=decode)
    return CapFilt(matcher=matcher, generator=captioner, captions=captions, workers=2)


def over_pipeline(models: CapFilt, count: int) -> list[dict[str, float]]:
    tasks = (
        Task(
            key=number,
            name=str(number),
            data=image(number),
            sha256=f"{number:064x}",
            texts=(Candidate(text=f"picture {number}", source="web"),),
        )
        for number in range(count)
    )
    return watch((one.scored for one in judge(tasks, models)), count)


def over_curation(models: CapFilt, count: int) -> list[dict[str, float]]:
    """The first points are those of the import."""
    inputs = (
        WebImage(name=f"{number}.png", data=image(number), texts=(f"picture {number}",))
        for number in range(count)
    )
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(str(Path(folder) / "studio.db"))
        imported = import_images(database, dataset="many", inputs=inputs)
        points = watch((one.item for one in imported), count)
        with database.read() as session:
            dataset = find_dataset(session, name="many").id
        run_id = start_capfilt(database, dataset_id=dataset, models=models)
        steps = work(database, run_id, models)
        points += watch((step.scored for step in steps), count)
        database.close()
    return points


def watch(results: Iterator[object], count: int) -> list[dict[str, float]]:
    """Resident memory in MB after each tenth of the results, all of which must be there."""
    points: list[dict[str, float]] = []
    started, number = time.monotonic(), 0
    for number, scored in enumerate(results, start=1):
        assert scored
        if number % max(1, count // POINTS) == 0:
            gc.collect()
            seconds = round(time.monotonic() - started, 1)
            points.append({"pictures": number, "resident_mb": resident(), "seconds": seconds})
            print(points[-1], flush=True)
    assert number == count
    return points


def image(number: int) -> bytes:
    """A PNG of noise, another one for each number, in one of several sizes."""
    noise = numpy.random.default_rng(number)
    pixels = noise.integers(0, 256, (32 + number % 7, 40, 3), dtype=numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def resident() -> float:
    """Resident memory of this process in MB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
