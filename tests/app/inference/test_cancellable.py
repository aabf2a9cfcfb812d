"""One piece of work at a time, for one visitor."""

import copy

from app.inference.cancellable import CancellableTask


def test_new_work_ends_the_one_before() -> None:
    task = CancellableTask()
    first = task.begin()
    second = task.begin()
    assert first.is_set() and not second.is_set() and task.is_running
    task.end(first)
    assert task.is_running, "it is the second that runs"
    task.end(second)
    assert not task.is_running


def test_stop_reaches_the_work() -> None:
    task = CancellableTask()
    task.stop()
    event = task.begin()
    task.stop()
    assert event.is_set() and not task.is_running


def test_every_visitor_has_their_own() -> None:
    task = CancellableTask()
    event = task.begin()
    copy.deepcopy(task).stop()
    assert not event.is_set()


def test_another_image_ends_what_is_about_the_last_one() -> None:
    task = CancellableTask()
    event = task.begin("red")
    assert not task.turn_to("red") and not event.is_set()
    assert task.turn_to("blue") and event.is_set()
    assert task.turn_to("red"), "what was shown of it is gone"
