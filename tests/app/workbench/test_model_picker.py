"""The line that says which model answers, and the choice among others."""

import pytest

from app.chat.session import ChatSession
from app.workbench.model_picker import choices, chooser_html, describe_model, on_choose
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
    assert "stickers-opt" in html and "sticker world" in html


def test_what_is_not_here_is_greyed_with_the_reason() -> None:
    models = choices("stickers-t5")
    html = chooser_html(models, "stickers-t5")
    assert models[0].spec.name == "stickers-t5"
    assert 'value="stickers-t5" selected' in html
    assert 'value="blip2-opt-2.7b" disabled>blip2-opt-2.7b (not downloaded, 7.5 GB)' in html
    assert "stickers-itm" not in html  # it scores, and answers nothing


def test_only_what_is_offered_can_be_chosen() -> None:
    services, session = fake_services(FakeGenerator()), ChatSession("stickers-opt")
    on_choose(services, session, "stickers-t5")
    for name in ("blip2-opt-2.7b", "../secret", "stickers-itm"):
        on_choose(services, session, name)
    assert session.model == "stickers-t5"
