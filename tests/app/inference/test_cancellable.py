"""One piece of work at a time, for one visitor."""

import copy

from app.inference.cancellable import CancellableTask


def test_new_work_ends_the_one_before() -> None:
    errand = CancellableTask()
    first = errand.begin()
    second = errand.begin()
    assert first.is_set() and not second.is_set() and errand.is_running
    errand.end(first)
    assert errand.is_running, "it is the second that runs"
    errand.end(second)
    assert not errand.is_running


def test_stop_reaches_the_work() -> None:
    errand = CancellableTask()
    errand.stop()
    event = errand.begin()
    errand.stop()
    assert event.is_set() and not errand.is_running


def test_every_visitor_has_their_own() -> None:
    errand = CancellableTask()
    event = errand.begin()
    copy.deepcopy(errand).stop()
    assert not event.is_set()


def test_another_picture_ends_what_is_about_the_last_one() -> None:
    errand = CancellableTask()
    event = errand.begin("red")
    assert not errand.turn_to("red") and not event.is_set()
    assert errand.turn_to("blue") and event.is_set()
    assert errand.turn_to("red"), "what was shown of it is gone"
