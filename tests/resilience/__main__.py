"""Break the studio on purpose, and write down what held.

python -m tests.resilience [SUBJECT ...] [--rounds N] [--seed S] [--report FILE] [--table]
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: processes are forked here
os.environ["HF_HUB_OFFLINE"] = "1"

from tests.resilience.report import REPORT, Options, write, write_table

SUBJECTS = ("kills", "power_cuts", "full_disk", "clock_jumps", "failing_models", "visitors")
"""Modules of this folder; each has `run(options) -> list[Row]`."""


def main() -> int:
    """Run the command of the docstring; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.resilience", description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=[*SUBJECTS, []], help="all without one")
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--report", type=Path, help="else that of the guide with --table, or build/"
    )
    parser.add_argument("--table", action="store_true", help="put the table into the guide, too")
    given = parser.parse_args()
    given.report = given.report or (REPORT if given.table else Path("build/resilience.json"))
    given.report.parent.mkdir(parents=True, exist_ok=True)
    options = Options(rounds=given.rounds, seed=given.seed)
    broken = 0
    for name in given.subjects or SUBJECTS:
        rows = importlib.import_module(f"tests.resilience.{name}").run(options)
        command = f"python -m tests.resilience {name} --rounds {given.rounds} --seed {given.seed}"
        write(rows, given.report, command)
        for row in rows:
            print(f"{row.fault}: {row.rounds} rounds in {row.seconds} s, {len(row.broken)} broken")
            print("\n".join(row.broken[:20]), flush=True)
            broken += len(row.broken)
    if given.table:
        write_table(file=given.report)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
