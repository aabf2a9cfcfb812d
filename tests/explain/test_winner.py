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
