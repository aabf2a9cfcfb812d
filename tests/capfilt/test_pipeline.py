"""Images go through once, in order; what is broken is told and left behind."""

import gc
import threading
import time
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from PIL import Image

from blip2core.capfilt import judge, pipeline
from blip2core.errors import DeviceError
from tests import tiny
from tests.capfilt.conftest import CAPTIONS, Seen, image_bytes, task


def test_a_task_in_a_log_does_not_show_its_bytes():
    assert "PNG" not in repr(task(1, "a cat")) and "a cat" in repr(task(1, "a cat"))


def test_each_image_is_encoded_once_for_captions_and_scores(models, seen):
    results = list(judge((task(n, "a cat") for n in range(5)), models))
    assert [one.task.key for one in results] == [0, 1, 2, 3, 4]
    assert seen.images == 5
    for one in results:
        sources = [text.candidate.source for text in one.scored]
        assert one.problem is None and sources[0] == "web"
        assert sources[1:] == ["synthetic"] * (len(sources) - 1) and len(sources) > 1


def test_the_prompt_is_read_once_for_all_captions_of_a_batch(models):
    lengths: list[int] = []

    def count(module: Any, arguments: Any, settings: dict[str, Any]) -> None:
        lengths.append(settings["inputs_embeds"].shape[1] if "inputs_embeds" in settings else 1)

    language_model = models.generator.language_model
    hook = language_model.register_forward_pre_hook(count, with_kwargs=True)
    list(judge([task(n) for n in range(4)], models))
    hook.remove()
    assert len([length for length in lengths if length >= tiny.QUERIES]) == 2  # two batches


def test_batches_change_no_result(models):
    tasks = [task(n, "a cat", "dogs") for n in range(5)]
    small = list(judge(tasks, models))
    large = list(judge(tasks, replace(models, batch=5)))
    for one, other in zip(small, large, strict=True):
        assert [s.candidate for s in one.scored] == [s.candidate for s in other.scored]
        assert [s.itm for s in one.scored] == pytest.approx([s.itm for s in other.scored], abs=1e-5)


def test_images_are_opened_only_a_little_before_they_are_needed(models, monkeypatch):
    opened, prepare = [], pipeline._prepare

    def count(one: Any, models: Any) -> Any:
        opened.append(one)
        return prepare(one, models)

    monkeypatch.setattr(pipeline, "_prepare", count)
    results = judge((task(n, "a") for n in range(100)), replace(models, generator=None, batch=3))
    next(results)
    deadline = time.monotonic() + 10
    while len(opened) < 8 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    results.close()
    assert len(opened) == 8  # the batch that was judged, and less than two more


def test_an_encoder_for_each_where_weights_differ(models, tiny_matcher):
    apart = replace(models, matcher=tiny.matcher(tiny.retrieval(seed=3)))
    counters = Seen(apart.generator), Seen(apart.matcher)
    assert models.shared and not apart.shared
    assert all(one.scored for one in judge([task(n) for n in range(3)], apart))
    assert [counter.images for counter in counters] == [3, 3]
    for counter in counters:
        counter.hook.remove()


def test_texts_alone_need_no_captioner(models, seen):
    results = list(judge([task(1, "a cat", "  "), task(2)], replace(models, generator=None)))
    assert [[s.candidate.text for s in one.scored] for one in results] == [["a cat"], []]
    assert seen.images == 2


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "script": b"<svg onload=alert(1)>",
    "cut": image_bytes(1)[:200],
    "zip": b"PK\x03\x04" + b"\0" * 100,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_bad_file_is_a_problem_and_the_others_go_on(data, models, seen):
    tasks = [task(0, "a"), task(1, "b", data=data), task(2, "c")]
    results = list(judge(tasks, models))
    assert [bool(one.scored) for one in results] == [True, False, True]
    assert results[1].problem.name == "1.png" and results[1].problem.reason
    assert seen.images == 2


def test_a_bomb_is_a_problem(models, tmp_path):
    Image.new("1", (12_000, 12_000)).save(tmp_path / "bomb.png")
    bomb = replace(task(0), data=tmp_path / "bomb.png")
    missing = replace(task(1), data=tmp_path / "gone.png")
    results = list(judge([bomb, missing], models))
    assert "144" in results[0].problem.reason or "pixels" in results[0].problem.reason
    assert "There is no file" in results[1].problem.reason


def test_an_image_on_which_a_model_fails_is_found_in_its_batch(models, monkeypatch):
    matcher = models.matcher
    count_tokens = type(matcher).count_tokens

    def fragile(self: Any, text: str) -> int:
        if text == "poison":
            raise RuntimeError("out of\nmemory")
        return count_tokens(self, text)

    monkeypatch.setattr(type(matcher), "count_tokens", fragile)
    tasks = [task(n, "poison" if n == 2 else "fine") for n in range(5)]
    results = list(judge(tasks, replace(models, batch=4)))
    assert [one.problem is None for one in results] == [True, True, False, True, True]
    assert "out of memory" in results[2].problem.reason


def test_an_error_without_words_is_named(models, monkeypatch):
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(type(models.matcher), "count_tokens", fail)
    (result,) = judge([task(0, "fine")], models)
    assert result.problem.reason == "The image could not be processed: MemoryError."


CUDNN = "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"
"""What a GPU said whose memory another program had taken (H200, torch 2.11)."""


def test_a_device_that_fails_on_every_image_ends_the_run(models, monkeypatch):
    matcher = type(models.matcher)
    monkeypatch.setattr(matcher, "count_tokens", failing(RuntimeError(CUDNN)))
    results = judge([task(n, "fine") for n in range(6)], replace(models, batch=4))
    with pytest.raises(DeviceError, match=r"INTERNAL_ERROR\): another program"):
        list(results)


def test_a_device_that_fails_on_one_image_of_a_batch_leaves_the_others(models, monkeypatch):
    matcher = type(models.matcher)
    count_tokens = matcher.count_tokens

    def fragile(self: Any, text: str) -> int:
        if text == "poison":
            raise RuntimeError(CUDNN)
        return count_tokens(self, text)

    monkeypatch.setattr(matcher, "count_tokens", fragile)
    tasks = [task(n, "poison" if n == 1 else "fine") for n in range(4)]
    results = list(judge(tasks, replace(models, batch=4)))
    assert [one.problem is None for one in results] == [True, False, True, True]


def test_a_device_that_works_again_is_told_from_one_image_that_is_too_much(models, monkeypatch):
    matcher = type(models.matcher)
    monkeypatch.setattr(matcher, "count_tokens", failing(RuntimeError(CUDNN)))
    (result,) = judge([task(0, "long")], models)
    assert result.problem.reason.endswith("CUDNN_STATUS_INTERNAL_ERROR.")
    monkeypatch.setattr(matcher, "encode", failing(MemoryError()))
    with pytest.raises(DeviceError):
        list(judge([task(0, "long")], models))


def failing(error: Exception) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_texts_are_hostile_too(models):
    texts = ("\ud800", "=cmd()", "<script>", "a\0b", "word " * 5000, "\u202etac")
    results = list(judge([task(0, *texts), task(1, "a cat")], models))
    assert results[1].scored and (results[0].scored or results[0].problem)


def test_stop_ends_the_run_between_batches(models, seen):
    stop = Event()
    results = []
    for one in judge((task(n) for n in range(100)), models, stop=stop):
        results.append(one)
        if len(results) == 3:
            stop.set()
    assert len(results) == 4 and seen.images == 4


def test_stop_while_captions_are_written_drops_the_batch(models, monkeypatch):
    stop = Event()
    caption = models.generator.caption

    def stopped(*arguments: Any, **settings: Any) -> Any:
        assert settings["stop"] is stop
        stop.set()
        return caption(*arguments, **settings)

    monkeypatch.setattr(models.generator, "caption", stopped)
    assert list(judge([task(0), task(1)], models, stop=stop)) == []


def test_inputs_are_read_only_as_far_as_needed(models):
    read: list[int] = []

    def tasks() -> Any:
        for number in range(1000):
            read.append(number)
            yield task(number, "a")

    results = judge(tasks(), replace(models, generator=None))
    for _ in range(3):
        next(results)
    results.close()
    assert len(read) <= 3 + 2 * models.batch + models.batch


def test_closing_leaves_no_thread(models):
    results = judge((task(n) for n in range(50)), models)
    next(results)
    results.close()
    gc.collect()
    assert not [one for one in threading.enumerate() if one.name.startswith("decode")]


def test_a_path_is_read_by_the_worker(models, tmp_path: Path):
    file = tmp_path / "picture.png"
    file.write_bytes(image_bytes(7))
    by_path = list(judge([replace(task(7, "a"), data=file)], models))
    by_bytes = list(judge([task(7, "a")], models))
    assert by_path[0].scored == by_bytes[0].scored
    assert models.captions == CAPTIONS


def test_a_task_may_have_its_captions_already(models, seen):
    tasks = [task(0, "a"), replace(task(1, "b", "c"), write=False), task(2)]
    results = list(judge(tasks, replace(models, batch=3)))
    assert [one.candidate.text for one in results[1].scored] == ["b", "c"]
    alone = list(judge([tasks[2]], models))
    assert [s.candidate for s in results[2].scored] == [s.candidate for s in alone[0].scored]
    assert seen.images == 4


def test_what_is_not_a_number_is_a_problem(models, monkeypatch):
    monkeypatch.setattr(
        type(models.matcher), "itm", lambda _, features, texts: torch.full((len(texts),), torch.nan)
    )
    (result,) = judge([task(0, "a")], models)
    assert not result.scored and "no number" in result.problem.reason
