"""What the page is told of a map that was tested."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.inference.explain_tasks import ExplainedAnswer, Inspection, measure_map
from blip2core.explain import Focus, faithfulness, sanity, trace
from blip2core.explain.faithfulness import Faithfulness, FaithfulnessProgress
from blip2core.explain.fit import Fit
from blip2core.explain.sanity import Sanity
from blip2core.models import Generator, Matcher
from tests import tiny
from tests.fakes import fake_services


@pytest.fixture(scope="module")
def pair() -> tuple[Generator, Matcher]:
    return tiny.generator(tiny.blip2()), tiny.matcher(tiny.retrieval())


def result_of(
    pair: tuple[Generator, Matcher],
    images: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    itm: float = 0.9,
    areas: tuple[float, float] = (0.2, 0.8),
    correlation: float = 0.1,
) -> dict[str, Any]:
    """What the page gets where the map and the random weights measure like this."""
    measured = Faithfulness(
        score="itm",
        fit=Fit(text="a car", itm=itm),
        shown=(1.0, 0.0),
        deletion=(1.0, 0.0),
        insertion=(1.0, 0.0),
        random=(1.0, 0.0),
        deletion_area=areas[0],
        insertion_area=areas[1],
        random_areas=(0.4, 0.6),
        random_difference=0.3,
    )

    def measure(*_: Any, **__: Any) -> Iterator[FaithfulnessProgress]:
        yield FaithfulnessProgress(done=1, total=1, result=measured)

    def check(*_: Any, **__: Any) -> Iterator[Sanity]:
        yield Sanity(correlations=(correlation,), finished=True)

    monkeypatch.setattr(faithfulness, "faithfulness", measure)
    monkeypatch.setattr(sanity, "sanity_check", check)
    features = pair[1].encode(images[:1])
    seen = Inspection(
        key="",
        trace=trace(pair[1], features, "a car", gradients=True),
        features=features,
        explained=ExplainedAnswer(question="", prompt=""),
    )
    services = fake_services(*pair)
    loaded = services.engine.pair(services.settings.model)
    *_, last = measure_map(loaded, seen, "gradcam", Focus(), stop=None)
    result: dict[str, Any] = last.result
    return result


@pytest.mark.parametrize(
    ("measured", "unread"),
    [
        ({"itm": 0.14}, "the text does not fit"),
        ({"areas": (0.5, 0.5)}, "no better than chance"),
        ({"areas": (0.6, 0.4)}, "no better than chance"),
    ],
)
def test_nothing_speaks_for_a_map_that_is_not_to_be_read(
    pair: tuple[Generator, Matcher],
    images: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    measured: dict[str, Any],
    unread: str,
) -> None:
    result = result_of(pair, images, monkeypatch, **measured)
    assert unread in result["verdict"] and "do not read this map" in result["verdict"]
    assert (result["good"], result["sanity"]) == (False, "")


def test_a_good_map_is_better_than_chance_and_depends_on_the_weights(
    pair: tuple[Generator, Matcher], images: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = result_of(pair, images, monkeypatch)
    assert result["good"] is True
    assert result["verdict"].endswith("the map shows what counts, better than chance.")
    assert result["sanity"].endswith("the map depends on what the model learned.")
    alike = result_of(pair, images, monkeypatch, correlation=0.6)
    assert alike["good"] is False
    assert alike["sanity"].endswith("says little about what the model learned.")


def test_one_side_is_not_enough(
    pair: tuple[Generator, Matcher], images: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = result_of(pair, images, monkeypatch, areas=(0.1, 0.5))
    assert result["good"] is False
    assert "hiding what the map shows hurts more than chance" in result["verdict"]
    assert "depends on what the model learned" in result["sanity"]
