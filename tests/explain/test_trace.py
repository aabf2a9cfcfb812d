"""A trace against computations of its own, gradients against finite differences."""

import pytest
import torch
from PIL import Image
from transformers.models.blip_2 import modeling_blip_2

from blip2core.errors import ConfigError, ModelError, TextError
from blip2core.explain import Trace, trace
from blip2core.explain.occlusion import hide_patches
from blip2core.explain.trace import rank_cosines
from blip2core.models import ImageFeatures, Matcher
from tests import tiny
from tests.explain.conftest import TEXT


def test_the_image_is_never_encoded_again(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    before = tiny_matcher.vision.calls
    trace(tiny_matcher, features, TEXT, gradients=True)
    assert tiny_matcher.vision.calls == before


def test_maps_are_those_of_an_eager_model(traced: Trace, features: ImageFeatures) -> None:
    model, _ = tiny.retrieval()  # the same weights again
    model.qformer.set_attn_implementation("eager")
    vision = model.vision_model.post_layernorm(features.vision)
    output = model.qformer(
        query_embeds=model.query_tokens, encoder_hidden_states=vision, output_attentions=True
    )
    assert traced.layers == (0,)
    torch.testing.assert_close(traced.alone.cross, torch.cat(output.cross_attentions))


def test_self_attention_is_that_of_the_formula(traced: Trace) -> None:
    model, _ = tiny.retrieval()
    inner = model.qformer.encoder.layer[0].attention.attention
    words = model.embeddings(
        input_ids=torch.tensor([model_ids(traced)]), query_embeds=model.query_tokens
    )
    hidden = model.qformer.layernorm(words)[0]
    asked, told = (
        layer(hidden).view(len(hidden), 2, 8).transpose(0, 1) for layer in (inner.query, inner.key)
    )
    expected = (asked @ told.transpose(1, 2) / 8**0.5).softmax(dim=-1)
    torch.testing.assert_close(traced.together.within[0], expected)


def model_ids(traced: Trace) -> list[int]:
    ids = tiny.letter_tokenizer().convert_tokens_to_ids(list(traced.tokens))
    return list(ids)


def test_rows_sum_to_one(traced: Trace) -> None:
    for seen in (traced.alone, traced.together):
        for maps in (seen.cross, seen.within):
            torch.testing.assert_close(maps.sum(dim=-1), torch.ones(maps.shape[:-1]))
    queries, tokens = tiny.QUERIES, len(traced.tokens)
    assert traced.together.cross.shape == (1, 2, queries, 5)  # 2 x 2 patches and the class token
    assert traced.together.within.shape == (2, 2, queries + tokens, queries + tokens)
    assert traced.alone.within.shape == (2, 2, queries, queries)
    assert (traced.grid, traced.class_token) == ((2, 2), True)


def test_scores_are_those_of_the_matcher(
    tiny_matcher: Matcher, features: ImageFeatures, traced: Trace
) -> None:
    match = tiny_matcher.match(features, [TEXT])[0]
    assert traced.itm == pytest.approx(match.itm, abs=1e-5)
    assert traced.cosines.winner == match.query
    assert float(traced.cosines.values[match.query]) == pytest.approx(match.itc, abs=1e-5)
    ordered = traced.cosines.values.sort(descending=True).values
    assert traced.cosines.margin == pytest.approx(float(ordered[0] - ordered[1]))
    assert traced.model == "tiny-blip2"


def test_a_lone_query_has_no_runner_up() -> None:
    assert rank_cosines(torch.tensor([0.5])).margin is None


@pytest.mark.parametrize(
    ("kind", "place"), [("crossattention", (0, 1, 2, 3)), ("attention", (1, 0, 2, 7))]
)
def test_gradients_are_finite_differences(
    features: ImageFeatures,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    place: tuple[int, int, int, int],
) -> None:
    matcher = tiny.matcher(tiny.retrieval())
    seen = trace(matcher, features, TEXT, gradients=True).together
    gradients = seen.cross_gradients if kind == "crossattention" else seen.within_gradients
    layer, head, row, column = place
    changed = getattr(matcher.model.qformer.encoder.layer[layer], kind).attention
    matcher.model.qformer.set_attn_implementation("eager")
    eager = modeling_blip_2.eager_attention_forward
    step = [0.0]

    def attend(module: object, query: torch.Tensor, *rest: torch.Tensor, **known: object) -> object:
        output, weights = eager(module, query, *rest, **known)
        if module is changed:
            output = output.clone()
            output[0, row, head] += step[0] * rest[1][0, head, column]  # more weight on one value
        return output, weights

    monkeypatch.setattr(modeling_blip_2, "eager_attention_forward", attend)
    margins = []
    for step[0] in (-0.01, 0.01):
        margins.append(matcher.itm(features, [TEXT]).double().logit())
    slope = float(margins[1] - margins[0]) / 0.02
    expected = float(gradients[layer, head, row, column])
    assert abs(expected) > 1e-3
    assert slope == pytest.approx(expected, rel=0.03)


def test_words_are_told_apart_by_place(traced: Trace) -> None:
    assert [word.text for word in traced.words] == ["a", "car", ",", "a", "red", "car"]
    assert [word.tokens for word in traced.words] == [
        (1,),
        (2, 3, 4),
        (5,),
        (6,),
        (7, 8, 9),
        (10, 11, 12),
    ]
    assert traced.tokens[2:5] == ("c", "##a", "##r")
    assert (traced.tokens[0], traced.tokens[-1]) == ("[CLS]", "[SEP]")


def test_a_long_text_has_the_words_that_were_read(features: ImageFeatures) -> None:
    matcher = tiny.matcher(tiny.retrieval(), text_limit=6)
    seen = trace(matcher, features, "Car, red")
    assert seen.truncated
    assert [word.text for word in seen.words] == ["Car", ","]
    assert len(seen.tokens) == 6


def test_without_text_there_is_the_image(tiny_matcher: Matcher, features: ImageFeatures) -> None:
    seen = trace(tiny_matcher, features)
    assert (seen.together, seen.cosines, seen.itm, seen.words) == (None, None, None, ())
    assert seen.shown is seen.alone


def test_works_inside_inference_mode(tiny_matcher: Matcher, images: list[Image.Image]) -> None:
    with torch.inference_mode():
        features = tiny_matcher.encode(images[:1])
        seen = trace(tiny_matcher, features, "a car", gradients=True)
    assert seen.together.cross_gradients.abs().max() > 0


def test_mistakes_are_told(
    tiny_matcher: Matcher, tiny_blip_matcher: Matcher, images: list[Image.Image]
) -> None:
    features = tiny_matcher.encode(images)
    with pytest.raises(ModelError, match="one image, not of 3"):
        trace(tiny_matcher, features)
    with pytest.raises(ModelError, match="no Q-Former"):
        trace(tiny_blip_matcher, tiny_blip_matcher.encode(images[:1]))
    with pytest.raises(ConfigError, match="gradients need a text"):
        trace(tiny_matcher, features[0], gradients=True)
    for empty in ("", "  "):
        with pytest.raises(TextError, match="empty"):
            trace(tiny_matcher, features[0], empty)
    with pytest.raises(
        ModelError, match="have 3 of the 4 patches of a whole image.*before patches were hidden"
    ):
        trace(tiny_matcher, hide_patches(features[0], [1], (2, 2)))
