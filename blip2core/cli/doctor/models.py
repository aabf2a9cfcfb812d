"""The models: which are here, how large they are, and whether those of the settings load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from blip2core.cli.doctor.disk import model_cache
from blip2core.cli.doctor.findings import Finding, bytes_in_words
from blip2core.errors import Blip2Error

if TYPE_CHECKING:
    from blip2core.models.specs import ModelSpec

AREA = "models"
SETTINGS = {"BLIP2_MODEL": "stickers-opt", "BLIP2_MATCHER": ""}
"""Setting -> the model without it."""


def check_models() -> Iterator[Finding]:
    """Yield each model that is here, and each that the settings name."""
    from blip2core.models.specs import SPECS, find_spec
    from blip2core.models.weight_files import check_weights

    named: dict[str, ModelSpec] = {}
    for setting, usual in SETTINGS.items():
        name = os.environ.get(setting) or usual
        if not name:
            continue
        try:
            named[setting] = find_spec(name)
        except Blip2Error as error:
            yield _problem(setting, str(error), "blip2 models lists the names.")
    here = [spec for spec in SPECS.values() if folder_of(spec).is_dir()]
    for spec in {spec.name: spec for spec in (*here, *named.values())}.values():
        try:
            check_weights(spec)
        except Blip2Error as error:
            yield _problem(spec.name, str(error), "Another model: BLIP2_MODEL=stickers-t5.")
            continue
        size = size_of(folder_of(spec))
        if size or isinstance(spec.checkpoint, Path):
            detail = f"{spec.kind}, {bytes_in_words(size)}"
            yield Finding(area=AREA, name=spec.name, detail=detail)
    for setting, spec in named.items():
        yield load(setting, spec)


def folder_of(spec: ModelSpec) -> Path:
    """Return where the files of a model are, or would be after a download."""
    if isinstance(spec.checkpoint, Path):
        return spec.checkpoint
    return model_cache() / f"models--{spec.checkpoint.replace('/', '--')}"


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; links, as in the cache, count for nothing."""
    files = (file for file in folder.rglob("*") if not file.is_symlink() and file.is_file())
    return sum(file.stat().st_size for file in files)


def load(setting: str, spec: ModelSpec) -> Finding:
    """Return whether a model loads; large ones of the Hub are only looked for."""
    if not isinstance(spec.checkpoint, Path):
        if any(folder_of(spec).glob("snapshots/*/config.json")):
            return Finding(area=AREA, name=setting, detail=f"{spec.name} is in the cache")
        size = bytes_in_words(spec.parameters * 4)
        command = f"hf download {spec.checkpoint} --revision {spec.revision}"
        return Finding(
            area=AREA,
            name=setting,
            detail=f"{spec.name} is not downloaded yet ({size})",
            state="note",
            remedy=f"The first start fetches it where there is a network; or: {command}",
        )
    from blip2core.models.loading import load_generator, load_matcher

    try:
        model = (load_generator if spec.kind == "generator" else load_matcher)(spec, device="cpu")
    except Blip2Error as error:
        return _problem(setting, str(error), "Copy its files again, or name another model.")
    return Finding(area=AREA, name=setting, detail=f"{spec.name} loads ({model.dtype})")


def _problem(name: str, detail: str, remedy: str) -> Finding:
    return Finding(area=AREA, name=name, detail=detail, state="problem", remedy=remedy)
