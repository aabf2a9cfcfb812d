"""Several images in time slices."""

from collections.abc import Iterator
from threading import Event

import pytest

from app.inference import batches
from app.inference.batches import ImageBatch, process_slice

FILES = ("a", "b", "c")


@pytest.fixture
def batch() -> ImageBatch:
    batch = ImageBatch()
    batch.start(FILES, "request")
    return batch


def finish(batch: ImageBatch, stop: Event, index: int) -> Iterator[None]:
    batch.change(stop, index, state="working")
    yield
    batch.change(stop, index, state="done")
    yield


def states(batch: ImageBatch) -> list[str]:
    return [item.state for item in batch.items]


def test_one_slice_does_all_where_it_is_long_enough(batch: ImageBatch) -> None:
    steps = [states(batch)[0] for _ in process_slice(batch, lambda *a: finish(batch, *a))]
    assert steps[:2] == ["working", "done"]
    assert states(batch) == ["done"] * 3
    assert not batch.is_running and not batch.is_left and batch.done == 3


def test_short_slices_leave_the_rest_for_the_next(
    batch: ImageBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE_SECONDS", 0)
    slices = 0
    while batch.is_left:
        list(process_slice(batch, lambda *a: finish(batch, *a)))
        slices += 1
        assert slices < 10
    assert states(batch) == ["done"] * 3 and slices >= 3


def test_stop_keeps_what_is_done_and_what_comes_late_changes_nothing(batch: ImageBatch) -> None:
    steps = process_slice(batch, lambda *a: finish(batch, *a))
    for _ in range(3):
        next(steps)
    assert states(batch) == ["done", "working", "waiting"]
    stop = batch.stop
    batch.give_up()
    assert list(steps) == []
    batch.change(stop, 1, state="done")
    assert states(batch) == ["done", "stopped", "stopped"]
    assert not batch.is_left


def test_new_batch_ends_the_old_one(batch: ImageBatch) -> None:
    steps = process_slice(batch, lambda *a: finish(batch, *a))
    next(steps)
    batch.start(FILES[:1], "another")
    assert list(steps) == []
    assert states(batch) == ["waiting"] and batch.is_left


def test_what_still_waits_after_the_longest_time_is_left_out(
    batch: ImageBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = process_slice(batch, lambda *a: finish(batch, *a), longest=0.5)
    next(steps)
    monkeypatch.setattr(batch, "began", batch.began - 31)
    list(steps)
    assert states(batch) == ["done", "failed", "failed"], "what had begun is finished"
    assert batch.items[2].problem == "Left out: work of more than 0.5 minutes ends here."
    assert not batch.is_running and not batch.is_left
    batch.start(FILES, "another")
    list(process_slice(batch, lambda *a: finish(batch, *a), longest=0.5))
    assert states(batch) == ["done"] * 3
