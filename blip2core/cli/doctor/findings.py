"""What a check found, and checks that fail without ending the others. Imports nothing that can be
broken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from blip2core.errors import Blip2Error
from blip2core.texts import visible

State = Literal["ok", "note", "problem"]
SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|CREDENTIAL|DATABASE_URL", re.I)
"""Names of variables whose values are never shown."""
_HOMES = re.compile(r"(?i)((?:[A-Z]:)?[/\\](?:home|users)[/\\])[^/\\\s:'\"]+")
_URL_SECRET = re.compile(r"(://[^/\s:@]*:)[^\s@]+(@)")
_QUERY_SECRET = re.compile(r"(?i)((?:password|passwd|secret|token|sslkey)\w*=)[^&\s]+")
HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    area: str
    name: str
    detail: str
    state: State = "ok"
    """ok; note: works, but worth knowing; problem: to be mended."""
    remedy: str = ""
    """What to do; empty where there is nothing to do."""


Check = Callable[[], Iterable[Finding]]


def results(area: str, check: Check) -> Iterator[Finding]:
    """Yield what a check finds; where it fails itself, that is what was found."""
    try:
        yield from check()
    except (Exception, SystemExit) as error:  # whatever is broken there
        # An unexpected message may quote anything, a password too.
        told = str(error) if isinstance(error, Blip2Error) else type(error).__name__
        if isinstance(error, ImportError):
            told = f"{error.name or 'a module'} cannot be imported ({type(error).__name__})"
        yield Finding(
            area=area,
            name="check",
            detail=f"could not be done: {told}",
            state="problem",
            remedy="Mend what the other lines say first, or install the package again.",
        )


def safe(finding: Finding) -> Finding:
    """Return a finding that can be shown to anyone: without secrets, and without who runs this."""
    return replace(
        finding,
        name=public(finding.name),
        detail=public(finding.detail),
        remedy=public(finding.remedy),
    )


def public(text: str) -> str:
    """Return a text without secrets of the environment and without names in paths of homes."""
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    text = _QUERY_SECRET.sub(rf"\1{HIDDEN}", _URL_SECRET.sub(rf"\1{HIDDEN}\2", text))
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(rf"{re.escape(home)}(?=$|[/\\\s:'\"),;.])", "~", text)
    return visible(_HOMES.sub(r"\1...", text))


def _secrets() -> list[str]:
    """Return secret values of the environment, the longest first."""
    found: set[str] = set()
    for name, value in os.environ.items():
        if SECRET_NAME.search(name):
            found |= set(_password_of(value)) if "://" in value else {value}
    found.discard(os.environ.get("BLIP2_DATABASE_URL", ""))  # a path of SQLite, where it is no URL
    return sorted((value for value in found if len(value) > 3), key=len, reverse=True)


def _password_of(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def bytes_in_words(number: float) -> str:
    """Return a size as people read it: 1.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"
