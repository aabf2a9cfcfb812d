"""The request follows the work that is done for it."""

import threading

import pytest

from app.inference.pool import in_background
from app.request_info import (
    RequestInfo,
    current_request,
    harmless_id,
    new_id,
    note_role,
    reference,
    set_request,
)
from blip2core.capfilt.prefetch import prefetch


def test_a_thread_of_ours_works_for_who_started_it() -> None:
    mine = RequestInfo(id="mine")
    set_request(mine)
    try:
        assert in_background(current_request).result(20) is mine
        assert list(prefetch([1, 2], lambda _: current_request(), 2, 2)) == [mine, mine]
    finally:
        set_request(None)
    assert in_background(current_request).result(20) is None


def test_other_threads_work_for_nobody() -> None:
    set_request(RequestInfo(id="mine"))
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(current_request()))
    thread.start()
    thread.join()
    set_request(None)
    assert seen == [None]


def test_an_error_has_the_id_of_the_request_else_a_new_one() -> None:
    assert reference() != reference()
    note_role("owner")  # of nobody
    request = RequestInfo(id="mine")
    set_request(request)
    note_role("owner")
    assert (reference(), request.role) == ("mine", "owner")
    set_request(None)


@pytest.mark.parametrize("given", [None, "", "a b", "a\n", "ä", "A" * 65, "a_b", "../a"])
def test_an_id_from_outside_is_looked_at(given: str | None) -> None:
    assert harmless_id(given) is None
    assert harmless_id(new_id()) is not None
