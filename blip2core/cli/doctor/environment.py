"""Python, the operating system, the packages, and variables that change what other programs do."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from blip2core.cli.doctor.findings import SECRET_NAME, Finding

AREA = "environment"
PACKAGE = "blip2-studio"
OLDEST_PYTHON = (3, 11)
SHOWN = ("torch", "transformers", "gradio", "streamlit", "sqlalchemy", "pillow", "numpy")
"""Packages that are named whether or not something is wrong with them."""
PREFIXES = ("HF_", "TRANSFORMERS_", "GRADIO_", "STREAMLIT_", "CUDA_", "PYTORCH_", "SPACE_ID")
"""Variables that others read and that explain much."""
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def check_environment() -> Iterator[Finding]:
    """Yield what runs this, and whether the packages are those it was written for."""
    yield _python()
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding(area=AREA, name="system", detail=f"{system}, {os.cpu_count()} cores")
    yield from _packages()
    yield from _variables()


def _python() -> Finding:
    detail = platform.python_version()
    if sys.version_info >= OLDEST_PYTHON:
        return Finding(area=AREA, name="Python", detail=detail)
    needed = ".".join(map(str, OLDEST_PYTHON))
    return Finding(
        area=AREA,
        name="Python",
        detail=f"{detail} is too old",
        state="problem",
        remedy=f"Install Python {needed} or newer, and the studio with it.",
    )


def _packages() -> Iterator[Finding]:
    try:
        ours, needed = metadata.version(PACKAGE), metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        yield Finding(
            area=AREA,
            name=PACKAGE,
            detail="run from its folder, not installed: versions are not compared",
            state="note",
            remedy="pip install . in its folder.",
        )
        for name in SHOWN:
            yield Finding(area=AREA, name=name, detail=_version(name) or "not installed")
        return
    yield Finding(area=AREA, name=PACKAGE, detail=ours)
    from packaging.requirements import Requirement

    for requirement in map(Requirement, needed):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = _version(requirement.name)
        if found is not None and requirement.specifier.contains(found, prereleases=True):
            if requirement.name.lower() in SHOWN:
                yield Finding(area=AREA, name=requirement.name, detail=found)
            continue
        what = "is not installed" if found is None else f"{found} is not what this needs"
        yield Finding(
            area=AREA,
            name=requirement.name,
            detail=f"{what} ({requirement.specifier})",
            state="problem",
            remedy=f"pip install '{requirement.name}{requirement.specifier}'",
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _variables() -> Iterator[Finding]:
    for name in sorted(name for name in os.environ if name.startswith(PREFIXES)):
        value = "set" if SECRET_NAME.search(name) else os.environ[name]
        yield Finding(area=AREA, name=name, detail=value)
    if any(os.environ.get(name, "0").lower() not in ("", "0", "false") for name in OFFLINE):
        yield Finding(
            area=AREA,
            name="network",
            detail="models are not downloaded, as variables above forbid it",
            state="note",
        )
