"""Who fails waits longer each time, and is forgotten in the end."""

import pytest

from app.login import throttle as module
from app.login.throttle import Throttle
from tests.app.login.clock import Clock


def test_delays_grow_to_a_longest() -> None:
    clock = Clock()
    throttle = Throttle(2, clock)
    assert [throttle.attempt("a") for _ in range(3)] == [0, 0, 0]
    waits = []
    for _ in range(13):
        waits.append(throttle.attempt("a"))
        clock.now += waits[-1]
        assert throttle.attempt("a") == 0
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == module.LONGEST_SECONDS
    assert throttle.attempt("b") == 0, "others are not held up"


def test_an_attempt_in_the_delay_does_not_prolong_it() -> None:
    clock = Clock()
    throttle = Throttle(0, clock)
    throttle.attempt("a")
    clock.now += 0.25
    assert throttle.attempt("a") == throttle.attempt("a") == 0.75


def test_success_takes_back_one_or_all() -> None:
    clock = Clock()
    throttle = Throttle(1, clock)
    throttle.attempt("a")
    throttle.attempt("a")
    throttle.succeeded("a", forget=False)
    assert throttle.attempt("a") == 0, "as many as are free are left"
    assert throttle.attempt("a") > 0
    throttle.succeeded("a", forget=True)
    assert [throttle.attempt("a"), throttle.attempt("a")] == [0, 0]
    throttle.succeeded("nobody", forget=True)


def test_failures_are_forgotten_after_a_while() -> None:
    clock = Clock()
    throttle = Throttle(0, clock)
    throttle.attempt("a")
    clock.now += module.FORGOTTEN_SECONDS + 1
    throttle.attempt("a")
    assert throttle.attempt("a") == module.FIRST_SECONDS


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEYS", 10)
    throttle = Throttle(0, Clock())
    for number in range(module.MOST_KEYS + 5):
        throttle.attempt(f"address {number}")
    assert len(throttle._known) == module.MOST_KEYS
    assert throttle.attempt("address 0") == 0 and throttle.attempt("address 14") > 0
