"""What holds for every method, and what they ask for."""

import pytest
import torch

from blip2core import explain
from blip2core.errors import ConfigError
from blip2core.explain import DEFAULT_METHOD, METHODS, WITHOUT_TEXT, Focus, Trace, trace
from blip2core.explain.word_maps import word_map
from blip2core.models import ImageFeatures, Matcher


@pytest.mark.parametrize("name", METHODS)
def test_every_method_maps_the_whole_grid(name: str, traced: Trace) -> None:
    found = METHODS[name](traced, Focus())
    assert found.values.shape == traced.grid
    assert found.values.dtype is torch.float32
    assert float(found.values.min()) >= 0
    assert not found.is_flat


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_lacks(
    name: str, tiny_matcher: Matcher, features: ImageFeatures
) -> None:
    image_only = trace(tiny_matcher, features)
    without_gradients = trace(tiny_matcher, features, "a car")
    needs = METHODS[name].needs
    if needs == "image":
        assert METHODS[name](image_only, Focus()).values.sum() > 0
        return
    with pytest.raises(ConfigError, match="needs a text"):
        METHODS[name](image_only, Focus())
    if needs == "text":
        assert METHODS[name](without_gradients, Focus()).values.sum() > 0
        return
    with pytest.raises(ConfigError, match="needs gradients"):
        METHODS[name](without_gradients, Focus())


def test_defaults_are_methods() -> None:
    assert {DEFAULT_METHOD, WITHOUT_TEXT} <= set(METHODS)
    assert METHODS[WITHOUT_TEXT].needs == "image"


def test_the_list_is_what_is_exported() -> None:
    for name in explain.__all__:
        assert getattr(explain, name) is not None
    assert callable(explain.trace)  # not the module of the same name


def test_repeated_words_have_maps_of_their_own(traced: Trace) -> None:
    first, second = (word_map(traced, Focus(word=place)) for place in (1, 5))
    assert first.title == second.title == 'word "car"'
    assert not torch.allclose(first.values, second.values, rtol=1e-3)


def test_a_word_that_is_not_there_is_told(traced: Trace) -> None:
    with pytest.raises(ConfigError, match=r"word \(6\) must be from 0 to 5"):
        word_map(traced, Focus(word=6))
