"""The matcher scores as transformers' own class does, and sees each image once."""

from typing import Any

import pytest
import torch
from PIL import Image

from blip2core.capfilt.scorer import score
from blip2core.errors import ModelError, TextError
from blip2core.models import Matcher
from blip2core.models.matcher import cosines_of
from blip2core.records import Candidate
from tests import tiny

TEXTS = ["a cat", "two small birds near a tree", "b"]


def theirs(matcher: Matcher, images: list[Image.Image], texts: list[str], itm: bool) -> Any:
    """(B, 2) ITM logits of pairs, or (B, N) cosines, by transformers' forward pass."""
    inputs = matcher.processor(images=images, text=texts, padding=True, return_tensors="pt")
    if matcher.spec.family == "blip":
        return matcher.model(**inputs, use_itm_head=itm).itm_score
    return matcher.model(**inputs, use_image_text_matching_head=itm).logits_per_image


def test_itm_of_pairs_equals_transformers(any_matcher, images):
    ours = any_matcher.itm(any_matcher.encode(images), TEXTS)
    expected = theirs(any_matcher, images, TEXTS, itm=True).softmax(dim=-1)[:, 1]
    assert torch.allclose(ours, expected, atol=1e-6)
    assert expected.max() - expected.min() > 1e-3, "the pairs must differ"


def test_itc_equals_transformers(any_matcher, images):
    ours = any_matcher.itc(any_matcher.encode(images), TEXTS[:2])
    expected = theirs(any_matcher, images, TEXTS[:2], itm=False)
    assert ours.shape == (3, 2)
    assert torch.allclose(ours, expected, atol=1e-6)


def test_itm_is_one_softmax_over_the_mean_of_query_logits(tiny_matcher, images):
    features = tiny_matcher.encode(images[:1])
    model = tiny_matcher.model
    seen: list[torch.Tensor] = []
    handle = model.itm_head.register_forward_hook(lambda _, __, output: seen.append(output))
    probability = tiny_matcher.match(features, ["a cat"])[0].itm
    handle.remove()
    (logits,) = seen  # (1, Q, 2)
    assert logits.shape == (1, tiny.QUERIES, 2)
    no_match, match = logits[0].mean(dim=0).exp().tolist()
    assert probability == pytest.approx(match / (match + no_match), abs=1e-6)


def test_many_texts_against_one_image_equal_pair_by_pair(any_matcher, images):
    features = any_matcher.encode(images)
    together = any_matcher.match(features[1], TEXTS)
    assert [match.text for match in together] == TEXTS
    itm = theirs(any_matcher, [images[1]] * 3, TEXTS, itm=True).softmax(dim=-1)[:, 1]
    itc = theirs(any_matcher, [images[1]], TEXTS, itm=False)[0]
    assert [match.itm for match in together] == pytest.approx(itm.tolist(), abs=1e-6)
    assert [match.itc for match in together] == pytest.approx(itc.tolist(), abs=1e-6)


def test_the_winning_query_is_the_one_with_the_best_cosine(tiny_matcher, images):
    features = tiny_matcher.encode(images)
    for image in range(3):
        embedded = tiny_matcher.embed_images(features[image])[0]  # (Q, E)
        for match in tiny_matcher.match(features[image], TEXTS):
            cosines = embedded @ tiny_matcher.embed_texts([match.text])[0]
            assert match.query == int(cosines.argmax())
            assert match.itc == pytest.approx(float(cosines.max()), abs=1e-6)


def test_one_vision_pass_and_one_key_projection_for_all_texts(tiny_matcher, images):
    model = tiny_matcher.model
    keys = model.qformer.encoder.layer[0].crossattention.attention.key
    vision_rows, key_rows = [], []
    handles = [
        model.vision_model.encoder.register_forward_hook(
            lambda _, __, output: vision_rows.append(len(output.last_hidden_state))
        ),
        keys.register_forward_hook(lambda _, __, output: key_rows.append(len(output))),
    ]
    before = tiny_matcher.vision.calls
    tiny_matcher.match(tiny_matcher.encode(images[:1]), TEXTS * 5)
    for handle in handles:
        handle.remove()
    assert vision_rows == [1] and tiny_matcher.vision.calls == before + 1
    assert key_rows == [1, 1], "once for the queries of ITC, once for all texts of ITM"


def test_more_texts_and_images_than_go_through_together(tiny_matcher, images, monkeypatch):
    features = tiny_matcher.encode(images)
    whole = [
        tiny_matcher.itc(features, TEXTS),
        tiny_matcher.itm(features, TEXTS),
        tiny_matcher.itm(features[0], TEXTS),
    ]
    monkeypatch.setattr("blip2core.models.matcher.ROWS_PER_PASS", 2)
    parts = [
        tiny_matcher.itc(features, TEXTS),
        tiny_matcher.itm(features, TEXTS),
        tiny_matcher.itm(features[0], TEXTS),
    ]
    for one, other in zip(whole, parts, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_truncation_is_reported(tiny_matcher, images):
    limited = tiny.matcher((tiny_matcher.model, tiny_matcher.processor), text_limit=6)
    features = limited.encode(images[:1])
    short, exact, long = limited.match(features, ["abc", "abcd", "abcdxyz"])
    assert (short.truncated, exact.truncated, long.truncated) == (False, False, True)
    assert long.itm == pytest.approx(exact.itm, abs=1e-6), "only the beginning is read"
    assert tiny_matcher.text_limit == 48 and limited.text_limit == 6
    assert tiny_matcher.match(features, ["a" * 100])[0].truncated


def test_rank_reorders_the_shortlist_by_itm(any_matcher, images):
    features = any_matcher.encode(images)
    itc = any_matcher.itc(features, ["a cat"])[:, 0]
    itm = any_matcher.itm(features, ["a cat"] * 3)
    ranked = any_matcher.rank("a cat", features, shortlist=2)
    shortlist = itc.argsort(descending=True)[:2].tolist()
    assert [index for index, _ in ranked] == sorted(shortlist, key=lambda i: -itm[i])
    for index, match in ranked:
        alone = any_matcher.match(features[index], ["a cat"])[0]
        assert match.itm == pytest.approx(alone.itm, abs=1e-6)
        assert match.itc == pytest.approx(alone.itc, abs=1e-6)
        assert (match.query, match.text) == (alone.query, "a cat")
    assert len(any_matcher.rank("a cat", features)) == 3


def test_rank_with_embeddings_at_hand(tiny_matcher, images):
    features = tiny_matcher.encode(images)
    embeddings = tiny_matcher.embed_images(features)
    assert embeddings.shape == (3, tiny.QUERIES, 12)
    again = tiny_matcher.rank("a cat", features, embeddings=embeddings)
    assert again == tiny_matcher.rank("a cat", features)


def test_what_cannot_be_matched(tiny_matcher, images):
    features = tiny_matcher.encode(images)
    with pytest.raises(TextError, match="empty"):
        tiny_matcher.match(features[0], ["a cat", "  "])
    with pytest.raises(ModelError, match="one image, not of 3"):
        tiny_matcher.match(features, TEXTS)
    with pytest.raises(ModelError, match="2 texts and 3 images do not fit"):
        tiny_matcher.itm(features, TEXTS[:2])
    foreign = tiny.matcher(tiny.retrieval(seed=1)).encode(images)
    with pytest.raises(ModelError, match="another image encoder"):
        tiny_matcher.itc(foreign, TEXTS)


def test_a_checkpoint_with_image_tokens_in_its_texts_loses_no_words(images):
    """With `image_token_index` set, transformers cuts placeholders off; here there are none."""
    plain = tiny.matcher(tiny.retrieval())
    expected = plain.match(plain.encode(images[:1]), TEXTS)
    model, processor = tiny.retrieval()
    model.config.image_token_index = processor.tokenizer.convert_tokens_to_ids("<image>")
    processor.num_query_tokens = tiny.QUERIES
    matcher = tiny.matcher((model, processor))
    assert matcher.match(matcher.encode(images[:1]), TEXTS) == expected
    logits = theirs(matcher, images[:1], TEXTS[:1], itm=True)
    assert logits.softmax(dim=-1)[0, 1].item() == pytest.approx(expected[0].itm, abs=1e-6)


def test_no_cosine_leaves_its_range(
    tiny_matcher: Matcher, images: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embeddings of length 1 as float32 has them: a little longer, so that products exceed 1."""
    features = tiny_matcher.encode(images[:2])
    width = tiny_matcher.embed_texts(["a"]).shape[1]
    unit = torch.zeros(width)
    unit[0] = 1.0000002
    queries = torch.stack([unit, -unit]).repeat(2, 1, 1)  # (2, 2, E)
    monkeypatch.setattr(tiny_matcher, "embed_images", lambda given: queries[: len(given)])
    monkeypatch.setattr(tiny_matcher, "embed_texts", lambda texts: unit.repeat(len(texts), 1))
    assert tiny_matcher.match(features[[0]], ["a", "b"])[1].itc == 1.0
    assert [found.itc for _, found in tiny_matcher.rank("a", features)] == [1.0, 1.0]
    assert tiny_matcher.itc(features, ["a"]).tolist() == [[1.0], [1.0]]
    scored = score(tiny_matcher, features, [[Candidate(text="a", source="web")]] * 2)
    assert [one[0].itc for one in scored] == [1.0, 1.0]
    assert cosines_of(queries[0], -unit).tolist() == [-1.0, 1.0]
