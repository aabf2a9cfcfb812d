"""Explanations: attention of the Q-Former, and heat maps made of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from blip2core.arguments import check_kind
from blip2core.errors import ConfigError
from blip2core.explain.cross_attention import cross_attention
from blip2core.explain.gradcam import gradcam
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap
from blip2core.explain.rollout import relevance, rollout
from blip2core.explain.trace import Trace, trace
from blip2core.explain.winner import winner
from blip2core.explain.word_maps import word_map

Method = Callable[[Trace, Focus], Heatmap]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodSpec:
    """A method, and what it needs; called, it is the method."""

    method: Method
    needs: Literal["image", "text", "gradients"]
    """The least that a trace must be made of: the image alone, a text too, gradients too."""

    def __call__(self, trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
        """Return the map. Raises ConfigError where the trace lacks what the method needs."""
        check_kind(trace, Trace, "A method takes the Trace that trace() returns", ConfigError)
        check_kind(focus, Focus, "focus must be a Focus", ConfigError)
        return self.method(trace, focus)


METHODS: Mapping[str, MethodSpec] = {
    "winner": MethodSpec(method=winner, needs="text"),
    "gradcam": MethodSpec(method=gradcam, needs="gradients"),
    "words": MethodSpec(method=word_map, needs="gradients"),
    "relevance": MethodSpec(method=relevance, needs="gradients"),
    "rollout": MethodSpec(method=rollout, needs="image"),
    "cross-attention": MethodSpec(method=cross_attention, needs="image"),
}
DEFAULT_METHOD = "winner"
"""The one that points best (docs/explaining.md)."""
WITHOUT_TEXT = "cross-attention"
"""The method that is used where there is no text."""

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "WITHOUT_TEXT",
    "Focus",
    "Heatmap",
    "Method",
    "MethodSpec",
    "Trace",
    "trace",
]
