"""Each piece of work that the engine runs has a kind, and is measured under it."""

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.inference.engine import Engine
from app.inference.work_kinds import KINDS, kind_of
from app.metrics import Metrics, use_metrics
from tests.fakes import FakeGenerator, FakeModels

APP = Path(__file__).parents[3] / "app"


class Noted(Metrics):
    def __init__(self) -> None:
        self.work: list[tuple[str, bool]] = []
        self.waits: list[float] = []

    def worked(self, kind: str, waited: float, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        self.work.append((kind, failed))
        self.waits.append(waited)


@pytest.fixture
def noted() -> Iterator[Noted]:
    noted = Noted()
    use_metrics(noted)
    yield noted
    use_metrics(Metrics())


def given_to_the_engine() -> set[str]:
    """Names of the first arguments of `engine.call` and `engine.each` everywhere in the app."""
    found = set()
    for file in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr in ("call", "each") and "engine" in ast.unparse(node.func.value):
                found.add(ast.unparse(node.args[0]))
    return found


def test_every_work_of_the_app_has_a_kind() -> None:
    assert given_to_the_engine() == set(KINDS)


def encode_image(pair: object) -> None:
    pass


def score_texts(pair: object, *, stop: object = None) -> Iterator[int]:
    yield 1
    raise ValueError("no")


def test_work_is_measured_under_its_kind(noted: Noted) -> None:
    engine = Engine(FakeModels(FakeGenerator(), None))
    engine.call(encode_image, "any")
    engine.call(lambda pair: None, "any")
    with pytest.raises(ValueError):
        list(engine.each(score_texts, "any"))
    left = engine.each(score_texts, "any")
    next(left)
    left.close()  # a visitor has left: nothing failed
    with engine.turn():
        pass
    assert noted.work == [
        ("encode", False),
        ("other", False),
        ("match", True),
        ("match", False),
        ("job", False),
    ]
    assert kind_of(object()) == "other"  # type: ignore[arg-type]


def test_the_wait_for_other_work_is_measured(noted: Noted) -> None:
    engine = Engine(FakeModels(FakeGenerator(), None))
    with engine.turn():
        other = threading.Thread(target=engine.call, args=(encode_image, "any"))
        other.start()
        other.join(0.1)
    other.join(20)
    assert noted.waits[1] > 0.05 > noted.waits[0]
