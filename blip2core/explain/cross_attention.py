"""Raw cross-attention: which patches a query looked at. Where it looked, not what came of it."""

from torch import Tensor

from blip2core.errors import ConfigError
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap, heatmap
from blip2core.explain.trace import AttentionMaps, Trace


def cross_attention(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Of one query, layer and head, or the mean over those not named.

    Of the pass with the text where the trace has one.
    """
    return attention_map(trace, trace.shown, focus)


def attention_map(trace: Trace, attention: AttentionMaps, focus: Focus) -> Heatmap:
    """The same, of the pass given. ConfigError where there is no such query, layer or head."""
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
    """(L, H, Q, P) -> the layers, heads and queries in focus, still in four dimensions."""
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
    """ "query 7, layer 2, head 3", or what the mean is over."""
    parts = [f"query {focus.query}" if focus.query is not None else "all queries"]
    parts += [] if focus.layer is None else [f"layer {focus.layer}"]
    parts += [] if focus.head is None else [f"head {focus.head}"]
    return ", ".join(parts)


def _index(wanted: int, there: tuple[int, ...] | range, name: str) -> int:
    if wanted not in there:
        numbers = ", ".join(map(str, there))
        raise ConfigError(f"{name} ({wanted}) must be one of {numbers}")
    return there.index(wanted)
