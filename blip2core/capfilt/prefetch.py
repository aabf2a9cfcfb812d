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
    given: Iterable[Given],
    make: Callable[[Given], Made],
    workers: int,
    number: int,
    *,
    weigh: Callable[[Given], int] = lambda _: 0,
    most: int = 0,
) -> Yielding[Made, None, None]:
    """Yield `make` of each, in order, made by threads that are at most `number` results ahead, and
    at most `most` in weight where they weigh something; one that weighs more goes alone.
    """
    pending: deque[tuple[Future[Made], int]] = deque()
    held = 0
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for item in given:
                weight = weigh(item)
                while pending and held + weight > most > 0:
                    first, freed = pending.popleft()
                    held -= freed
                    yield first.result()
                # In the caller's context, so that a log names the request that it works for.
                pending.append((pool.submit(copy_context().run, make, item), weight))
                held += weight
                if len(pending) >= number:
                    first, freed = pending.popleft()
                    held -= freed
                    yield first.result()
            while pending:
                yield pending.popleft()[0].result()
        finally:
            for future, _ in pending:
                future.cancel()
