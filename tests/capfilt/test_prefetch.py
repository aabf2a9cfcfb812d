"""Threads work in order, and no further ahead than they may."""

from threading import Event, Timer
from typing import Any

from blip2core.capfilt.prefetch import prefetch


def test_who_stops_early_waits_for_nothing_that_has_not_begun():
    made: list[int] = []
    begun, go_on = Event(), Event()

    def make(number: int) -> None:
        if number:  # the first comes at once, the second is under way until all is called off
            begun.set()
            go_on.wait(60)
        made.append(number)

    work = prefetch(iter(range(50)), make, 1, 40)
    next(work)
    assert begun.wait(60)
    Timer(1, go_on.set).start()
    work.close()
    assert made == [0, 1]


def test_work_ahead_is_in_order_and_bounded():
    under_way: set[int] = set()
    most = [0]

    def make(number: int) -> int:
        return number * 2

    def given() -> Any:
        for number in range(20):
            under_way.add(number)
            most[0] = max(most[0], len(under_way))
            yield number

    for value in prefetch(given(), make, 3, 5):
        under_way.discard(value // 2)
    assert most[0] <= 5 and not under_way
