"""Mutation testing: change one line, run the tests that cover it, see whether one fails.

    python -m tests.mutation.run                     200 mutants, spread over all packages
    python -m tests.mutation.run --changed main      all of the modules changed since `main`
    python -m tests.mutation.run blip2core/storage   all of some files or folders

The mutants are Cosmic Ray's, made in copies of the tree: the tree itself is never touched. Which
test covers which line is measured first (pytest-cov's contexts; it takes as long as the tests,
and is kept until a source or test changes). Browser tests take no part. Results go to
`runs/mutants/results.jsonl`, and a run that was stopped goes on where it ended.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

from coverage import CoverageData

from tests.mutation.mutants import Mutant, draw, is_equivalent, mutants_of, read_equivalents

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "runs" / "mutants"
PACKAGES = ("app", "blip2core")
LEFT_OUT = ("migrations/versions", "/__main__.py", "app/space.py", "app/users.py")
"""Parts of paths of files that are not mutated: run once, or in a process of their own."""
WORKERS = 2
TIMES = "times.xml"
"""How long each test took when the coverage was measured."""
PATIENCE = 5.0
"""A mutant hangs, and counts as killed, after so many times what its tests take without it."""
STARTING = 120.0
"""Seconds added to that, for what pytest and the libraries take to start."""
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]


def main() -> int:
    """Run what the command line asks for; return 0 where the floors are reached."""
    parser = argparse.ArgumentParser(prog="tests.mutation.run")
    parser.add_argument("paths", nargs="*", help="files or folders; without any, all")
    parser.add_argument("--changed", metavar="REVISION", help="modules changed since a commit")
    parser.add_argument("--count", type=int, help="mutants drawn (200 of all, else every one)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hours", type=float, default=3.0, help="stop after so long")
    arguments = parser.parse_args()
    modules = chosen_modules(arguments.paths, arguments.changed)
    whole = not arguments.paths and not arguments.changed
    mutants = [mutant for module in modules for mutant in mutants_of(ROOT, module)]
    count = arguments.count or (200 if whole else len(mutants))
    drawn = draw(mutants, count, arguments.seed)
    print(f"{len(drawn)} of {len(mutants)} mutants in {len(modules)} modules", flush=True)
    covering = covering_tests()
    results = test_all(drawn, covering, read_times(OUT / TIMES), arguments.hours * 3600)
    return report(results, floor=(0.75, 0.60) if whole else (0.85, 0.85))


def chosen_modules(paths: Sequence[str], changed: str | None) -> list[str]:
    """Return the files to mutate, as paths from the top of the repository."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "--", *(paths or PACKAGES)]
    if changed:
        command = ["git", "diff", "--name-only", "--diff-filter=d", changed, "--", *PACKAGES]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    modules = [name for name in names.stdout.split() if name.endswith(".py")]
    return sorted(name for name in modules if not any(part in name for part in LEFT_OUT))


def tracked_files() -> list[str]:
    """Return what belongs to the tree, without what git ignores."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in names.stdout.splitlines() if (ROOT / name).is_file()]


def covering_tests() -> dict[str, dict[int, list[str]]]:
    """Return file -> line -> ids of the tests that run it; measured anew where code changed."""
    OUT.mkdir(parents=True, exist_ok=True)
    data, stamp = OUT / "coverage", OUT / "coverage.sha256"
    digest = hashlib.sha256()
    for name in tracked_files():
        if name.endswith(".py"):
            digest.update(name.encode() + (ROOT / name).read_bytes())
    if not data.exists() or not stamp.exists() or stamp.read_text() != digest.hexdigest():
        print("Measuring which test covers which line ...", flush=True)
        command = [argument for argument in PYTEST if argument != "-x"]
        command += ["--ignore=tests/browser", "--cov-context=test", "--cov-report="]
        command += [f"--cov={package}" for package in PACKAGES]
        command += [f"--junitxml={OUT / TIMES}"]
        environment = os.environ | {"COVERAGE_FILE": str(data)}
        run = subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=sys.stderr)
        if run.returncode not in (0, 1):
            raise SystemExit(f"The tests could not be run: pytest ended with {run.returncode}.")
        stamp.write_text(digest.hexdigest())
    return read_contexts(data)


def read_contexts(data: Path) -> dict[str, dict[int, list[str]]]:
    """Return what coverage recorded, with each test once and without its setup and teardown."""
    found: dict[str, dict[int, list[str]]] = {}
    known = CoverageData(basename=str(data))
    try:
        known.read()
    except sqlite3.Error as error:
        raise SystemExit(f"{data} cannot be read ({error}): delete it.") from error
    for file in known.measured_files():
        lines = known.contexts_by_lineno(file)
        found[str(Path(file).relative_to(ROOT))] = {
            line: sorted({context.rpartition("|")[0] for context in contexts if context})
            for line, contexts in lines.items()
        }
    return found


def first_line(code: str, line: int) -> int:
    """Return the line where the statement of a line begins, under which coverage knows it."""
    begins = [
        statement.lineno
        for statement in ast.walk(ast.parse(code))
        if isinstance(statement, ast.stmt)
        and not hasattr(statement, "handlers")  # lines of a try are those of its parts
        and statement.lineno <= line <= _end_of_header(statement)
    ]
    return max(begins, default=line)


def _end_of_header(statement: ast.stmt) -> int:
    """Return the last line of a statement; of one with a body, the last line before that."""
    body: list[ast.stmt] = getattr(statement, "body", [])
    end = statement.end_lineno or statement.lineno
    return max(statement.lineno, body[0].lineno - 1) if body else end


def own_tests(module: str) -> str:
    """Return how the ids of the tests of a module begin: with a folder, or a file at the top."""
    folder, _, file = module.removeprefix("blip2core/").rpartition("/")
    return f"tests/{folder}/" if folder else f"tests/test_{Path(file).stem}"


def noticing_tests(
    mutant: Mutant, line: int, lines: Mapping[int, Sequence[str]], tests: Iterable[str]
) -> list[str]:
    """Return those of the `tests` that can notice a change of a line; `lines` are of its file.

    What runs when a module is imported, as a constant or a decorator, runs in no test: any test
    that runs a line of the module may notice it, and any in the file of its name; where there are
    none, any of its folder. A line that is not there at all is run by nothing.
    """
    known = set(tests)
    found = set(lines.get(line, ()))
    if line in lines and not found:
        found = {test for tests in lines.values() for test in tests}
        own = own_tests(mutant.module)
        file = f"{own}test_{Path(mutant.module).stem}.py::"
        found |= {test for test in known if test.startswith(file)}
        found = found or {test for test in known if test.startswith(own)}
    return sorted(found & known)


def read_times(file: Path) -> dict[str, float]:
    """Return the seconds that each test took, by its id, from a JUnit report of pytest.

    Without those that failed or were skipped: they fail with a mutant too, and say nothing of it.
    """
    found = {}
    for case in ElementTree.parse(file).iter("testcase"):
        if len(case) and case[0].tag in ("failure", "error", "skipped"):
            continue
        module = case.attrib["classname"].replace(".", "/")
        found[f"{module}.py::{case.attrib['name']}"] = float(case.attrib["time"])
    return found


def test_all(
    mutants: Sequence[Mutant],
    covering: dict[str, dict[int, list[str]]],
    times: dict[str, float],
    seconds: float,
) -> list[dict[str, object]]:
    """Test each mutant once, two at a time; return the results, also of an earlier run."""
    file = OUT / "results.jsonl"
    done = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    seen = {_key(row): row for row in done}
    end, trees = time.monotonic() + seconds, SimpleQueue[Path]()
    for number in range(WORKERS):
        trees.put(copy_of_tree(OUT / f"tree-{number}"))

    def test(mutant: Mutant) -> dict[str, object] | None:
        row = asdict(mutant)
        if (known := seen.get(_key(row))) is not None:
            return known
        if time.monotonic() > end:
            return None
        tree = trees.get()
        try:
            line = first_line((ROOT / mutant.module).read_text("utf-8"), mutant.line)
            lines = covering.get(mutant.module, {})
            lines = covering.get(mutant.module, {})
            tests = noticing_tests(mutant, line, lines, times)
            row |= test_mutant(tree, mutant, {test: times[test] for test in tests})
        finally:
            trees.put(tree)
        with file.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        print(f"{row['outcome']:9} {mutant.module}:{mutant.line} {mutant.operator}", flush=True)
        return row

    with ThreadPoolExecutor(WORKERS) as pool:
        return [row for row in pool.map(test, mutants) if row is not None]


def _key(row: dict[str, object]) -> tuple[object, ...]:
    return tuple(row[name] for name in ("module", "operator", "occurrence", "definition", "text"))


def copy_of_tree(folder: Path) -> Path:
    """Return a fresh copy of the tree in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in tracked_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def test_mutant(tree: Path, mutant: Mutant, tests: Mapping[str, float]) -> dict[str, object]:
    """Return the `outcome` (killed, survived, untested, nothing) and the seconds it took.

    `tests` are those that run the line, each with the seconds it takes without the change. The
    tests of the module's own folder come first, and there the quick ones: most mutants fall there.
    """
    if not tests:
        return {"outcome": "untested", "tests": 0, "seconds": 0.0}
    path = tree / mutant.module
    code = path.read_text("utf-8")
    mutated = mutant.mutated(code)
    if mutated is None or mutated == code:
        return {"outcome": "nothing", "tests": 0, "seconds": 0.0}
    own = own_tests(mutant.module)
    ordered = sorted(tests, key=lambda test: (not test.startswith(own), tests[test]))
    began = time.monotonic()
    path.write_text(mutated, "utf-8")
    try:
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
        run = subprocess.run(
            [*PYTEST, *ordered],
            cwd=tree,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=STARTING + PATIENCE * sum(tests.values()),
            check=False,
        )
        outcome = "survived" if run.returncode == 0 else "killed"
    except subprocess.TimeoutExpired:
        outcome = "killed"
    finally:
        path.write_text(code, "utf-8")
    seconds = round(time.monotonic() - began, 1)
    return {"outcome": outcome, "tests": len(tests), "seconds": seconds}


def report(results: Sequence[dict[str, object]], floor: tuple[float, float]) -> int:
    """Print a table by package and the mutants left; return 1 where a floor is missed.

    `floor` are the shares that have to be killed: of all, and of each package.
    """
    equivalents = read_equivalents()
    killed, total = Counter[str](), Counter[str]()
    for row in results:
        fields = {name: row[name] for name in Mutant.__dataclass_fields__}
        mutant = Mutant(**fields)  # type: ignore[arg-type]
        if row["outcome"] == "nothing" or is_equivalent(mutant, equivalents):
            continue
        total[mutant.package] += 1
        killed[mutant.package] += row["outcome"] == "killed"
        if row["outcome"] != "killed":
            print(f"{row['outcome']}: {mutant.module}:{mutant.line} {mutant.operator}")
            print(f"    {mutant.text}")
    for package in sorted(total):
        print(f"{package:24} {killed[package]:4} of {total[package]:4}")
    share = killed.total() / max(total.total(), 1)
    print(f"{'all':24} {killed.total():4} of {total.total():4}, {share:.0%}")
    low = [name for name in total if killed[name] / total[name] < floor[1]]
    if share < floor[0] or low:
        print(f"Floors: {floor[0]:.0%} of all, {floor[1]:.0%} of each package; below: {low}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
