"""One piece of work on models at a time."""

import sys
import threading
import types
from collections.abc import Iterator

import pytest

from app.inference.captions import CaptionRequest
from app.inference.engine import Engine, gpu_lender, keep_as_it_is
from app.inference.pool import ModelPair
from blip2core.config import DecodeConfig
from blip2core.errors import ConfigError
from tests.fakes import FakeGenerator, FakeModels

PATIENCE = 20.0


def engine() -> Engine:
    return Engine(FakeModels(FakeGenerator(), None))


def count(pair: ModelPair, last: int, *, stop: threading.Event | None) -> Iterator[int]:
    for number in range(last):
        if stop is not None and stop.is_set():
            return
        yield number


def test_work_gets_the_models_and_its_arguments() -> None:
    assert engine().call(lambda pair, word: (pair.spec.name, word), "any", "hello") == (
        "stickers-opt",
        "hello",
    )
    assert list(engine().each(count, "any", 3)) == [0, 1, 2]


def test_one_piece_of_work_at_a_time() -> None:
    runner, running, most = engine(), [], []

    def work(pair: ModelPair, number: int) -> None:
        running.append(number)
        most.append(len(running))
        threading.Event().wait(0.02)
        running.remove(number)

    threads = [threading.Thread(target=runner.call, args=(work, "any", n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_streamed_work_keeps_other_work_waiting() -> None:
    """Also work that was begun and is not read on, as where a browser has left."""
    runner, done = engine(), threading.Event()
    numbers = runner.each(count, "any", 3)
    next(numbers)
    other = threading.Thread(target=lambda: runner.call(lambda pair: done.set(), "any"))
    other.start()
    assert not done.wait(0.1)
    numbers.close()
    assert done.wait(PATIENCE)
    other.join()


def test_a_turn_keeps_other_work_waiting() -> None:
    runner, done = engine(), threading.Event()
    other = threading.Thread(target=lambda: runner.call(lambda pair: done.set(), "any"))
    with runner.turn():
        other.start()
        assert not done.wait(0.1)
    assert done.wait(PATIENCE)
    other.join()


def test_stop_reaches_the_work() -> None:
    given: list[object] = []

    def work(pair: ModelPair, *, stop: threading.Event | None) -> Iterator[int]:
        given.append(stop)
        yield 1

    stop = threading.Event()
    assert list(engine().each(work, "any", stop=stop)) == [1]
    assert given == [stop]


@pytest.mark.parametrize(
    "asked", [DecodeConfig(max_new_tokens=9), CaptionRequest(decode=DecodeConfig(max_new_tokens=9))]
)
def test_nobody_gets_more_new_tokens_than_the_setting_allows(asked: object) -> None:
    runner = Engine(FakeModels(FakeGenerator(), None), max_new_tokens=8)
    with pytest.raises(ConfigError, match=r"max_new_tokens \(9\) must be at most 8"):
        runner.call(lambda pair, decode: "done", "any", asked)
    with pytest.raises(ConfigError, match="BLIP2_MAX_NEW_TOKENS"):
        next(runner.each(count, "any", asked))
    allowed = DecodeConfig(max_new_tokens=8)
    assert runner.call(lambda pair, decode: decode, "any", allowed) == allowed


def test_stop_and_closing_free_the_engine() -> None:
    runner, stop = engine(), threading.Event()
    numbers = runner.each(count, "any", 1000, stop=stop)
    assert next(numbers) == 0
    stop.set()
    assert list(numbers) == []
    abandoned = runner.each(count, "any", 1000)
    next(abandoned)
    abandoned.close()
    assert runner.call(lambda pair: "free", "any") == "free"


def test_failed_work_frees_the_engine() -> None:
    runner = engine()
    with pytest.raises(ZeroDivisionError):
        runner.call(lambda pair: 1 / 0, "any")
    assert runner.call(lambda pair: "free", "any") == "free"


def spaces(*, zero_gpu: bool) -> dict[str, types.ModuleType]:
    """What `import spaces` brings on a Space, with and without a lent GPU."""
    package, config = types.ModuleType("spaces"), types.ModuleType("spaces.config")
    config.Config = types.SimpleNamespace(zero_gpu=zero_gpu)
    package.granted = []

    def lend(duration: int) -> object:
        def borrow(function):
            def granted(*args: object) -> object:
                package.granted.append((function.__name__, duration))
                return function(*args)

            return granted

        return borrow

    package.GPU = lend
    return {"spaces": package, "spaces.config": config}


def test_gpu_is_borrowed_where_it_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = spaces(zero_gpu=True)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    runner, stop = engine(), threading.Event()
    assert runner.call(lambda pair: 1, "any") == 1
    numbers = runner.each(count, "any", 1000, stop=stop)
    assert next(numbers) == 0
    stop.set()  # does not reach the process that works, so the page ends it between two values
    assert list(numbers) == []
    assert [name for name, _ in modules["spaces"].granted] == ["_call", "_each"]


@pytest.mark.parametrize("modules", [spaces(zero_gpu=False), {"spaces": None}])
def test_elsewhere_nothing_is_borrowed(
    modules: dict[str, types.ModuleType | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert gpu_lender() is keep_as_it_is
