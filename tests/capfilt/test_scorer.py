"""Scores of a batch are those of each pair, and say what they were made with."""

import hashlib

import pytest
import torch

from blip2core.capfilt import score, scorer_identity
from blip2core.errors import ModelError
from blip2core.models import load_matcher
from blip2core.models.matcher import ROWS_PER_PASS
from blip2core.records import Candidate
from tests import tiny


def candidates(*texts: str) -> list[Candidate]:
    return [Candidate(text=text, source="web") for text in texts]


def test_a_batch_gives_the_scores_of_each_pair(any_matcher, images):
    features = any_matcher.encode(images)
    texts = [candidates("a cat", "two dogs"), [], candidates("a much longer text of a bird")]
    found = score(any_matcher, features, texts)
    assert [len(listed) for listed in found] == [2, 0, 1]
    for row in (0, 2):
        words = [candidate.text for candidate in texts[row]]
        for scored, expected in zip(
            found[row], any_matcher.match(features[row], words), strict=True
        ):
            assert scored.candidate.text == expected.text
            assert scored.itm == pytest.approx(expected.itm, abs=1e-5)
            assert scored.itc == pytest.approx(expected.itc, abs=1e-5)


def test_more_pairs_than_go_through_at_once(tiny_matcher, images):
    words = [f"cat {number}" for number in range(ROWS_PER_PASS // 2 + 3)]
    features = tiny_matcher.encode(images[:2])
    found = score(tiny_matcher, features, [candidates(*words)] * 2)
    assert [[one.candidate.text for one in listed] for listed in found] == [words, words]
    last = tiny_matcher.match(features[1], words[-1:])[0]
    assert found[1][-1].itm == pytest.approx(last.itm, abs=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_cosine_that_rounding_made_too_large_is_in_range(sign, tiny_matcher, images, monkeypatch):
    """The database takes only values from -1 to 1."""
    rounded = torch.tensor([[1 + 2e-7, 0.0]])
    monkeypatch.setattr(tiny_matcher, "embed_images", lambda features: rounded[:, None])
    monkeypatch.setattr(tiny_matcher, "embed_texts", lambda texts: sign * rounded)
    assert (rounded @ rounded.T).item() > 1
    found = score(tiny_matcher, tiny_matcher.encode(images[:1]), [candidates("a cat")])
    assert found[0][0].itc == sign


def test_the_end_of_a_long_text_is_not_read_and_that_is_said(images):
    matcher = tiny.matcher(tiny.retrieval(), text_limit=8)
    features = matcher.encode(images[:1])
    short, long, longer = score(matcher, features, [candidates("abcdef", "abcdefg", "abcdefzzz")])[
        0
    ]
    assert (short.tokens, short.truncated) == (8, False)
    assert (long.tokens, long.truncated) == (9, True)
    assert longer.truncated and longer.itm == pytest.approx(short.itm)


def test_lists_must_fit_the_images(tiny_matcher, images):
    with pytest.raises(ModelError, match="3 images and 1 list of texts do not fit"):
        score(tiny_matcher, tiny_matcher.encode(images), [[]])


def test_identity_of_a_folder_is_its_weights(tmp_path):
    model, processor = tiny.retrieval()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    matcher = load_matcher(str(tmp_path), device="cpu", dtype="float32")
    identity = scorer_identity(matcher)
    weights = (tmp_path / "model.safetensors").read_bytes()
    assert identity.revision == hashlib.sha256(weights).hexdigest()
    assert (identity.dtype, identity.text_limit) == ("float32", matcher.text_limit)
    assert len(identity.preprocessing) == 64
    assert scorer_identity(matcher) == identity


def test_identity_of_another_preparation_is_another(tiny_matcher):
    other = tiny.matcher(tiny.retrieval())
    other.vision.image_processor.size = {"height": 14, "width": 14}
    first, second = scorer_identity(tiny_matcher), scorer_identity(other)
    assert first.preprocessing != second.preprocessing
    assert first.revision == second.revision == "main"
