"""Fifty visitors with mixed work on the embedded models beside a curator, and a full queue. Every
answer is compared with the one that a visitor alone got.
"""

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.resilience.bad_clients import bad_clients
from tests.resilience.curators import Curator
from tests.resilience.report import Options, Row
from tests.resilience.visiting import Counted, alone, ask, calls, p95, served, visitor

VISITORS = 50
LONGEST_SECONDS = 600
PAUSE = (4.0, 24.0)
"""Seconds between two requests of a visitor: who looks at an answer, and thinks."""
MOST_GROWTH = 20.0
"""Megabytes a minute: the images that the visitors send are more than a hundred. What the C library
keeps of what it was given back is no more than that.
"""


def run(options: Options) -> list[Row]:
    """Serve both apps in a process of its own, and let visitors come."""
    seconds = min(LONGEST_SECONDS, max(15, options.rounds * LONGEST_SECONDS // 1_000))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with served(Path(folder), BLIP2_QUEUE_SIZE="200") as (address, process):
            expected = asyncio.run(alone(address))
            rows.append(crowd(address, process, Path(folder), expected, seconds, options.seed))
            rows.append(bad_clients(address, expected))
        with served(Path(folder), BLIP2_QUEUE_SIZE="3") as (address, _):
            rows.append(full_queue(address, expected))
    return rows


def crowd(
    address: str,
    process: psutil.Process,
    folder: Path,
    expected: dict[str, Any],
    seconds: float,
    seed: int,
) -> Row:
    """Let fifty visitors come for so long, and a curator work meanwhile."""
    counted, memory = Counted(), Memory(process)
    curator = Curator(address, counted, seed)
    began = time.monotonic()

    async def come() -> None:
        end = time.monotonic() + seconds
        tasks = [
            stay(address, number, end, expected, counted, random.Random(f"{seed} {number}"))
            for number in range(1, VISITORS + 1)
        ]
        await asyncio.gather(*tasks, memory.watch(end))

    curator.start()
    asyncio.run(come())
    curator.leave(folder / "data")
    if seconds == LONGEST_SECONDS and memory.slope() > MOST_GROWTH:  # it rises at first
        counted.broken.append(f"memory grows by {memory.slope()} MB a minute")
    known = [kind for kind in counted.seconds if kind not in ("page", "curator")]
    asked = [one for kind in known for one in counted.seconds[kind]]
    figures = {"answers": len(asked), "refused": counted.refused.total()}
    figures["verdicts"] = curator.verdicts
    figures |= {f"{kind} p95 s": p95(took) for kind, took in sorted(counted.seconds.items())}
    figures["MB at the end"] = round(memory.megabytes[-1])
    figures["MB more a minute"] = memory.slope()
    return Row(
        subject="visitors",
        fault=f"{VISITORS} visitors at once for {seconds / 60:.0f} min: uploads, questions, "
        "captions, matching, maps, pages; a curator imports, has CapFilt run, and reviews",
        promise="Every answer is the one that a visitor alone gets; every verdict is kept",
        rounds=len(asked),
        figures=figures,
        broken=tuple(counted.broken),
        seconds=round(time.monotonic() - began, 1),
    )


async def stay(
    address: str,
    number: int,
    end: float,
    expected: dict[str, Any],
    counted: Counted,
    draw: random.Random,
) -> None:
    """Ask and look on, until the time is over."""
    known = calls()
    async with visitor(address, number) as client:
        await asyncio.sleep(draw.uniform(0, PAUSE[1]))
        while time.monotonic() < end:
            began = time.monotonic()
            if draw.random() < 0.1:
                page = await client.get("/")
                if page.status_code != 200:
                    counted.broken.append(f"visitor {number}: page {page.status_code}")
                counted.took("page", time.monotonic() - began)
            else:
                call = draw.choice(known)
                await ask(client, call, expected, counted, f"visitor {number}")
            await asyncio.sleep(draw.uniform(*PAUSE))


class Memory:
    """The memory of a process, every few seconds."""

    EVERY = 5.0

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.megabytes: list[float] = []

    async def watch(self, end: float) -> None:
        while time.monotonic() < end:
            self.megabytes.append(self._process.memory_info().rss / 1e6)
            await asyncio.sleep(self.EVERY)

    def slope(self) -> float:
        """Megabytes a minute in the second half, when all that is made once has been made."""
        later = self.megabytes[len(self.megabytes) // 2 :]
        if len(later) < 3:
            return 0.0
        minutes = [number * self.EVERY / 60 for number in range(len(later))]
        return round(statistics.linear_regression(minutes, later).slope, 2)


def full_queue(address: str, expected: dict[str, Any]) -> Row:
    """Let many ask at the same moment where only three may wait."""
    counted, known = Counted(), calls()

    async def ask_at_once() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(VISITORS):
                group.create_task(one(number))
        await one(0)  # afterwards there is room again

    async def one(number: int) -> None:
        async with visitor(address, number + 1) as client:
            call = known[number % len(known)]
            await ask(client, call, expected, counted, f"visitor {number}")

    asyncio.run(ask_at_once())
    answered = sum(map(len, counted.seconds.values()))
    broken = list(counted.broken)
    broken += [f"not a sentence: {told!r}" for told in counted.refused if not told.endswith(".")]
    if not counted.refused or not answered:
        broken.append(f"{answered} answered, {counted.refused.total()} refused")
    return Row(
        subject="visitors",
        fault=f"{VISITORS} ask in one moment, and three may wait",
        promise="Who is turned away reads one sentence; the others are answered as ever",
        rounds=VISITORS + 1,
        figures={"answered": answered, "turned away": counted.refused.total()},
        broken=tuple(broken),
    )
