import random
from collections import Counter

import pytest

from blip2core.errors import DataError
from blip2core.stickers.captions import SceneCaption, parse
from blip2core.stickers.scene import SPLITS
from blip2core.training import sticker_pairs
from blip2core.training.sticker_pairs import StickerPairs


def test_texts_are_true_and_hard_texts_are_false() -> None:
    pairs = StickerPairs(40)
    for index in range(len(pairs)):
        statement = pairs.text(index, random.Random(index))
        assert pairs.matches(index, statement)
        hard = pairs.hard_text(index, random.Random(index))
        scene, claimed = pairs.scene(index), parse(hard or "")
        claims = all(claim.is_true_of(scene) for claim in claimed.claims)
        assert hard and not (claimed.claims and claims and claimed.place in (None, scene.place))


def test_captions_true_and_false_come_wrapped_in_junk_too() -> None:
    pairs = StickerPairs(300)
    true = [pairs.text(index, random.Random(index)) for index in range(300)]
    captions = [one for one in true if isinstance(one.meaning, SceneCaption)]
    wrapped = [one for one in captions if one.text != one.meaning.text]
    assert 0.2 < len(wrapped) / len(captions) < 0.4
    assert all(one.meaning.text in one.text for one in wrapped)
    false = [pairs.hard_text(index, random.Random(index)) or "" for index in range(300)]
    assert any("free shipping" in text for text in false)
    assert any(not parse(text).claims for text in false)  # words of the web alone


def test_captions_are_drawn_in_the_shares_of_their_kinds() -> None:
    pairs = StickerPairs(2000)
    drawn = Counter[str]()
    for index in range(len(pairs)):
        said = pairs.text(index, random.Random(index)).meaning
        if not isinstance(said, SceneCaption):
            drawn["reading"] += 1
        elif said.place is not None and len(said.claims) == len(pairs.scene(index).groups):
            drawn["full"] += 1
        else:
            drawn["less"] += 1
    shares = {kind: count / len(pairs) for kind, count in drawn.items()}
    assert shares["reading"] == pytest.approx(0.3, abs=0.04)
    assert 0.38 < shares["full"] < 0.55


def test_truth_goes_beyond_equal_texts() -> None:
    pairs = StickerPairs(300)
    statements = [pairs.text(index, random.Random(index)) for index in range(300)]
    also_true = sum(
        pairs.matches(image, statement)
        for number, statement in enumerate(statements)
        for image in range(300)
        if image != number
    )
    assert 0 < also_true < 3000


def test_splits_hold_different_scenes_and_no_more_than_there_are() -> None:
    training, validation = StickerPairs(5), StickerPairs(5, split="validation")
    assert training.identity != validation.identity != StickerPairs(4, split="validation").identity
    assert {validation.scene(i).seed for i in range(5)} <= set(SPLITS["validation"])
    assert training.passage(2, random.Random(0)) == training.passage(2, random.Random(0))
    with pytest.raises(DataError, match="has 1000000 scenes"):
        StickerPairs(2_000_000, split="validation")


def test_images_are_painted_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = StickerPairs(3)
    painted = []
    monkeypatch.setattr(sticker_pairs, "paint", painted.append)
    pairs.text(1, random.Random(0))
    assert not painted
    pairs.image(1)
    assert painted == [pairs.scene(1)]
