"""Raw attention: the numbers of the trace, and the means of those not named."""

import pytest
import torch

from blip2core.errors import ConfigError
from blip2core.explain import Focus, Trace
from blip2core.explain.cross_attention import cross_attention


def test_one_of_each_is_the_trace(traced: Trace) -> None:
    found = cross_attention(traced, Focus(query=2, layer=0, head=1))
    seen = traced.together.cross[0, 1, 2]
    torch.testing.assert_close(found.values.flatten(), seen[1:])
    assert found.class_share == pytest.approx(float(seen[0]))
    assert float(found.values.sum()) + found.class_share == pytest.approx(1.0)
    assert found.title == "query 2, layer 0, head 1"


def test_what_is_not_named_is_averaged(traced: Trace) -> None:
    seen = traced.together.cross
    found = cross_attention(traced, Focus(query=2)).values.flatten()
    torch.testing.assert_close(found, seen[:, :, 2, 1:].mean(dim=(0, 1)))
    torch.testing.assert_close(
        cross_attention(traced).values.flatten(), seen[..., 1:].mean(dim=(0, 1, 2))
    )


@pytest.mark.parametrize(
    ("focus", "message"),
    [
        (Focus(layer=1), r"layer \(1\) must be one of 0$"),
        (Focus(query=4), r"query \(4\) must be one of 0, 1, 2, 3"),
        (Focus(head=-1), "head"),
    ],
)
def test_what_is_not_there_is_told(traced: Trace, focus: Focus, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        cross_attention(traced, focus)
