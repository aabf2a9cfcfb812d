"""One formula for each kind of model; that they equal transformers' is in test_matcher.py."""

import torch

from blip2core.models.match_formulas import BlipMatching, QFormerMatching, matching_of
from tests import tiny


def test_the_formulas_go_with_the_class():
    assert isinstance(matching_of(tiny.retrieval()[0]), QFormerMatching)
    assert isinstance(matching_of(tiny.blip_matcher()[0]), BlipMatching)


def test_embeddings_have_length_one(any_matcher, images):
    vision = any_matcher.encode(images).vision
    ids = torch.tensor([[2, 6, 7, 3], [2, 6, 3, 0]])
    embedded = any_matcher.matching.embed_images(vision)
    texts = any_matcher.matching.embed_texts(ids, (ids != 0).long())
    assert embedded.shape == (3, tiny.QUERIES if any_matcher.spec.family == "blip2" else 1, 12)
    assert texts.shape == (2, 12)
    for embeddings in (embedded, texts):
        lengths = embeddings.norm(dim=-1)
        assert torch.allclose(lengths, torch.ones_like(lengths))
