"""Two hops from a word to the picture: which queries it spoke with, and where those looked.

Words never see the picture themselves; they meet it through the queries. Both hops are weighted
by the gradient of the ITM logit.
"""

from torch import Tensor

from blip2core.explain.demand import weighted_cross, weighted_within, word_places
from blip2core.explain.heatmap import Focus, Heatmap, heatmap
from blip2core.explain.trace import Trace


def word_map(trace: Trace, focus: Focus = Focus()) -> Heatmap:
    """Of the word at `focus.word`, a position in `trace.words`; None: of the whole text."""
    links = word_links(trace, focus.word)  # (Q,)
    looks = trace.patches(weighted_cross(trace).sum(dim=0))  # (Q, P)
    name = "whole text" if focus.word is None else f'word "{trace.words[focus.word].text}"'
    return heatmap(links @ looks, trace.grid, name)


def word_links(trace: Trace, word: int | None = None) -> Tensor:
    """(Q,): how much a word and each query had to do with one another, in either direction."""
    places = word_places(trace, word)
    within = weighted_within(trace).sum(dim=0)  # (N, N)
    asked = within[places, : trace.queries].sum(dim=0)
    heard = within[: trace.queries, places].sum(dim=1)
    return asked + heard
