"""The command: runs all checks, whatever fails among them, and prints what they found."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec

import typer

from blip2core.cli.doctor.database import check_database
from blip2core.cli.doctor.device import check_device
from blip2core.cli.doctor.disk import check_disk
from blip2core.cli.doctor.environment import check_environment
from blip2core.cli.doctor.findings import Check, Finding, results, safe
from blip2core.cli.doctor.models import check_models
from blip2core.cli.options import AsJson
from blip2core.cli.output import BAD_CALL, write_row
from blip2core.texts import count_of

doctor_commands = typer.Typer()
CHECKS: dict[str, Check] = {
    "environment": check_environment,
    "device": check_device,
    "database": check_database,
    "disk": check_disk,
    "models": check_models,
}
"""Area -> what looks at it."""
STUDIO = "app.doctor"
"""The module with the checks of the browser app, where that is installed: `CHECKS`, as above. A
library may not import the app that stands on it, so it is looked up by its name.
"""
MARKS = {"ok": "ok  ", "note": "note", "problem": "!!  "}


@doctor_commands.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at everything the studio needs; exit code 2 where something is wrong.

    The report has no secrets and no names of users in it, and can be pasted anywhere.
    """
    found = []
    area = ""
    for finding in map(safe, all_findings()):
        found.append(finding)
        if as_json:
            write_row(asdict(finding), True)
            continue
        if finding.area != area:
            area = finding.area
            print(area)
        print(f"  {MARKS[finding.state]} {finding.name}: {finding.detail}")
        if finding.remedy:
            print(f"       -> {finding.remedy}", flush=True)
    problems = sum(finding.state == "problem" for finding in found)
    if not as_json:
        print(f"{count_of(problems, 'problem')}." if problems else "Nothing is wrong.")
    if problems:
        raise typer.Exit(BAD_CALL)


def all_findings() -> Iterator[Finding]:
    """Yield what all checks find, those of the app included."""
    for area, check in CHECKS.items():
        yield from quiet(area, check)
    yield from quiet("studio", _studio)


def quiet(area: str, check: Check) -> list[Finding]:
    """Return what a check finds, without the progress bars and warnings of what it loads."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        return list(results(area, check))


def _studio() -> Iterator[Finding]:
    if find_spec(STUDIO.partition(".")[0]) is None or find_spec(STUDIO) is None:
        yield Finding(area="studio", name="app", detail="not installed", state="note")
        return
    for area, check in importlib.import_module(STUDIO).CHECKS.items():
        yield from results(area, check)
