"""CapFilt (section 3.3 of the BLIP paper): caption images, score all texts alike, keep the good.

`decide` and what it takes come at once; what needs torch is imported when it is first asked for,
so that a page may move a threshold without a model.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blip2core.capfilt.filter import decide, says_less

if TYPE_CHECKING:
    from blip2core.capfilt.captioner import write_captions
    from blip2core.capfilt.pipeline import CapFilt, Judged, Task, judge
    from blip2core.capfilt.scorer import score, scorer_identity

__all__ = [
    "CapFilt",
    "Judged",
    "Task",
    "decide",
    "judge",
    "says_less",
    "score",
    "scorer_identity",
    "write_captions",
]
_HOMES = {
    "CapFilt": "pipeline",
    "Judged": "pipeline",
    "Task": "pipeline",
    "judge": "pipeline",
    "score": "scorer",
    "scorer_identity": "scorer",
    "write_captions": "captioner",
}
"""Name -> the module that defines it, for those that need torch."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
