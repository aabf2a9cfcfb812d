"""The line that says which model answers, and the choice among others."""

import pytest

from app.chat.session import ChatSession
from app.roles import ROLES, Role, Visitor
from app.workbench.model_picker import (
    choices,
    chooser_html,
    describe_knowledge,
    describe_model,
    on_choose,
)
from blip2core.errors import ModelUnavailableError
from tests.fakes import FakeGenerator, fake_services


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        (None, "loading 15 MB, 0 s so far"),
        (FakeGenerator(), "ready on cpu, float32"),
        (ModelUnavailableError("get <it> first"), "not available: get &lt;it&gt; first"),
        (RuntimeError("/home/someone/secret"), "not available: the log says why"),
    ],
)
def test_model_is_described(generator: FakeGenerator | Exception | None, words: str) -> None:
    html = describe_model(fake_services(generator), "stickers-opt")
    assert words in html
    assert "stickers-opt" in html


def test_what_a_model_knows_is_told() -> None:
    assert "Knows: Images of the sticker world only" in describe_knowledge("stickers-opt")


def test_what_is_not_here_is_greyed_with_the_reason() -> None:
    models = choices("stickers-t5")
    html = chooser_html(models, "stickers-t5")
    assert models[0].spec.name == "stickers-t5"
    assert 'value="stickers-t5" selected' in html
    assert 'value="blip2-opt-2.7b" disabled>blip2-opt-2.7b (not downloaded, 7.5 GB)' in html
    assert "stickers-itm" not in html  # it scores, and answers nothing


def test_only_what_is_offered_can_be_chosen() -> None:
    services, session = fake_services(FakeGenerator()), ChatSession("stickers-opt")
    owner = Visitor(role="owner")
    assert on_choose(services, session, "stickers-t5", owner) == ""
    for name in ("blip2-opt-2.7b", "../secret", "stickers-itm"):
        assert "cannot be chosen" in on_choose(services, session, name, owner)
    assert session.model == "stickers-t5"


@pytest.mark.parametrize("role", ROLES)
def test_a_large_model_is_loaded_for_an_owner_and_then_for_all(
    role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, session = fake_services(FakeGenerator()), ChatSession("stickers-opt")
    monkeypatch.setattr("app.workbench.model_picker._obstacle", lambda spec: "")
    loaded: set[str] = set()
    monkeypatch.setattr(services.engine, "has", loaded.__contains__)
    problem = on_choose(services, session, "blip2-opt-2.7b", Visitor(role=role))
    assert session.model == ("blip2-opt-2.7b" if role == "owner" else "stickers-opt")
    assert bool(problem) == (role != "owner")
    assert on_choose(services, session, "stickers-t5", Visitor(role=role)) == "", "it is small"
    loaded.add("blip2-opt-2.7b")
    assert on_choose(services, session, "blip2-opt-2.7b", Visitor(role=role)) == ""
