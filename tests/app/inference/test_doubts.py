"""Whether images are in doubt: looked for once for each image and pair of models."""

from dataclasses import replace

import pytest
from PIL import Image

from app.inference import doubts
from app.inference.doubts import find_doubt
from app.inference.features import PairFeatures, encode_image
from app.inference.pool import KnownDoubts, ModelPair
from blip2core.records import Doubt
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

DOUBT = Doubt(captions=("a",), itc=0.5, threshold=0.7)


def test_a_program_that_asks_again_about_an_image_does_not_wait_for_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = []

    def look(pair: ModelPair, features: PairFeatures) -> Doubt:
        looked.append(pair)
        return replace(DOUBT, itc=len(looked) / 10)

    monkeypatch.setattr(doubts, "calibration_of", lambda pair: object())
    monkeypatch.setattr(doubts, "look_for_doubt", look)
    engine = fake_services(FakeGenerator(), FakeMatcher()).engine
    found = []
    for colour in ("red", "blue", "red"):
        image = Image.new("RGB", (9, 9), colour)
        features = engine.call(encode_image, "stickers-opt", image)
        found.append(find_doubt(engine, "stickers-opt", image, features))
    assert [one.itc for one in found if one] == [0.1, 0.2, 0.1]
    assert len(looked) == 2


def test_the_longest_unused_is_forgotten() -> None:
    known = KnownDoubts(most=2)
    known.keep("a", DOUBT)
    known.keep("b", DOUBT)
    assert known.find("a") is DOUBT
    known.keep("c", DOUBT)
    assert known.find("b") is None
    assert known.find("a") is known.find("c") is DOUBT
