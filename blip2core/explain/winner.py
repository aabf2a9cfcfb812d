"""Where the query looked that won ITC: the one whose embedding is nearest to the text's."""

from dataclasses import replace

from blip2core.explain.cross_attention import attention_map
from blip2core.explain.demand import cosines_of
from blip2core.explain.heatmap import Focus, Heatmap
from blip2core.explain.trace import Trace


def winner(trace: Trace, focus: Focus = Focus()) -> Heatmap:
    """Attention of the winner (or of `focus.query`) in the picture's own pass, which ITC reads."""
    cosines = cosines_of(trace)
    query = cosines.winner if focus.query is None else focus.query
    found = attention_map(trace, trace.alone, replace(focus, query=query, word=None))
    return replace(found, title=f"ITC query {query}, cosine {float(cosines.values[query]):.2f}")
