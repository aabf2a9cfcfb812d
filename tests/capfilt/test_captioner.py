"""Texts of an image come from its hash and the seed, not from the batch it is in."""

from dataclasses import replace

import pytest

from blip2core.capfilt import write_captions
from blip2core.capfilt.captioner import image_seed
from blip2core.config import CaptionConfig, DecodeConfig
from tests.capfilt.conftest import CAPTIONS

HASHES = ["a" * 64, "b" * 64, "c" * 64]


def test_a_batch_changes_no_text(tiny_generator, images):
    together = write_captions(tiny_generator, tiny_generator.encode(images), HASHES, CAPTIONS)
    for row, image in enumerate(images):
        alone = write_captions(
            tiny_generator, tiny_generator.encode([image]), [HASHES[row]], CAPTIONS
        )
        assert alone == [together[row]]
    assert {text.source for texts in together for text in texts} == {"synthetic"}


def test_seed_and_hash_decide_what_is_drawn(tiny_generator, images):
    features = tiny_generator.encode(images[:1])

    def texts(key: str, seed: int) -> list:
        config = replace(CAPTIONS, decode=replace(CAPTIONS.decode, seed=seed))
        return write_captions(tiny_generator, features, [key], config)

    assert texts("a", 1) == texts("a", 1)
    assert texts("a", 1) != texts("b", 1)
    assert texts("a", 1) != texts("a", 2)
    assert 0 <= image_seed(0, "a") < 2**63


def test_equal_and_empty_texts_are_merged(monkeypatch, tiny_generator, images):
    class Text:
        def __init__(self, text: str) -> None:
            self.text = text

    answer = [[Text("a Dog"), Text(""), Text("\x00 "), Text("a cat"), Text("A dog.")]]
    monkeypatch.setattr(tiny_generator, "caption", lambda *_, **__: answer)
    features = tiny_generator.encode(images[:1])
    found = write_captions(tiny_generator, features, HASHES[:1], CAPTIONS)
    assert [text.text for text in found[0]] == ["a Dog", "a cat"]
    found = write_captions(
        tiny_generator, features, HASHES[:1], replace(CAPTIONS, prompt="a photo of")
    )
    assert found[0][0].text == "a photo of a Dog"


@pytest.mark.parametrize(
    "decode",
    [DecodeConfig(max_new_tokens=4), DecodeConfig(mode="beam", beams=2, max_new_tokens=4)],
    ids=["greedy", "beam"],
)
def test_other_ways_to_write_take_no_seed(decode, tiny_generator, images):
    features = tiny_generator.encode(images)
    config = CaptionConfig(num=1, decode=decode)
    found = write_captions(tiny_generator, features, HASHES, config)
    expected = tiny_generator.caption(features, decode=decode)
    assert [[text.text for text in texts] for texts in found] == [
        [text.text for text in texts if text.text] for texts in expected
    ]
