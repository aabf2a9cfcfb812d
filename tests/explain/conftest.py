"""One traced image and text of the tiny matcher, and maps and traces made by hand."""

from collections.abc import Callable, Sequence

import pytest
import torch
from PIL import Image

from blip2core.explain import Heatmap, Trace, trace
from blip2core.explain.heatmap import heatmap
from blip2core.explain.trace import AttentionMaps, Word
from blip2core.models import ImageFeatures, Matcher
from tests import tiny

TEXT = "a car, a red car"


@pytest.fixture
def features(tiny_matcher: Matcher, images: list[Image.Image]) -> ImageFeatures:
    return tiny_matcher.encode(images[:1])


@pytest.fixture
def traced(tiny_matcher: Matcher, features: ImageFeatures) -> Trace:
    return trace(tiny_matcher, features, TEXT, gradients=True)


@pytest.fixture(scope="session")
def deep_traced(images: list[Image.Image]) -> Trace:
    """The same with a Q-Former of six layers, so that the image is looked at in 0, 2 and 4."""
    matcher = tiny.matcher(tiny.retrieval(qformer_layers=6))
    return trace(matcher, matcher.encode(images[:1]), TEXT, gradients=True)


@pytest.fixture
def map_of() -> Callable[[Sequence[Sequence[float]]], Heatmap]:
    """Rows of numbers -> a map called "a map"."""

    def build(rows: Sequence[Sequence[float]]) -> Heatmap:
        return heatmap(torch.tensor(rows), (len(rows), len(rows[0])), "a map")

    return build


@pytest.fixture
def by_hand() -> Callable[..., Trace]:
    """Attention of one pass, gradients of all ones -> a trace without class token."""

    def build(cross: torch.Tensor, within: torch.Tensor, words: Sequence[Word] = ()) -> Trace:
        seen = AttentionMaps(
            cross=cross,
            within=within,
            cross_gradients=torch.ones_like(cross),
            within_gradients=torch.ones_like(within),
        )
        return Trace(
            model="by hand",
            revision="main",
            grid=(1, cross.shape[-1]),
            class_token=False,
            layers=tuple(range(len(cross))),
            alone=seen,
            together=seen,
            words=tuple(words),
        )

    return build
