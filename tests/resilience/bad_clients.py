"""Clients that say what they ask too slowly, never send what they announced, or leave before the
answer; others are there at the same time.
"""

import asyncio
import time
from typing import Any

from app.serving.connections import BODY_SECONDS, HEADER_SECONDS
from blip2core.bundled import SAMPLES
from tests.resilience.report import Row
from tests.resilience.visiting import GREEDY, IMAGES, QUESTIONS, Counted, ask, p95, visitor

SLOW, SILENT, LEAVING, OTHERS = 200, 200, 30, 10
GRACE_SECONDS = 15.0
"""How much later than promised a connection may be cut where the machine is busy."""
HEADER = b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nX-Long: " + 1_000 * b"x"
ANNOUNCED = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nusername="


def bad_clients(address: str, expected: dict[str, Any]) -> Row:
    """Let them come, all at once."""
    counted = Counted()
    cut: dict[str, list[float]] = {"header": [], "body": []}
    name, _, port = address.removeprefix("http://").partition(":")
    call = ("ask", IMAGES[0], (QUESTIONS[0], None, *GREEDY))

    async def until_cut(kind: str, sent: bytes, trickle: bytes) -> None:
        """Send a byte a second until the studio ends the connection."""
        reader, writer = await asyncio.open_connection(name, int(port))
        began = time.monotonic()
        writer.write(sent)
        reading = asyncio.ensure_future(reader.read())
        for byte in trickle:
            if (await asyncio.wait({reading}, timeout=1.0))[0]:
                break
            writer.write(bytes([byte]))
        cut[kind].append(time.monotonic() - began)
        await asyncio.wait({reading}, timeout=0)
        reading.cancel()
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

    async def well_behaved(number: int) -> None:
        async with visitor(address, number + 1) as client:
            for _ in range(6):
                await ask(client, call, expected, counted, f"visitor {number}")

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(SLOW):
                group.create_task(until_cut("header", b"", HEADER[:120]))
            for _ in range(SILENT):
                group.create_task(until_cut("body", ANNOUNCED, b"x" * 90))
            for number in range(LEAVING):
                group.create_task(leaving(number))
            for number in range(OTHERS):
                group.create_task(well_behaved(number))

    asyncio.run(together())
    longest = {kind: max(seconds) for kind, seconds in cut.items()}
    for kind, promised in (("header", HEADER_SECONDS), ("body", BODY_SECONDS)):
        if longest[kind] > promised + GRACE_SECONDS:
            counted.broken.append(f"a slow {kind} was cut after {longest[kind]:.0f} s")
    took = counted.seconds.get("ask", [])
    figures = {"answers": len(took), "p95 s": p95(took) if took else 0.0}
    figures |= {f"s at most for a {kind}": round(seconds) for kind, seconds in longest.items()}
    return Row(
        subject="visitors",
        fault=f"{SLOW} connections that send a byte of a header a second, {SILENT} whose body does "
        f"not come, {LEAVING} visitors that leave before the answer",
        promise="The others are answered as ever, and who is slow is cut",
        rounds=SLOW + SILENT + LEAVING,
        figures=figures,
        broken=tuple(counted.broken),
    )
