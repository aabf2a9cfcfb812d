"""A bounded, ordered prefetch by threads. No torch here."""

from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Generator as Yielding
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def prefetch(
    given: Iterable[Given], make: Callable[[Given], Made], workers: int, number: int
) -> Yielding[Made, None, None]:
    """Yield `make` of each, in order, made by threads that are at most `number` results ahead."""
    source = iter(given)
    pending: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for item in source:
                # In the caller's context, so that a log names the request that it works for.
                pending.append(pool.submit(copy_context().run, make, item))
                if len(pending) >= number:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
