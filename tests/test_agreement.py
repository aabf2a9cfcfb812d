"""Cohen's kappa of two people, against figures worked out by hand."""

import pytest

from blip2core.agreement import agreement


def test_kappa_of_a_table_worked_out_by_hand() -> None:
    # 20 both yes, 5 only the first, 10 only the second, 15 both no: the textbook's 0.4
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    found = agreement(pairs)
    assert found is not None
    assert found.texts == 50 and found.same == 0.7
    assert found.kappa == pytest.approx(0.4)
    assert found.low < 0.4 < found.high
    assert found.low > 0.1 and found.high < 0.65
    assert found.sentence() == (
        "Two people both judged 50 texts and agreed in 70% of the cases: Cohen's kappa 0.40 "
        f"(95 % interval {found.low:.2f} to {found.high:.2f})."
    )


def test_chance_is_nought() -> None:
    found = agreement([(a, b) for a in (True, False) for b in (True, False)] * 25)
    assert found is not None and found.kappa == pytest.approx(0)


def test_one_verdict_throughout_tells_nothing() -> None:
    found = agreement([(True, True)] * 10)
    assert found is not None
    assert (found.same, found.kappa, found.low, found.high) == (1, None, None, None)
    assert found.sentence() == "Two people both judged 10 texts and agreed in 100% of the cases."
    assert agreement([]) is None


def test_one_person_of_one_opinion() -> None:
    found = agreement([(True, True)] * 5 + [(True, False)] * 5)
    assert found is not None and found.kappa == 0
