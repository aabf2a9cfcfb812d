"""The warning about an image that the model has seen nothing like."""

from pathlib import Path

import pytest
from PIL import Image

from app.chat import features
from app.chat.session import ChatSession
from app.inference.features import PairFeatures
from app.workbench.image.doubt_line import (
    doubt_html,
    find_doubt_html,
    known_doubt_html,
)
from app.workbench.image.panel import caption_image, on_upload
from blip2core.records import DOUBT_WARNING, Doubt
from tests.app.visitor import upload
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

DOUBTED = Doubt(captions=("two <b>dogs</b>", "a cat"), itc=0.51, threshold=0.79)
KNOWN = Doubt(captions=("a dog",), itc=0.79, threshold=0.79)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[PairFeatures]:
    """What was looked at; a model that doubts everything."""
    seen = []

    def look_for_doubt(pair: object, image: PairFeatures) -> Doubt:
        seen.append(image)
        return DOUBTED

    monkeypatch.setattr(features, "look_for_doubt", look_for_doubt)
    monkeypatch.setattr(features, "calibration_of", lambda pair: object())
    return seen


def test_the_warning_has_its_figures_and_nothing_hostile() -> None:
    html = doubt_html(DOUBTED)
    assert DOUBT_WARNING in html
    assert "0.51" in html
    assert "0.79" in html
    assert "two &lt;b&gt;dogs&lt;/b&gt;" in html
    assert "<b>dogs" not in html
    assert doubt_html(KNOWN) == doubt_html(None) == ""


def test_it_comes_after_the_caption_and_is_looked_for_once(
    session: ChatSession, looked_at: list[PairFeatures]
) -> None:
    services = fake_services(FakeGenerator(caption_text="a bird"), FakeMatcher())
    assert known_doubt_html(session) == ""
    *_, last = caption_image(services, session)
    assert DOUBT_WARNING in last.doubt
    assert session.image is not None
    assert session.image.caption == "a bird"
    assert known_doubt_html(session) == find_doubt_html(services, session) == last.doubt
    assert len(looked_at) == 1


def test_going_back_to_an_image_brings_its_warning_with_it(
    session: ChatSession, looked_at: list[PairFeatures], tmp_path: Path
) -> None:
    services = fake_services(FakeGenerator(), FakeMatcher())
    first = upload(tmp_path, "first.png", Image.new("RGB", (9, 9), "red"))
    other = upload(tmp_path, "other.png", Image.new("RGB", (9, 9), "blue"))
    shown = []
    for file in (first, other, first):
        shown.append(on_upload(session, file).doubt)
        list(caption_image(services, session))
    assert [DOUBT_WARNING in doubt for doubt in shown] == [False, False, True]
    assert len(looked_at) == 2


def test_a_model_without_calibration_says_nothing_and_loads_no_matcher(
    session: ChatSession,
) -> None:
    services = fake_services(FakeGenerator(caption_text="a bird"), FakeMatcher())
    captions = list(caption_image(services, session))
    assert not any("doubt" in str(step.doubt) for step in captions)
    assert session.image is not None
    assert session.image.doubts == {"stickers-opt": None}


def test_without_an_image_there_is_no_warning(looked_at: list[PairFeatures]) -> None:
    services = fake_services(FakeGenerator(), FakeMatcher())
    assert find_doubt_html(services, ChatSession()) == known_doubt_html(ChatSession()) == ""
    assert not looked_at
