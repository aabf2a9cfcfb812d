"""Fifty visitors with mixed work on the embedded models, a full queue, and clients that are slow or
die. Every answer is compared with the one that a visitor alone got.
"""

import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from app.login.users import add_user
from blip2core.bundled import SAMPLES
from tests.resilience.report import ROOT, Options, Row

VISITORS = 50
LONGEST_SECONDS = 600
PAUSE = (4.0, 24.0)
"""Seconds between two requests of a visitor: who looks at an answer, and thinks."""
PATIENCE = 120.0
IMAGES = tuple(sorted(path.name for path in SAMPLES.glob("*-1.png")))[:4]
QUESTIONS = ("What animal is there?", "How many are there?", "What colour is it?")
GREEDY = ["greedy", None, 40]
Call = tuple[str, str, tuple[Any, ...]]
"""Endpoint, name of the image, and what is sent behind it."""


@dataclass
class Counted:
    """What the visitors saw."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def took(self, kind: str, seconds: float) -> None:
        self.seconds.setdefault(kind, []).append(seconds)


class RefusedError(Exception):
    """The studio said in a sentence that it does not do it now."""


def run(options: Options) -> list[Row]:
    """Serve both apps in a process of its own, and let visitors come."""
    seconds = min(LONGEST_SECONDS, max(15, options.rounds * LONGEST_SECONDS // 1_000))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with served(Path(folder), BLIP2_QUEUE_SIZE="200") as (address, process):
            expected = asyncio.run(alone(address))
            rows.append(crowd(address, process, expected, seconds, options.seed))
            rows.append(bad_clients(address, expected))
        with served(Path(folder), BLIP2_QUEUE_SIZE="3") as (address, _):
            rows.append(full_queue(address, expected))
    return rows


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """Both apps, open to visitors: the address, and the process."""
    users = folder / "users.txt"
    if not users.exists():
        add_user(users, "ada", "a quiet password")
    known = {
        "BLIP2_DATA": str(folder / "data"),
        "BLIP2_USERS": str(users),
        "BLIP2_OPEN": "1",
        "BLIP2_OPEN_BROWSER": "0",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "2",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | known | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = next(found[0] for line in process.stdout if (found := ADDRESS.search(line)))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        wait_until_ready(address)
        yield address.rstrip("/"), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


ADDRESS = re.compile(r"http://\S+")


def wait_until_ready(address: str) -> None:
    end = time.monotonic() + PATIENCE
    while httpx.get(f"{address}readyz", trust_env=False).status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


def calls() -> list[Call]:
    """All that a visitor may ask."""
    found: list[Call] = []
    for image in IMAGES:
        found += [("ask", image, (question, None, *GREEDY)) for question in QUESTIONS]
        found.append(("caption", image, (1, "greedy", "", None, 40, 5)))
        found.append(("match", image, (["a dog", "a cap", "a key"],)))
    return found


@asynccontextmanager
async def visitor(address: str, number: int) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor with an address of their own, as the proxy on this machine tells."""
    headers = {"X-Forwarded-For": f"203.0.113.{number}"}
    async with httpx.AsyncClient(
        base_url=address, headers=headers, timeout=PATIENCE, trust_env=False
    ) as client:
        yield client


async def answer(client: httpx.AsyncClient, call: Call) -> Any:
    """Upload the image, ask, and return the answer. Raises RefusedError."""
    endpoint, image, rest = call
    data = {"files": (image, (SAMPLES / image).read_bytes(), "image/png")}
    sent = await client.post("/gradio_api/upload", files=data)
    look_at(sent)
    file = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}, "orig_name": image}
    asked = await client.post(f"/gradio_api/call/{endpoint}", json={"data": [file, *rest]})
    look_at(asked)
    got = await client.get(f"/gradio_api/call/{endpoint}/{asked.json()['event_id']}")
    events = re.findall(r"event: (\w+)\ndata: (.*)", got.text)
    if not events or events[-1][0] != "complete":
        raise AssertionError(f"{endpoint} ended with {events[-1:]}")
    return without_file_names(json.loads(events[-1][1]))


def look_at(response: httpx.Response) -> None:
    """Raise RefusedError for a refusal in words, AssertionError for what nobody understands."""
    if response.status_code in (429, 503):
        raise RefusedError(response.json()["detail"])
    assert response.status_code == 200, (response.status_code, response.text[:200])


def without_file_names(value: Any) -> Any:
    """Return an answer without what differs from one time to another."""
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in ("path", "url", "seconds")}
        return {key: without_file_names(one) for key, one in kept.items()}
    return [without_file_names(one) for one in value] if isinstance(value, list) else value


async def alone(address: str) -> dict[str, Any]:
    """Return each answer as one visitor gets it whom nobody disturbs."""
    async with visitor(address, 1) as client:
        return {repr(call): await answer(client, call) for call in calls()}


def crowd(
    address: str, process: psutil.Process, expected: dict[str, Any], seconds: float, seed: int
) -> Row:
    """Let fifty visitors come for so long."""
    counted, memory = Counted(), Memory(process)
    began = time.monotonic()

    async def come() -> None:
        end = time.monotonic() + seconds
        tasks = [
            stay(address, number, end, expected, counted, random.Random(f"{seed} {number}"))
            for number in range(1, VISITORS + 1)
        ]
        await asyncio.gather(*tasks, memory.watch(end))

    asyncio.run(come())
    asked = [one for kind, took in counted.seconds.items() if kind != "page" for one in took]
    figures = {"answers": len(asked), "refused": counted.refused.total()}
    figures |= {f"{kind} p95 s": p95(took) for kind, took in sorted(counted.seconds.items())}
    figures["MB at the end"] = round(memory.megabytes[-1])
    figures["MB more a minute"] = memory.slope()
    return Row(
        subject="visitors",
        fault=f"{VISITORS} visitors at once for {seconds / 60:.0f} minutes: uploads, questions, "
        "captions, matching, pages",
        promise="Every answer is the one that a visitor alone gets",
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


async def ask(
    client: httpx.AsyncClient, call: Call, expected: dict[str, Any], counted: Counted, who: str
) -> None:
    """Ask once, compare, and count."""
    began = time.monotonic()
    try:
        got = await answer(client, call)
    except RefusedError as refusal:
        counted.refused[str(refusal)] += 1
        return
    except (AssertionError, httpx.HTTPError) as error:
        counted.broken.append(f"{who}: {call[0]}: {type(error).__name__}: {error}"[:300])
        return
    counted.took(call[0], time.monotonic() - began)
    if got != expected[repr(call)]:
        counted.broken.append(f"{who}: {call} got {got}, alone {expected[repr(call)]}"[:300])


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


def p95(values: list[float]) -> float:
    """The time that 19 of 20 were quicker than."""
    return round(sorted(values)[int(0.95 * (len(values) - 1))], 2)


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


def bad_clients(address: str, expected: dict[str, Any]) -> Row:
    """Connections that say nothing, that send a byte a second, that leave in the middle."""
    counted, host = Counted(), address.removeprefix("http://")
    name, _, port = host.partition(":")
    call = ("ask", IMAGES[0], (QUESTIONS[0], None, *GREEDY))

    async def silent(seconds: float) -> None:
        _, writer = await asyncio.open_connection(name, int(port))
        for byte in b"POST /gradio_api/upload HTTP/1.1\r\n"[: int(seconds)]:
            writer.write(bytes([byte]))
            await asyncio.sleep(1)
        writer.close()

    async def leaving(number: int) -> None:
        """Ask, and be gone before the answer."""
        async with visitor(address, 100 + number) as client:
            data = {"files": (IMAGES[0], (SAMPLES / IMAGES[0]).read_bytes(), "image/png")}
            path = (await client.post("/gradio_api/upload", files=data)).json()[0]
            file = {"path": path, "meta": {"_type": "gradio.FileData"}}
            sent = {"data": [file, *call[2]]}
            asked = await client.post("/gradio_api/call/ask", json=sent)
            event = asked.json()["event_id"]
            async with client.stream("GET", f"/gradio_api/call/ask/{event}"):
                pass  # closed at once

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(silent(15))
                group.create_task(leaving(number))
            for number in range(10):
                group.create_task(well_behaved(number))

    async def well_behaved(number: int) -> None:
        async with visitor(address, number + 1) as client:
            for _ in range(3):
                await ask(client, call, expected, counted, f"visitor {number}")

    asyncio.run(together())
    took = counted.seconds.get("ask", [])
    return Row(
        subject="visitors",
        fault="30 connections that send a byte a second, 30 visitors that leave before the answer",
        promise="The others are answered as ever",
        rounds=60,
        figures={"answers": len(took), "p95 s": p95(took) if took else 0.0},
        broken=tuple(counted.broken),
    )
