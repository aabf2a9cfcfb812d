"""What the harness found, in one form for every subject: JSON, and the table of the guide.

A subject is a module with `run(options) -> list[Row]`, and a line in `__main__.SUBJECTS`.
"""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
REPORT = Path(__file__).with_name("report.json")
GUIDE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- table: written by python -m tests.resilience -->", "<!-- end of table -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command was asked for."""

    rounds: int
    """Rounds of a subject that counts them; others do all of theirs."""
    seed: int = 0
    """Of the first round; with the same seed a round does the same, up to when it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    subject: str
    """Name of the module that measured it."""
    fault: str
    """What was done to the program."""
    promise: str
    """What must hold nevertheless."""
    rounds: int
    """How often it was done."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was counted, by name."""
    broken: tuple[str, ...] = ()
    """Each broken promise, with the seed of its round; empty where all held."""
    seconds: float = 0.0
    """How long it took."""


def machine() -> dict[str, Any]:
    """Describe the kind of the machine; neither names nor paths."""
    load, *_ = os.getloadavg()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(load, 1),
        "python": platform.python_version(),
    }


def write(rows: Iterable[Row], file: Path, command: str) -> None:
    """Write rows to `file`; those of other subjects that stand in it already stay."""
    new = [asdict(row) | {"machine": machine(), "command": command} for row in rows]
    subjects = {row["subject"] for row in new}
    old = json.loads(file.read_text("utf-8")) if file.exists() else []
    both = [row for row in old if row["subject"] not in subjects] + new
    both.sort(key=lambda row: row["subject"])
    file.write_text(json.dumps(both, indent=2, ensure_ascii=False) + "\n", "utf-8")


def table(file: Path = REPORT) -> str:
    """Return the table of the guide."""
    lines = ["| fault | what must hold | rounds | counted | broken |", "|---|---|---|---|---|"]
    for row in json.loads(file.read_text("utf-8")):
        counted = ", ".join(f"{value:,} {name}" for name, value in _sums(row["figures"]).items())
        cells = [row["fault"], row["promise"], f"{row['rounds']:,}", counted]
        lines.append("| " + " | ".join([*cells, str(len(row["broken"]))]) + " |")
    return "\n".join(lines)


def _sums(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the figures with those of single operations added up; the report has each."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        if name.endswith(" acknowledged"):
            found["acknowledged"] = found.get("acknowledged", 0) + value
        elif not name.endswith(" under way"):
            found[name] = value
    return found


def write_table(guide: Path = GUIDE, file: Path = REPORT) -> None:
    """Put the table into the guide, between its two marks."""
    text = guide.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    guide.write_text(f"{head}{BEGIN}\n{table(file)}\n{END}{tail}", "utf-8")
