"""Grad-CAM of the matching score (Selvaraju et al., 2017): cross-attention times its gradient."""

from dataclasses import replace

from blip2core.explain.cross_attention import narrowed, title
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap, heatmap
from blip2core.explain.requirements import weighted_cross_attention
from blip2core.explain.trace import Trace


def gradcam(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Return cross-attention times the positive part of its gradient, mean over heads (Selvaraju et
    al., 2017).

    Of the last layer with cross-attention, where none is named; the mean over all queries, where
    none is named.
    """
    layer = trace.layers[-1] if focus.layer is None else focus.layer
    focus = replace(focus, layer=layer, head=None)
    chosen = narrowed(trace, weighted_cross_attention(trace)[:, None], focus).mean(dim=(0, 1, 2))
    return heatmap(trace.patches(chosen), trace.grid, f"Grad-CAM of ITM, {title(trace, focus)}")
