"""What the curator's charts show: each text in one bar, and bars that stand on one another."""

import pytest

from app.curator.charts import histogram_chart

COUNTS = {"web": [3, 0, 1, 2], "synthetic": [1, 4, 0, 0]}


def test_each_bar_has_its_place_and_stands_on_those_of_other_sources() -> None:
    chart = histogram_chart(COUNTS, low=0, high=2, threshold=0.5, title="ITM").to_dict()
    (bars,) = (rows for rows in chart["datasets"].values() if "bottom" in rows[0])
    shown = [(b["source"], b["from"], b["to"], b["bottom"], b["top"], b["texts"]) for b in bars]
    assert sorted(shown) == [
        ("synthetic", 0.0, 0.5, 3, 4, 1),
        ("synthetic", 0.5, 1.0, 0, 4, 4),
        ("web", 0.0, 0.5, 0, 3, 3),
        ("web", 1.0, 1.5, 0, 1, 1),
        ("web", 1.5, 2.0, 0, 2, 2),
    ]
    assert sum(bar["texts"] for bar in bars) == sum(map(sum, COUNTS.values()))


def test_the_range_may_begin_below_zero() -> None:
    chart = histogram_chart({"web": [1, 1]}, low=-1, high=1, threshold=None, title="ITC").to_dict()
    (bars,) = (rows for rows in chart["datasets"].values() if rows and "bottom" in rows[0])
    assert [(bar["from"], bar["to"]) for bar in bars] == [
        (pytest.approx(-1), pytest.approx(0)),
        (pytest.approx(0), pytest.approx(1)),
    ]
