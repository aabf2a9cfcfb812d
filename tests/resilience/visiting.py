"""A served studio with the embedded models, and visitors who ask it; every answer is compared with
the one that a visitor alone got.
"""

import json
import os
import re
import subprocess
import sys
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
from tests.resilience.report import ROOT

PATIENCE = 120.0
IMAGES = tuple(sorted(path.name for path in SAMPLES.glob("*-1.png")))[:4]
QUESTIONS = ("What animal is there?", "How many are there?", "What colour is it?")
GREEDY = ["greedy", None, 40]
Call = tuple[str, str, tuple[Any, ...]]
"""Endpoint, name of the image, and what is sent behind it."""


OWNER, PASSWORD = "ada", "a quiet password"
ADDRESS = re.compile(r"http://\S+")


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


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """Both apps, open to visitors: the address, and the process."""
    users = folder / "users.txt"
    if not users.exists():
        add_user(users, OWNER, PASSWORD)
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
        found.append(("attention", image, ("a dog", "winner", None)))
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


def p95(values: list[float]) -> float:
    """The time that 19 of 20 were quicker than."""
    return round(sorted(values)[int(0.95 * (len(values) - 1))], 2)
