"""Images are checked in order and stored in small units; a hostile one costs only itself."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from blip2core.capfilt.prefetch import prefetch
from blip2core.curation import checking
from blip2core.curation.checking import UNIT, UNIT_BYTES, Checked, check_all, units
from blip2core.errors import ImageError
from blip2core.intake.reading import ArchiveMark
from blip2core.records import Problem, Unused, WebImage
from tests.curation.conftest import web_image


class Clock:
    """A clock that goes on by one tick each time that it is read."""

    def __init__(self, tick: float) -> None:
        self.now, self._tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


def checked(number: int, size: int = 0) -> Checked:
    (one,) = check_all([web_image(number)])
    assert one.safe is not None
    return replace(one, safe=replace(one.safe, bytes=size or one.safe.bytes))


def test_results_come_in_the_order_of_what_was_given() -> None:
    mark = ArchiveMark(what="begin", name="a.tar")
    unused = Unused(kind="file", name="x.doc", advice="no image")
    problem = Problem(name="row 3", reason="no image")
    found = list(check_all([mark, web_image(1, "a cat"), unused, web_image(2), problem]))
    assert [one.mark for one in found] == [mark, None, None, None, None]
    assert [one.image and one.image.name for one in found][1::2] == ["1.png", "2.png"]
    assert (found[2].unused, found[4].problem) == (unused, problem)
    assert found[1].image is not None and found[1].image.data == b"", "the bytes are held once"


def test_what_a_decoder_raises_costs_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checking.check_image

    def hostile(data: bytes, **more: object) -> object:
        if data == b"memory":
            raise MemoryError("no room")
        if data == b"text":
            raise ImageError("The file is a text.")
        return real(data)

    monkeypatch.setattr(checking, "check_image", hostile)
    bad = [WebImage(name=name, data=name.encode(), texts=("a",)) for name in ("memory", "text")]
    first, second, third = check_all([*bad, web_image(3)])
    assert first.problem is not None and "no room" in first.problem.reason
    assert second.problem is not None and second.problem.reason == "The file is a text."
    assert (first.problem.texts, second.problem.texts) == (1, 1) and third.safe is not None


def test_a_unit_is_bounded_in_number_and_in_bytes() -> None:
    clock = Clock(0.0)
    one = checked(1)
    assert [len(unit) for unit in units([one] * (2 * UNIT + 1), clock=clock)] == [UNIT, UNIT, 1]
    large = checked(2, size=UNIT_BYTES // 2)
    assert [len(unit) for unit in units([large] * 5, clock=clock)] == [2, 2, 1]
    assert list(units([], clock=clock)) == []


def test_slow_images_are_stored_after_a_second() -> None:
    """So that an import that somebody stops hears of it."""
    assert [len(unit) for unit in units([checked(1)] * 5, clock=Clock(1.0))] == [1, 1, 1, 1, 1]
    assert [len(unit) for unit in units([checked(1)] * 5, clock=Clock(0.3))] == [4, 1]


def test_memory_ahead_is_bounded_by_weight() -> None:
    taken = []

    def given() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    made = prefetch(given(), str, 2, 10, weigh=lambda _: 40, most=100)
    assert next(made) == "0" and taken == [0, 1, 2], "two of 40 are held, and one is at hand"
    assert list(made) == [str(number) for number in range(1, 20)]
    heavy = prefetch(iter(range(3)), str, 2, 10, weigh=lambda _: 1_000, most=100)
    assert list(heavy) == ["0", "1", "2"], "what is too heavy goes alone"
