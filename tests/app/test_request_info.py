"""The request follows the work that is done for it."""

import threading
from typing import Any

import pytest
from PIL import Image

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
from blip2core.config import DecodeConfig
from tests.capfilt.conftest import tiny_pair


def test_a_thread_of_ours_works_for_who_started_it() -> None:
    mine = RequestInfo(id="mine")
    set_request(mine)
    try:
        assert in_background(current_request).result(20) is mine
        assert list(prefetch([1, 2], lambda _: current_request(), 2, 2)) == [mine, mine]
    finally:
        set_request(None)
    assert in_background(current_request).result(20) is None


def test_the_thread_that_writes_works_for_who_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, _ = tiny_pair()
    seen: list[object] = []
    write = generator._write

    def noted(*given: Any) -> Any:
        seen.append((threading.current_thread() is threading.main_thread(), current_request()))
        return write(*given)

    monkeypatch.setattr(generator, "_write", noted)
    mine = RequestInfo(id="mine")
    set_request(mine)
    features = generator.encode([Image.new("RGB", (20, 20))])
    list(generator.stream(features, "a", decode=DecodeConfig(max_new_tokens=2)))
    set_request(None)
    assert seen == [(False, mine)]


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
