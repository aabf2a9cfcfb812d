"""The model loads in the background, and a failure waits for who asks."""

import threading

import pytest

from app.inference.pool import ModelPool
from app.services import build_services
from app.settings import AppSettings
from blip2core.errors import ModelError, ModelUnavailableError, UnknownModelError
from tests.fakes import FakeGenerator


def test_page_does_not_wait_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, generator = threading.Event(), FakeGenerator()

    def load(*_: object) -> FakeGenerator:
        loaded.wait()
        return generator

    monkeypatch.setattr(ModelPool, "_load_generator", load)
    services = build_services(AppSettings())
    assert not services.engine.pair("stickers-opt").loading.done()
    loaded.set()
    assert services.engine.pair("stickers-opt").loading.result(timeout=5) is generator


def test_failed_load_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise ModelUnavailableError("not here")

    monkeypatch.setattr(ModelPool, "_load_generator", load)
    error = build_services(AppSettings()).engine.pair("stickers-opt").loading.exception(timeout=5)
    assert isinstance(error, ModelUnavailableError)


def test_unknown_model_is_refused_at_once() -> None:
    with pytest.raises(UnknownModelError, match="stickers-opt"):
        build_services(AppSettings(model="nonsense"))


def test_generator_cannot_score() -> None:
    with pytest.raises(ModelError, match="stickers-t5 writes texts, so it cannot score"):
        build_services(AppSettings(matcher="stickers-t5"))
    with pytest.raises(UnknownModelError, match="stickers-itm"):
        build_services(AppSettings(matcher="nonsense"))


def test_matcher_cannot_answer() -> None:
    with pytest.raises(ModelError, match="cannot answer"):
        build_services(AppSettings(model="stickers-itm"))
