"""Sanity check of a map (Adebayo et al., 2018): whether it depends on the Q-Former's weights.

After "Sanity Checks for Saliency Maps": a map that is the same with random weights shows the image,
or the method, and not the model.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from threading import Event

import torch
from torch import Tensor, nn

from blip2core.explain import Method
from blip2core.explain.capture import private_copy
from blip2core.explain.heatmap import EVERYTHING, Focus, Heatmap
from blip2core.explain.trace import trace
from blip2core.models import ImageFeatures, Matcher
from blip2core.models.match_formulas import matching_of

ALIKE = 0.5
"""Mean rank correlation from which on a map says little about the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sanity:
    """Rank correlations of a map with those of random Q-Formers."""

    correlations: tuple[float, ...]
    """One for each random Q-Former, -1 to 1; 0 where its map was flat."""
    finished: bool
    """False while more are to come."""

    @property
    def mean(self) -> float:
        return fmean(self.correlations)

    @property
    def depends_on_weights(self) -> bool:
        """The maps of random Q-Formers are another thing."""
        return abs(self.mean) < ALIKE

    @property
    def verdict(self) -> str:
        """One sentence for the reader of the map; not for one that is not to be read at all."""
        figure = f"Rank correlation with the maps of random Q-Formers {self.mean:+.2f}"
        if self.depends_on_weights:
            return f"{figure}: the map depends on what the model learned."
        return f"{figure}: the map says little about what the model learned."


def sanity_check(
    matcher: Matcher,
    features: ImageFeatures,
    text: str | None,
    method: Method,
    focus: Focus = EVERYTHING,
    *,
    rounds: int = 5,
    seed: int = 0,
    stop: Event | None = None,
) -> Iterator[Sanity]:
    """Compare a map with those of `rounds` random Q-Formers, one result after each.

    The same seed gives the same weights. The matcher itself is not touched.
    """
    gradients = text is not None
    own = method(trace(matcher, features, text, gradients=gradients), focus)
    found: list[float] = []
    for number in range(rounds):
        if stop is not None and stop.is_set():
            return
        stranger = randomised(matcher, seed + number)
        other = method(trace(stranger, features, text, gradients=gradients), focus)
        found.append(rank_correlation(own, other))
        yield Sanity(correlations=tuple(found), finished=number + 1 == rounds)


def randomised(matcher: Matcher, seed: int) -> Matcher:
    """Return a matcher whose Q-Former and query tokens are random, with the spread of the trained
    ones.

    Everything else is shared with the original, which stays as it is.
    """
    model = private_copy(matcher.model, shared=[matcher.model.vision_model])
    model.qformer = copy.deepcopy(matcher.model.qformer)
    model.query_tokens = nn.Parameter(matcher.model.query_tokens.clone(), requires_grad=False)
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in (*model.qformer.parameters(), model.query_tokens):
            if weight.dim() > 1:  # biases and norms stay: they hold no image
                drawn = torch.randn(weight.shape, generator=source) * weight.float().std().cpu()
                weight.copy_(drawn + weight.float().mean().cpu())
    stranger = copy.copy(matcher)
    stranger.model, stranger.matching = model, matching_of(model)
    return stranger


def rank_correlation(one: Heatmap, other: Heatmap) -> float:
    """Return Spearman's rank correlation, -1 to 1; 0 where one of the maps is flat."""
    if one.is_flat or other.is_flat:
        return 0.0
    ranks = torch.stack([_ranks(one.values.flatten()), _ranks(other.values.flatten())])
    return float(torch.corrcoef(ranks)[0, 1])


def _ranks(values: Tensor) -> Tensor:
    """Return the ranks of (P,) values; equal values share their mean rank."""
    below = (values[:, None] > values).sum(dim=1)
    equal = (values[:, None] == values).sum(dim=1)
    return below + (equal + 1) / 2
