"""Several images in turns."""

from collections.abc import Iterator
from threading import Event

import pytest

from app.inference import batches
from app.inference.batches import ImageBatch, Upload, process_turn

FILES = [Upload(path=name, name=name) for name in ("a", "b", "c")]


@pytest.fixture
def batch() -> ImageBatch:
    batch = ImageBatch()
    batch.start(FILES, "request")
    return batch


def finish(batch: ImageBatch, run: Event, index: int) -> Iterator[None]:
    batch.change(run, index, state="working")
    yield
    batch.change(run, index, state="done")
    yield


def states(batch: ImageBatch) -> list[str]:
    return [job.state for job in batch.items]


def test_one_turn_does_all_where_it_is_long_enough(batch: ImageBatch) -> None:
    steps = [states(batch)[0] for _ in process_turn(batch, lambda *a: finish(batch, *a))]
    assert steps[:2] == ["working", "done"]
    assert states(batch) == ["done"] * 3
    assert not batch.is_running and not batch.is_left and batch.done == 3


def test_short_turns_leave_the_rest_for_the_next(
    batch: ImageBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "TURN_SECONDS", 0)
    turns = 0
    while batch.is_left:
        list(process_turn(batch, lambda *a: finish(batch, *a)))
        turns += 1
        assert turns < 10
    assert states(batch) == ["done"] * 3 and turns >= 3


def test_stop_keeps_what_is_done_and_what_comes_late_changes_nothing(batch: ImageBatch) -> None:
    turn = process_turn(batch, lambda *a: finish(batch, *a))
    for _ in range(3):
        next(turn)
    assert states(batch) == ["done", "working", "waiting"]
    run = batch.run
    batch.give_up()
    assert list(turn) == []
    batch.change(run, 1, state="done")
    assert states(batch) == ["done", "stopped", "stopped"]
    assert not batch.is_left


def test_new_batch_ends_the_old_one(batch: ImageBatch) -> None:
    turn = process_turn(batch, lambda *a: finish(batch, *a))
    next(turn)
    batch.start(FILES[:1], "another")
    assert list(turn) == []
    assert states(batch) == ["waiting"] and batch.is_left
