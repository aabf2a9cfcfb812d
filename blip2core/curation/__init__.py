"""The hub of curation: intake, captioner, scorer, filter and storage in a row. The one unit that
sees them all; each of them knows none of the others.

    imports     start_import, import_images: what intake reads becomes items with sources and texts
    capfilt_run start_capfilt, start_rescore, work: captions and scores, resumed where they ended
    filter_rules rules_of, set_rules, preview, apply_rules: decisions from scores, without a model
    pairs       store_pairs, store_image: what was decided or chosen on the workbench
    jobs        running: a run with its heartbeat, paused and cancelled through the runs table

    for imported in import_images(database, dataset="web", inputs=read("images.zip")):
        ...
    run_id = start_capfilt(database, dataset_id=number, models=CapFilt(generator=..., matcher=...))
    for step in work(database, run_id, models):     # on disk when it is handed over
        ...
    seen = set_rules(database, dataset_id=number, rules=FilterConfig(threshold=0.7))
    apply_rules(database, NewBatch(...), rules=rules, expected=seen.decisions)

What needs torch is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blip2core.curation.filter_rules import (
    AppliedRules,
    Preview,
    apply_rules,
    decided_items,
    preview,
    rules_of,
    set_rules,
)
from blip2core.curation.imports import Imported, import_images, start_import

if TYPE_CHECKING:
    from blip2core.curation.capfilt_run import (
        CapFiltStep,
        start_capfilt,
        start_rescore,
        with_doubt,
        work,
    )

__all__ = [
    "AppliedRules",
    "CapFiltStep",
    "Imported",
    "Preview",
    "apply_rules",
    "decided_items",
    "import_images",
    "preview",
    "rules_of",
    "set_rules",
    "start_capfilt",
    "start_import",
    "start_rescore",
    "with_doubt",
    "work",
]
_WORKING = ("CapFiltStep", "start_capfilt", "start_rescore", "with_doubt", "work")


def __getattr__(name: str) -> Any:
    if name not in _WORKING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.capfilt_run"), name)
