"""The winner of ITC, in the image's own pass."""

import pytest
import torch

from blip2core.explain import Focus, Trace
from blip2core.explain.winner import winner


def test_it_is_the_query_with_the_best_cosine(traced: Trace) -> None:
    best = int(traced.cosines.values.argmax())
    found = winner(traced)
    torch.testing.assert_close(
        found.values.flatten(), traced.alone.cross[-1, :, best, 1:].mean(dim=0)
    )
    assert found.title == f"ITC query {best}, cosine {traced.cosines.values[best]:.2f}, layer 0"
    assert found.kind == "attention"


def test_the_runner_up_has_a_map_too(traced: Trace) -> None:
    second = traced.cosines.runner_up
    found = winner(traced, Focus(query=second, head=1))
    torch.testing.assert_close(found.values.flatten(), traced.alone.cross[-1, 1, second, 1:])
    assert second != traced.cosines.winner
    assert traced.cosines.margin == pytest.approx(
        float(traced.cosines.values.max() - traced.cosines.values[second])
    )


def test_the_last_layer_is_the_default(deep_traced: Trace) -> None:
    """What comes before is a search for the place."""
    assert deep_traced.layers == (0, 2, 4)
    best, maps = deep_traced.cosines.winner, deep_traced.alone.cross[:, :, :, 1:]
    found = winner(deep_traced)
    torch.testing.assert_close(found.values.flatten(), maps[2, :, best].mean(dim=0))
    assert not torch.allclose(found.values.flatten(), maps[0, :, best].mean(dim=0), atol=1e-3)
    assert found.title.endswith("layer 4")
    middle = winner(deep_traced, Focus(layer=2))
    torch.testing.assert_close(middle.values.flatten(), maps[1, :, best].mean(dim=0))
    assert middle.title.endswith("layer 2")


def test_the_pass_of_the_image_alone_is_the_one_that_itc_reads(deep_traced: Trace) -> None:
    best = deep_traced.cosines.winner
    with_text = deep_traced.together.cross[2, :, best, 1:].mean(dim=0)
    assert not torch.allclose(winner(deep_traced).values.flatten(), with_text, atol=1e-4)
