"""The cross-attention of the ITC winner: the query whose embedding is nearest to the text's."""

from dataclasses import replace

from blip2core.explain.cross_attention import attention_map
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap
from blip2core.explain.requirements import require_cosines
from blip2core.explain.trace import Trace


def winner(trace: Trace, focus: Focus = EVERYTHING) -> Heatmap:
    """Return the cross-attention of the ITC winner (or of `focus.query`) in the image's own pass,
    which ITC reads.

    Of the last layer with cross-attention, where none is named: the mean over the layers points
    less well (docs/explaining.md).
    """
    cosines = require_cosines(trace)
    query = cosines.winner if focus.query is None else focus.query
    layer = trace.layers[-1] if focus.layer is None else focus.layer
    found = attention_map(trace, trace.alone, replace(focus, query=query, layer=layer, word=None))
    said = f"ITC query {query}, cosine {float(cosines.values[query]):.2f}, layer {layer}"
    return replace(found, title=said)
