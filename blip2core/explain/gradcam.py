"""Grad-CAM of the matching score: attention, where more of it would raise the ITM logit."""

from dataclasses import replace

from blip2core.explain.cross_attention import narrowed, title
from blip2core.explain.demand import pair_of, weighted_cross
from blip2core.explain.heatmap import Focus, Heatmap, heatmap
from blip2core.explain.trace import Trace


def gradcam(trace: Trace, focus: Focus = Focus()) -> Heatmap:
    """Cross-attention times the positive part of its gradient, mean over what is not named."""
    pair_of(trace)
    weighted = weighted_cross(trace)[:, None]  # heads are averaged already
    chosen = narrowed(trace, weighted, replace(focus, head=None)).mean(dim=(0, 1, 2))
    name = f"Grad-CAM of ITM, {title(trace, replace(focus, head=None))}"
    return heatmap(trace.patches(chosen), trace.grid, name)
