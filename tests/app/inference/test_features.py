"""One image for both models of a pair: the image encoder runs no more often than it must."""

from types import SimpleNamespace

from PIL import Image

from app.inference.features import encode_for_pair
from tests.fakes import FakeGenerator, FakeMatcher, fake_services

IMAGE = Image.new("RGB", (4, 3))


def test_a_shared_image_encoder_runs_once() -> None:
    generator, matcher = FakeGenerator(), FakeMatcher()
    found = encode_for_pair(fake_services(generator, matcher).engine, "stickers-opt", IMAGE)
    assert found.matcher is found.generator
    assert (generator.vision_calls, matcher.vision_calls) == (1, 0)


def test_two_image_encoders_run_once_each() -> None:
    generator = FakeGenerator()
    matcher = FakeMatcher(vision=SimpleNamespace(fingerprint="another"))
    found = encode_for_pair(fake_services(generator, matcher).engine, "stickers-opt", IMAGE)
    assert (found.generator.encoder, found.matcher.encoder) == ("fake", "another")
    assert (generator.vision_calls, matcher.vision_calls) == (1, 1)
