"""Raw cross-attention: how much of each patch a query reads.

It shows what was read, not the effect on the result.
"""

from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap, heatmap
from blip2core.explain.trace import AttentionMaps, Trace


def cross_attention(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Return the map of one query, layer and head, or the mean over those not named.

    Of the pass with the text where the trace has one.
    """
    return attention_map(trace, trace.shown, focus)


def attention_map(trace: Trace, attention: AttentionMaps, focus: Focus) -> Heatmap:
    """Return the cross-attention map of the given pass.

    Raises ConfigError for an unknown query, layer or head.
    """
    chosen = narrowed(trace, attention.cross, focus).mean(dim=(0, 1, 2))  # (P,)
    share = float(chosen[0]) if trace.class_token else None
    return heatmap(
        trace.patches(chosen),
        trace.grid,
        title(trace, focus),
        kind="attention",
        class_share=share,
    )


def narrowed(trace: Trace, cross: Tensor, focus: Focus) -> Tensor:
    """Return the layers, heads and queries in focus of (L, H, Q, P), still in four dimensions."""
    if focus.layer is not None:
        at = _index(focus.layer, trace.layers, "layer")
        cross = cross[at : at + 1]
    if focus.head is not None:
        at = _index(focus.head, range(trace.heads), "head")
        cross = cross[:, at : at + 1]
    if focus.query is not None:
        at = _index(focus.query, range(trace.queries), "query")
        cross = cross[:, :, at : at + 1]
    return cross


def title(trace: Trace, focus: Focus) -> str:
    """Return "query 7, layer 2, head 3", or what the mean is over."""
    parts = [f"query {focus.query}" if focus.query is not None else "all queries"]
    parts += [] if focus.layer is None else [f"layer {focus.layer}"]
    parts += [] if focus.head is None else [f"head {focus.head}"]
    return ", ".join(parts)


def _index(wanted: int, there: tuple[int, ...] | range, name: str) -> int:
    if wanted not in there:
        numbers = ", ".join(map(str, there))
        raise ConfigError(f"{name} ({wanted}) must be one of {numbers}")
    return there.index(wanted)
