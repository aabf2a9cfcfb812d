"""Stands for the package `spaces` of Hugging Face (0.51): the same names, and the same limits.

Work that is decorated runs in a process that is forked for it and ends with it. Arguments and
results are pickled on the way, the decorated function is not. Only what was decorated before the
page was launched may run.
"""

import inspect
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

from spaces.config import Config

_fork = multiprocessing.get_context("fork")
_decorated: list[str] = []
_launched: list[int] = []


def GPU(task: Any = None, *, duration: Any = None, size: Any = None) -> Any:  # noqa: N802
    """Decorate a function or a generator whose work needs the GPU."""
    if not callable(task):
        return partial(GPU, duration=duration, size=size)
    if not Config.zero_gpu:
        return task
    assert not _launched, "decorated after the page was launched"
    assert not inspect.iscoroutinefunction(task)
    _decorated.append(task.__name__)

    def results(*args: Any, **named: Any) -> Iterator[Any]:
        assert _launched == [os.getpid()], "the page was not launched, or this is another process"
        given = pickle.dumps((args, named))
        receiver, sender = _fork.Pipe(duplex=False)
        worker = _fork.Process(target=_work, args=(task, given, sender))
        worker.start()
        sender.close()
        print(f"lent to {task.__name__} in {worker.pid}", file=sys.stderr, flush=True)
        try:
            while True:
                kind, value = pickle.loads(receiver.recv_bytes())
                if kind == "error":
                    raise value
                if kind == "end":
                    return
                yield value
        finally:
            worker.terminate()
            worker.join()

    @wraps(task)
    def lent(*args: Any, **named: Any) -> Any:
        return next(results(*args, **named))

    return wraps(task)(results) if inspect.isgeneratorfunction(task) else lent


def gradio_auto_wrap(task: Any) -> Any:
    """Return what Gradio asks about: it is decorated only where a setting says so."""
    return task


def _work(task: Callable[..., Any], given: bytes, sender: Any) -> None:
    args, named = pickle.loads(given)
    try:
        if inspect.isgeneratorfunction(task):
            for value in task(*args, **named):
                sender.send_bytes(pickle.dumps(("value", value)))
        else:
            sender.send_bytes(pickle.dumps(("value", task(*args, **named))))
        sender.send_bytes(pickle.dumps(("end", None)))
    except Exception as error:
        sender.send_bytes(pickle.dumps(("error", error)))


def _watch_launch() -> None:
    """Note the first launch, as the package does; it then reports what may run."""
    import gradio

    launch = gradio.Blocks.launch

    def first(*args: Any, **named: Any) -> Any:
        assert _decorated, "nothing is decorated that could use the GPU"
        _launched.append(os.getpid())
        gradio.Blocks.launch = launch
        return launch(*args, **named)

    gradio.Blocks.launch = first


if Config.zero_gpu:
    torch = sys.modules.get("torch")
    assert torch is None or not torch.cuda.is_initialized()
    _watch_launch()
