"""A disk that is full after a random number of bytes, under everything that writes."""

import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

from app.login.users import add_user, read_people
from blip2core.curation import import_images
from tests.resilience import faults
from tests.resilience.judge import (
    Promises,
    Told,
    broken_promises,
    come_to_an_end,
    go_on,
)
from tests.resilience.kills import PATIENCE, last_words, listen, start, taken_over
from tests.resilience.report import Options, Row
from tests.resilience.studio import DATASET, Studio, Studios, web_images
from tests.resilience.writers import EXPECTED, REVIEW, WORK, Writer

LONGEST = 18
"""The room is up to 2 ** LONGEST bytes, each length in bits as often as the others."""
ROUNDS_PER_STUDIO = 25
OPERATIONS = 4
SENTENCES = ("No space left on device", "database or disk is full")
"""What a refusal says; one of them."""
__all__ = ["run"]


def write_on_a_full_disk(studio: Studio, seed: int, pipe: int) -> None:
    """Do some operations on a disk that gets full, and each again once there is room."""
    draw = random.Random(seed)

    def tell(line: str) -> None:
        os.write(pipe, line.encode())

    tell('{"state": "ready"}\n')
    with closing(studio.open()) as database:
        writer = Writer(studio, database, "ann", str(seed), tell)
        for _ in range(OPERATIONS):
            operation = draw.choice([*REVIEW, *WORK, *WORK])
            with faults.room(draw.getrandbits(draw.randint(1, LONGEST))):
                outcome = writer.do(operation)
                if draw.random() < 0.2:
                    _add_user(studio, tell)
            if outcome != "done":
                tell(json.dumps({"state": "room"}) + "\n")
                writer.do(operation)
                tell(json.dumps({"state": "no room"}) + "\n")


def _add_user(studio: Studio, tell: Callable[[str], None]) -> None:
    name = f"user-{os.urandom(4).hex()}"
    told = {"operation": "user", "key": name}
    try:
        add_user(studio.folder / "users", name, "correct horse", role="visitor")
    except OSError as error:
        tell(json.dumps({"state": "refused", "error": str(error)} | told) + "\n")
    else:
        tell(json.dumps({"state": "done"} | told) + "\n")


def unexpected(lines: list[Told]) -> list[str]:
    """Return what was said that should not have been, with and without room."""
    found, has_room = [], False
    for line in lines:
        if line["state"] in ("room", "no room"):
            has_room = line["state"] == "room"
        if line["state"] != "refused":
            continue
        error = line["error"]
        is_right = any(part in error for part in EXPECTED)
        is_right |= not has_room and any(part in error for part in SENTENCES)
        if not is_right or "\n" in error:
            where = "although there is room again" if has_room else "on the full disk"
            found.append(f"{line['operation']} {where}: {error}")
    return found


def one_round(studio: Studio, promises: Promises, seed: int, counts: Counter[str]) -> list[str]:
    """Fill the disk, and compare what there is then with what was said -> what is wrong."""
    child = start(partial(write_on_a_full_disk, studio, seed))
    listen([child], 4 * PATIENCE)
    lines = last_words(child)
    found = unexpected(lines)
    if child.status != 0:
        found.append(f"it ended with {child.status}")
    counts["refused for want of room"] += sum(
        any(part in line.get("error", "") for part in SENTENCES) for line in lines
    )
    new = promises.add(lines)
    file = studio.folder / "users"
    people = read_people(file) if file.exists() else {}
    users = [line["key"] for line in promises.acknowledged if line["operation"] == "user"]
    found += [f"lost: {name}" for name in users if name not in people]
    with taken_over(studio, found) as database:
        found += broken_promises(studio, database, promises, new)
        found += go_on(database, new)
        if not list(import_images(database, dataset=DATASET, inputs=web_images([seed]))):
            found.append("nothing can be imported any more")
    return found


def run(options: Options) -> list[Row]:
    """Do the rounds; none where there is no C compiler."""
    if not faults.is_available():
        return []
    few = Options(rounds=max(1, options.rounds // 4), seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="resilience-") as name:
        return faults.run_with_faults(__name__, few, Path(name))


def main(rounds: int, seed: int, folder: Path) -> None:
    """Do so many rounds and print the row."""
    began, counts, broken = time.monotonic(), Counter[str](), []
    studios = Studios(folder / "studios")
    for first in range(0, rounds, ROUNDS_PER_STUDIO):
        studio, promises = studios.new(), Promises()
        for number in range(first, min(first + ROUNDS_PER_STUDIO, rounds)):
            found = one_round(studio, promises, seed + number, counts)
            broken += [f"seed {seed + number}: {what}" for what in found]
        found = []
        with taken_over(studio, found) as database:
            found += come_to_an_end(database)
        broken += [f"seeds from {seed + first}: {what}" for what in found]
        counts += promises.counts
    row = Row(
        subject="full_disk",
        fault="Disk full after a random number of bytes (SQLite)",
        promise="One sentence says so; nothing acknowledged is lost; with room again work goes on",
        rounds=rounds,
        figures=dict(sorted(counts.items())),
        broken=tuple(broken),
        seconds=round(time.monotonic() - began, 1),
    )
    print(json.dumps([asdict(row)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
