"""BLIP-2 wrapped: images are encoded once, then captioned, asked about and matched.

The specs come at once; what needs torch is imported when it is first asked for, so that a page or
a command that only names models does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from blip2core.models.specs import SPECS, ModelSpec, PromptTemplate, find_spec

if TYPE_CHECKING:
    from blip2core.models.generator import Generator
    from blip2core.models.loading import load_generator, load_matcher
    from blip2core.models.matcher import Matcher
    from blip2core.models.vision import ImageFeatures

__all__ = [
    "SPECS",
    "Generator",
    "ImageFeatures",
    "Matcher",
    "ModelSpec",
    "PromptTemplate",
    "find_spec",
    "load_generator",
    "load_matcher",
]
_HOMES = {
    "Generator": "generator",
    "ImageFeatures": "vision",
    "Matcher": "matcher",
    "load_generator": "loading",
    "load_matcher": "loading",
}
"""Name -> the module that defines it, for those that need torch."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
