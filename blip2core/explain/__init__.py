"""Explanations: attention of the Q-Former, and heat maps made of it."""

from collections.abc import Callable, Mapping

from blip2core.explain.cross_attention import cross_attention
from blip2core.explain.gradcam import gradcam
from blip2core.explain.heatmap import Focus, Heatmap
from blip2core.explain.rollout import relevance, rollout
from blip2core.explain.trace import Trace, trace
from blip2core.explain.winner import winner
from blip2core.explain.word_maps import word_map

Method = Callable[[Trace, Focus], Heatmap]
METHODS: Mapping[str, Method] = {
    "winner": winner,
    "gradcam": gradcam,
    "words": word_map,
    "relevance": relevance,
    "rollout": rollout,
    "cross-attention": cross_attention,
}
"""Name -> method; all but the last two need a text."""
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
    "Trace",
    "trace",
]
