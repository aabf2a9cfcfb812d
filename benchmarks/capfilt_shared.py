"""One run of the image encoder for captions and scores, against one for each.

    python -m benchmarks.capfilt_shared

The embedded models on the sample images, one thread, the two ways in turn and in random order,
with a control: the first way against itself. Arithmetic (FLOPs) is counted beside the time of the
processor, because time depends on the machine. The result goes to capfilt_shared.json beside this
file.
"""

import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from blip2core.capfilt import CapFilt, Task, judge
from blip2core.config import CaptionConfig, DecodeConfig
from blip2core.models import load_generator, load_matcher
from blip2core.records import Candidate

PAIRS = 15
SAMPLES = Path(__file__).parent.parent / "data" / "samples"
CAPTIONS = CaptionConfig(num=1, decode=DecodeConfig(mode="sample", seed=0, max_new_tokens=20))


def main() -> None:
    torch.set_num_threads(1)
    generator = load_generator("stickers-opt", device="cpu", dtype="float32")
    alone = load_matcher("stickers-itm", device="cpu", dtype="float32")
    together = load_matcher("stickers-itm", device="cpu", dtype="float32", share_with=generator)
    tasks = [
        Task(key=n, name=file.name, data=file.read_bytes(), sha256=file.stem, texts=(WEB,))
        for n, file in enumerate(sorted(SAMPLES.glob("*.png")))
    ]

    def once() -> list[float]:
        return scores(tasks, CapFilt(generator=generator, matcher=together, captions=CAPTIONS))

    def twice() -> list[float]:
        return scores(tasks, CapFilt(generator=generator, matcher=alone, captions=CAPTIONS))

    def filter_after() -> list[float]:
        """What filtering costs where captions are there, and nothing of their pass is kept."""
        return scores(tasks, CapFilt(matcher=alone))

    assert once() == twice()  # equal work, and a warm-up
    result = {
        "pictures": len(tasks),
        "flops": {"once": flops(once), "twice": flops(twice), "filter alone": flops(filter_after)},
        "twice to once": ratios(twice, once),
        "control, once to once": ratios(once, once),
    }
    result["flops"]["twice to once"] = result["flops"]["twice"] / result["flops"]["once"]
    text = json.dumps(result, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


WEB = Candidate(text="a dog and two cats on the beach", source="web")


def scores(tasks: list[Task], models: CapFilt) -> list[float]:
    return [one.itm for judged in judge(tasks, models) for one in judged.scored]


def flops(way: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        way()
    return counter.get_total_flops()


def ratios(first: Callable[[], object], second: Callable[[], object]) -> dict[str, float]:
    """Processor time of the first to the second, over interleaved pairs."""
    order, pairs = random.Random(0), []
    for _ in range(PAIRS):
        spent: dict[int, float] = {}
        for side in order.sample((0, 1), 2):
            began = time.process_time()
            (first, second)[side]()
            spent[side] = time.process_time() - began
        pairs.append((spent[0], spent[1]))
    each = sorted(a / b for a, b in pairs)
    low, middle, high = statistics.quantiles(each, n=4)
    least = min(a for a, _ in pairs) / min(b for _, b in pairs)
    return {"median": middle, "quartile_1": low, "quartile_3": high, "of_minima": least}


if __name__ == "__main__":
    main()
